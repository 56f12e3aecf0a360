"""A site of the whole catalog of which few identities have a verdict, and those their pattern and conditions too."""

from pathlib import Path

import pytest

import identities
from identities.catalog import Identity
from identities.report.page import identity as identity_page
from identities.report.page.site import write_site
from identities.report.records import verification_record

VERIFIED = ("squared_norm_jacobian", "softmax_vjp", "log_jacobian", "mean_squared_error_jacobian_theta")


def make_site(folder: Path) -> Path:
    records = {
        name: verification_record(identities.verify(name, dtypes=("float64",), shapes=1, instances=16))
        for name in VERIFIED
    }
    with pytest.MonkeyPatch.context() as patched:  # to compute these for all takes long
        for computed, nothing in ((identity_page.needs_of, []), (identity_page.pattern_of, None)):

            def of_few(identity: Identity, computed=computed, nothing=nothing):
                return computed(identity) if identity.name in VERIFIED else nothing

            patched.setattr(identity_page, computed.__name__, of_few)
        write_site(folder, records)
    return folder
