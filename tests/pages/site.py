"""A site of the whole catalog of which few identities have a verdict, and those their pattern and conditions too."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import identities
from identities.catalog import Identity
from identities.report.page import identity as identity_page
from identities.report.page.site import write_site
from identities.report.records import verification_record

VERIFIED = ("squared_norm_jacobian", "softmax_vjp", "log_jacobian", "mean_squared_error_jacobian_theta")


def make_site(folder: Path) -> Path:
    """Write it into a folder, and its verdicts beside that."""
    verdicts = (identities.verify(name, dtypes=("float64",), shapes=1, instances=16) for name in VERIFIED)
    records = {verdict.identity: verification_record(verdict) for verdict in verdicts}
    (folder.parent / "verdicts.json").write_text(json.dumps(list(records.values())))
    with of_few_only():
        write_site(folder, records)
    return folder


@contextlib.contextmanager
def of_few_only() -> Iterator[None]:
    """Where patterns and conditions are computed for these alone: for all that takes long."""
    with pytest.MonkeyPatch.context() as patched:
        for computed, nothing in ((identity_page.needs_of, []), (identity_page.pattern_of, None)):

            def of_few(identity: Identity, computed=computed, nothing=nothing):
                return computed(identity) if identity.name in VERIFIED else nothing

            patched.setattr(identity_page, computed.__name__, of_few)
        yield
