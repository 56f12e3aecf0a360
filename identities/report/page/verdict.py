"""A verdict as pages show it: a word for it, and an error for each dtype."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from identities.catalog import Identity
from identities.report.verdicts import Record


@dataclass(frozen=True)
class Verdict:
    """What is known of one identity.

    **Fields:**

    - `word`: `verified`, `FAILED` or `not verified`.
    - `errors`: for each dtype the worst error of all witnesses, in units of rounding, as it is printed.
    - `record`: where this is from, if there is a verdict.
    """

    word: str
    errors: Mapping[str, str]
    record: Record | None

    @property
    def passed(self) -> bool:
        return self.word == "verified"


def verdict_of(identity: Identity, record: Record | None) -> Verdict:
    """The verdict that a record holds; without one, that there is none."""
    if record is None:
        return Verdict("not verified", {}, None)
    by_dtype: dict[str, list[float | None]] = {}
    for errors in record["errors"].values():
        for dtype, error in errors.items():
            by_dtype.setdefault(dtype, []).append(error)
    printed = {dtype: _printed(errors, identity.exact) for dtype, errors in by_dtype.items()}
    return Verdict("verified" if record["passed"] else "FAILED", printed, record)


def _printed(errors: list[Any], exact: bool) -> str:
    worst = float("inf") if None in errors else max(errors)
    if exact:
        return "exact" if worst == 0 else "differs"
    return "∞" if worst == float("inf") else f"{worst:.1f}"
