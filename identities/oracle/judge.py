"""The verdict on a candidate: whether it is right; or what is wrong, and where that shows first."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from identities.catalog import Identity
from identities.oracle.arguments import Shape, draw_shapes
from identities.oracle.calling import Fault
from identities.oracle.candidate import Attempt, Candidate, attempt, repeats
from identities.oracle.counterexample import simplicity, smaller_shapes
from identities.oracle.diagnosis import Diagnosis, diagnose
from identities.oracle.programs import cpu
from identities.oracle.trial import Plan
from identities.oracle.verify import Verification, check_options
from identities.oracle.witness import WITNESSES, axes
from identities.signature import describe

ENDED = ("timeout", "crash")
"""Faults after which a candidate is not called again."""


class CandidateMismatch(AssertionError):
    """A candidate is wrong.

    **Fields:**

    - `identity`: the name of what it was judged against.
    - `dtype`: of the arguments.
    - `arguments`: the smallest counterexample, of the smallest shape and there of simple values, by name.
    - `expected`, `got`: there; `got` is what came back in words if it was no array.
    - `diagnosis`: the mistake, with `kind`, `sentence` and, where there is one, `factor`.
    """

    __module__ = "identities"  # where it is found, and what a traceback says

    def __init__(
        self,
        identity: str,
        dtype: str,
        arguments: Mapping[str, np.ndarray],
        expected: np.ndarray,
        got: np.ndarray | str,
        diagnosis: Diagnosis,
        asked: str,
        repeat: str,
    ):
        super().__init__(identity, dtype, arguments, expected, got, diagnosis, asked, repeat)
        self.identity, self.dtype, self.arguments = identity, dtype, arguments
        self.expected, self.got, self.diagnosis = expected, got, diagnosis
        self.asked, self.repeat = asked, repeat

    def __str__(self) -> str:
        from identities.oracle.report import explain_mismatch

        return explain_mismatch(self)


def judge(
    candidate: Candidate, identity: Identity, dtypes: Sequence[str], shapes: int, instances: int, seed: int, repeat: str
) -> Verification:
    """The verdict on a candidate, wherever it runs; `repeat` is the command that gives it again.

    **Raises:** `CandidateMismatch`.
    """
    identity = replace(identity, exact=False)  # who computes the same in another way may round
    plan = plan_of(dtypes, shapes, instances, seed)
    errors = {witness: dict.fromkeys(plan.dtypes, 0.0) for witness in WITNESSES}
    drawn = draw_shapes(identity, plan.shapes, plan.seed)
    tried = 0
    for dtype in plan.dtypes:
        once = functools.partial(attempt, identity, candidate, dtype, plan)
        attempts = [once(shape) for shape in drawn]
        _check_judged(identity, attempts)
        if not all(a.right.all() for a in attempts):
            diagnosis, shown = verdict_on(candidate, attempts, once)
            raise CandidateMismatch(*evidence(identity.name, shown), diagnosis, _asked(identity), repeat)
        tried += sum(len(a.outcomes) for a in attempts)
        for witness, worst in errors.items():
            worst[dtype] = max(float(a.errors[witness].max()) for a in attempts)
    return Verification(identity.name, True, len(drawn), tried, errors, None, None, plan)


def _check_judged(identity: Identity, attempts: Sequence[Attempt]) -> None:
    """Complain of a function that has no derivative at most of the arguments."""
    judged, of = sum(int(a.judged.sum()) for a in attempts), sum(len(a.judged) for a in attempts)
    if 2 * judged < of:
        a = next(a for a in attempts if not a.judged.all())
        at = {name: values[int(np.argmin(a.judged))].tolist() for name, values in a.batch.items()}
        raise ValueError(
            f"{identity.function.__name__} has no finite and continuous derivative by {' and '.join(identity.along)} "
            f"at {of - judged} of {of} drawn arguments, as at {at}; say with `domains` which values are meant"
        )


def verdict_on(
    candidate: Candidate, attempts: Sequence[Attempt], once: Callable[[Shape], Attempt]
) -> tuple[Diagnosis, tuple[Attempt, int]]:
    """The mistake, and the attempt and instance that show it best: of the smallest shape, and of simple values."""

    def size(a: Attempt) -> int:
        return sum(size for _, size in a.shape.sizes)

    ended = [a for a in attempts if any(fault.kind in ENDED for _, fault in a.faults)]
    if ended:
        smallest = min(ended, key=size)
        return diagnose(attempts, deterministic=True), (smallest, smallest.faults[-1][0])
    smallest = min((a for a in attempts if not a.right.all()), key=size)
    known = {a.shape: a for a in attempts}
    again = np.flatnonzero(~smallest.right)[:8].tolist()
    diagnosis = diagnose(attempts, deterministic=repeats(candidate, smallest, again))
    for shape in smaller_shapes(smallest.identity, smallest.shape):
        tried = known.get(shape) or once(shape)
        if not tried.right.all():
            smallest = tried
            break
    telling = np.flatnonzero(~smallest.within)  # where the dtype is wrong and not the value, there are none
    simplest = min(
        telling if telling.size else np.flatnonzero(smallest.judged),
        key=lambda i: (not smallest.expected[i].any(), simplicity([v[i] for v in smallest.batch.values()])),
    )
    return diagnosis, (smallest, int(simplest))


def evidence(name: str, shown: tuple[Attempt, int]) -> tuple[str, str, dict[str, np.ndarray], np.ndarray, Any]:
    """The first five fields of a `CandidateMismatch`, by the attempt and instance that are shown."""
    attempt, i = shown
    outcome = attempt.outcomes[i]
    got = (outcome.got or outcome.sentence) if isinstance(outcome, Fault) else outcome
    given = {name: values[i] for name, values in attempt.batch.items()}
    return name, attempt.dtype, given, attempt.expected[i], got


def _asked(identity: Identity) -> str:
    by = " and ".join(identity.along)
    what = {"jacobian": "derivative", "hessian": "second derivative"}.get(identity.kind, identity.kind)
    return f"the {what} of {identity.function.__name__} by {by}, of shape {describe(axes(identity))}"


def plan_of(dtypes: Sequence[str], shapes: int, instances: int, seed: int) -> Plan:
    """The options as a plan; `ValueError` for those that make no sense."""
    check_options(dtypes, shapes, instances)
    return Plan(tuple(dtypes), shapes, instances, seed, cpu())
