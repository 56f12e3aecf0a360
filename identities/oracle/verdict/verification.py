"""Verdicts: what was tried and how far off it was; and what is thrown where a candidate is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from identities.derivation import Line
from identities.oracle.diagnosis import Diagnosis
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.verdict.explain import explain_mismatch
from identities.oracle.verdict.plan import Plan


@dataclass(frozen=True, eq=False)
class Counterexample:
    """One instance for which a claim fails, of the smallest shape, and there of simple values.

    **Fields:**

    - `dtype`, `witness`: the computation that failed, and the witness that it contradicts.
    - `arguments`: by name.
    - `expected`, `got`: what the witness says, and what came back, in words if it was no array.
    - `error`: the largest difference, in units of rounding.
    - `leaf`: which of several results it is; empty where there is one.
    - `static`: the options with which it failed.
    """

    dtype: str
    witness: str
    arguments: Mapping[str, np.ndarray]
    expected: np.ndarray
    got: np.ndarray | str
    error: float
    leaf: str = ""
    static: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """The verdict on a claim.

    **Fields:**

    - `identity`: its name.
    - `passed`: whether it held, everywhere.
    - `shapes`, `instances`: how many were tried; an instance is one set of argument values.
    - `errors`: the worst error in units of rounding, by witness and then dtype; at most 8 in
      a claim that passed, and 0 or infinite in an exact one.
    - `bound_log10`: for an exact identity that passed, the decimal logarithm of the probability, at
      most, that a wrong polynomial would have passed (Schwartz-Zippel); None for the others.
    - `counterexample`: the smallest one, if it did not pass.
    - `plan`: the options that it came of.
    - `not_judged`: why instances do not count, and how many there are of each reason: at a pole, or where the
      derivative is beyond the range of the dtype on the way.
    - `warnings`: what is worth knowing of a candidate that is right, as that it writes to its arguments, or is too slow
      to be tried at larger sizes.
    - `derivation`: the verdict on each line of the derivation, if the identity has one; all must hold for it to pass.
    """

    identity: str
    passed: bool
    shapes: int
    instances: int
    errors: Mapping[str, Mapping[str, float]]
    bound_log10: float | None
    counterexample: Counterexample | None
    plan: Plan
    warnings: tuple[str, ...] = ()
    not_judged: Mapping[str, int] = field(default_factory=dict)
    derivation: "tuple[LineVerdict, ...]" = ()

    def __str__(self) -> str:
        shapes = f"{self.shapes} shape{'s' * (self.shapes != 1)}"
        found = f"{self.worst:.2g} units of rounding at most, in {self.judged} calls of {shapes}"
        lines = [f"{self.identity} is {'right' if self.passed else 'wrong'} in {', '.join(self.plan.dtypes)}: {found}"]
        lines += [f"  not judged  {count}: {reason}" for reason, count in self.not_judged.items()]
        lines += [f"  warning     it {warning}" for warning in self.warnings]
        return "\n".join(lines)

    @property
    def judged(self) -> int:
        """How many of the instances count."""
        return self.instances - sum(self.not_judged.values())

    @property
    def worst(self) -> float:
        """The worst error, over witnesses and dtypes."""
        return max((error for by_dtype in self.errors.values() for error in by_dtype.values()), default=0.0)

    def agrees(self, witness: str) -> bool:
        """Whether it held against this witness."""
        return all(error <= TOLERANCE for error in self.errors[witness].values())


class CandidateMismatch(AssertionError):
    """A candidate is wrong.

    **Fields:**

    - `identity`: the name of what it was judged against.
    - `counterexample`: the smallest one, of the smallest shape and there of simple values; its fields `dtype`,
      `arguments`, `expected`, `got`, `leaf` and `static` are there by themselves too.
    - `diagnosis`: the mistake, with `kind`, `sentence` and, where there is one, `factor`; of several wrong results that
      of the first.
    - `diagnoses`: the mistake in each wrong result, by its name.
    - `asked`: what was asked, in words.
    - `repeat`: the command that gives the verdict again.
    """

    __module__ = "identities"  # where it is found, and what a traceback says

    identity: str
    counterexample: Counterexample
    dtype: str
    arguments: Mapping[str, np.ndarray]
    static: Mapping[str, Any]
    expected: np.ndarray
    got: np.ndarray | str
    leaf: str
    diagnosis: Diagnosis
    diagnoses: dict[str, Diagnosis]
    asked: str
    repeat: str
    statement: str

    def __init__(
        self,
        identity: str,
        counterexample: Counterexample,
        diagnoses: Mapping[str, Diagnosis],
        asked: str,
        repeat: str,
        statement: str = "",
    ):
        super().__init__(identity, counterexample, diagnoses, asked, repeat, statement)
        self.identity, self.counterexample, self.diagnoses = identity, counterexample, dict(diagnoses)
        self.asked, self.repeat, self.statement = asked, repeat, statement
        self.dtype, self.arguments = counterexample.dtype, counterexample.arguments
        self.expected, self.got, self.leaf = counterexample.expected, counterexample.got, counterexample.leaf
        self.static = counterexample.static
        self.diagnosis = next(iter(self.diagnoses.values()))

    def __str__(self) -> str:
        return explain_mismatch(self)


class DerivationMismatch(CandidateMismatch):
    """A line of a derivation is not what it should be: `line`, counted from 1, and its `label`."""

    __module__ = "identities"

    line: int
    label: str

    def __init__(self, *evidence: Any, line: int = 0, label: str = ""):
        super().__init__(*evidence)
        self.line, self.label = line, label

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, {"line": self.line, "label": self.label}


@dataclass(frozen=True)
class LineVerdict:
    """The verdict on a line of the derivation of an identity.

    **Fields:**

    - `number`: which line it is, counted from 1.
    - `line`: the line, with shapes in place of its values.
    - `error`: the worst, in units of rounding.
    - `mismatch`: what is wrong with it, or None.
    """

    number: int
    line: Line
    error: float
    mismatch: DerivationMismatch | None = None

    @property
    def passed(self) -> bool:
        return self.mismatch is None

    @property
    def holds(self) -> bool:
        """Whether it is as it is said to be: right, or a misprint."""
        return self.passed != self.line.misprint
