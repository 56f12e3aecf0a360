"""Derivatives that somebody has reported as wrong: a right one each, wrong ones, and some that are no mistake here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from identities import Diagnosis, Verification, check
from identities.catalog import find
from identities.claim import Claim
from identities.oracle.asking import claim, inquiry
from identities.oracle.verdict.inquiry import inquire


@dataclass(frozen=True, eq=False)
class Reported:
    """A derivative, and how it is right.

    **Fields:**

    - `source`: the repository on GitHub, and the number of the report there.
    - `against`: what is claimed, or its name in the catalog.
    - `options`: what it takes to see the difference, as a dtype.
    """

    source: str
    against: Claim | str
    right: Callable[..., Any]
    options: Mapping[str, Any]

    def judge(self, candidate: Callable[..., Any], **options: Any) -> Verification:
        return check(candidate, self.against, **self._asked(options))

    def passes(self, candidate: Callable[..., Any], **options: Any) -> bool:
        """Whether it is accepted; of one that is not, nothing is explained."""
        claimed = self.against if isinstance(self.against, Claim) else find(self.against)
        return inquire(inquiry(claimed, candidate, "check", self._asked(options))).verdict.passed

    def _asked(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"dtypes": ("float64",), **options, **self.options}

    def wrong(self, kinds: str, candidate: Callable[..., Any]) -> None:
        """Declare a derivative that is wrong as the report says.

        `kinds` has what an explanation that is true may be called, with bars between.
        """
        WRONG.append(Wrong(self, tuple(kinds.split("|")), candidate))

    def convention(self, why: str, candidate: Callable[..., Any]) -> None:
        """Declare a derivative that was reported as wrong and is accepted, and why that is so."""
        CONVENTIONS.append(Convention(self, why, candidate))

    def __str__(self) -> str:
        return f"{self.source}: {self.against}"


@dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong derivative, and what is true of the mistake in it."""

    of: Reported
    kinds: tuple[str, ...]
    candidate: Callable[..., Any]

    def judge(self, **options: Any) -> Verification:
        return self.of.judge(self.candidate, **options)

    def is_true(self, diagnosis: Diagnosis) -> bool:
        """Whether an explanation is a true one."""
        return diagnosis.kind in self.kinds

    def __str__(self) -> str:
        return f"{self.of}, {self.kinds[0]}"


@dataclass(frozen=True, eq=False)
class Convention:
    """A derivative that is accepted, since where it differs there is none, or JAX's own differs as well."""

    of: Reported
    why: str
    candidate: Callable[..., Any]

    def __str__(self) -> str:
        return str(self.of)


REPORTS: list[Reported] = []
WRONG: list[Wrong] = []
CONVENTIONS: list[Convention] = []


def vjp(
    source: str, function: Callable[..., Any], wrt: str, signature: str, right: Callable[..., Any], **domains: Any
) -> Reported:
    """Declare a report of a backward pass by one argument."""
    return of_claim(source, claim("vjp", function, wrt, signature, domains), right)


def gradient(
    source: str, function: Callable[..., Any], wrt: str, signature: str, right: Callable[..., Any], **domains: Any
) -> Reported:
    """Declare a report of a gradient, or of a Jacobian, by one argument."""
    return of_claim(source, claim("jacobian", function, wrt, signature, domains), right)


def of_claim(source: str, against: Claim | str, right: Callable[..., Any], **options: Any) -> Reported:
    """Declare a report of any claim, and how it is to be judged."""
    REPORTS.append(Reported(source, against, right, options))
    return REPORTS[-1]
