"""Verdicts as text that a person reads."""

import linecache
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from identities.latex import plain

if TYPE_CHECKING:
    from identities.oracle.diagnosis.edits.place import Place
    from identities.oracle.verdict.verification import CandidateMismatch, Counterexample, LineVerdict, Verification


def explain(verification: "Verification", statement: str = "") -> str:
    """Why a claim failed, or its derivation: the smallest counterexample, and the command that repeats it."""
    if verification.passed:
        return f"{verification.identity} passed."
    failed = [_explain_claim(verification, failure, statement)] if (failure := verification.counterexample) else []
    lines = [_explain_line(verification.identity, line) for line in verification.derivation if not line.holds]
    return "\n\n".join([*failed, *lines])


def _explain_line(name: str, verdict: "LineVerdict") -> str:
    if verdict.mismatch:
        return str(verdict.mismatch)
    formula = plain(verdict.line.latex)
    return f"the derivation of {name}: line {verdict.number}, {formula}, is right, and is said to be a misprint"


def _explain_claim(verification: "Verification", failure: "Counterexample", statement: str) -> str:
    same = isinstance(failure.got, np.ndarray) and failure.got.shape == failure.expected.shape
    by = f"off by {_units(failure)}" if same else "of another shape"
    which = f", in {failure.leaf}," * bool(failure.leaf)
    lines = [
        f"{verification.identity} is not what {failure.witness} says{which}{f': {statement}' * bool(statement)}",
        f"  {failure.dtype}, {by}, for",
        *(f"    {line}" for line in given_lines(failure.arguments, failure.static)),
        f"  expected {shown(failure.expected)}{_lost(failure.expected)}",
        f"  got      {shown(failure.got)}",
        f"  repeat with: {command(verification)}",
    ]
    return "\n".join(lines)


def _lost(expected: np.ndarray) -> str:
    """What is to be said of NaN, which nobody expects."""
    return " by automatic differentiation; by differences, it is finite" * bool(np.isnan(expected).any())


def explain_mismatch(mismatch: "CandidateMismatch") -> str:
    """What was asked, the counterexample, the mistake, and the command that repeats it."""
    diagnosis = mismatch.diagnosis
    result = f" for {mismatch.leaf}" * bool(mismatch.leaf)
    others = [f"{leaf}: {found}" for leaf, found in mismatch.diagnoses.items() if str(found) != str(diagnosis)]
    alike = [leaf for leaf, found in mismatch.diagnoses.items() if str(found) == str(diagnosis)]
    which = f"{', '.join(alike)}: " * bool(mismatch.leaf)
    given = given_lines(mismatch.arguments, mismatch.static)
    lines = [
        f"{mismatch.identity} is wrong in {mismatch.dtype}: {which}it {diagnosis.sentence}",
        f"  asked     {mismatch.asked}" + f": {mismatch.statement}" * bool(mismatch.statement),
        *(f"  {'for' if i == 0 else '':<8}  {line}" for i, line in enumerate(given)),
        f"  expected  {shown(mismatch.expected)}{result}{_lost(mismatch.expected)}",
        f"  got       {shown(mismatch.got)}",
        f"  mistake   {diagnosis.kind}" + (f", {diagnosis.factor}" if diagnosis.factor else ""),
        *source_lines(diagnosis.where),
        *_step_lines(diagnosis.step),
        *(f"  besides   {other}" for other in others),
    ]
    if mismatch.repeat:
        lines.append(f"  repeat    {mismatch.repeat}")
    return "\n".join(lines)


def source_lines(place: "Place | None") -> Iterator[str]:
    """A place in somebody's source, with the lines around it and the expression marked, as compilers show it."""
    if place is None:
        return
    yield f"  where     {place.file}:{place.line}"
    width = len(str(place.line + 1))
    for number, line in place.neighbours().items():
        here = ">" if number == place.line else " "
        yield f"  {'':<8} {here} {number:>{width}} | {line}"
        if number == place.line and place.start < place.end <= len(line):
            yield f"  {'':<10} {'':>{width}} | {' ' * place.start}{'^' * (place.end - place.start)}"


def _step_lines(step: "Place | None") -> Iterator[str]:
    """A line of a closed form of the catalog, with the step marked."""
    if step is None:
        return
    line = linecache.getline(step.file, step.line)
    text = line.strip()
    start = step.start - line.index(text)
    yield f"  step      {text}"
    if step.start < step.end <= len(line):
        yield f"  {'':<8}  {' ' * start}{'^' * (step.end - step.start)}"


def given_lines(arguments: Mapping[str, np.ndarray], static: Mapping[str, Any]) -> Iterator[str]:
    """A line for each argument and each option of an instance."""
    for name, value in arguments.items():
        yield f"{name} = {shown(value)}"
    for name, value in static.items():
        yield f"{name} = {value!r}"


def command(verification: "Verification") -> str:
    """The command line that gives the same verdict again."""
    plan = verification.plan
    return (
        f"identities verify {verification.identity} --dtypes {' '.join(plan.dtypes)} --shapes {plan.shapes} "
        f"--instances {plan.instances} --seed {plan.seed} --device {plan.device.platform}"
    )


def _units(failure: "Counterexample") -> str:
    return f"{failure.error:.3g} rounding units" if np.isfinite(failure.error) else "more than rounding explains"


_WIDE = (np.float32, np.float64, np.complex64, np.complex128)


_MOST_SHOWN = 1500


def shown(values: "np.ndarray | str") -> str:
    """An array in one line; what came back in words as it is."""
    if isinstance(values, str):
        return values
    # As many digits as it takes to tell it from its neighbours in its own dtype: mistakes may be small.
    values = np.asarray(values)
    values = values if values.dtype in _WIDE or values.dtype.kind in "iub" else values.astype(np.float32)
    # NumPy leaves out the middle of an axis, and nothing of many short ones.
    many = math.prod(min(n, 6) for n in values.shape) > _MOST_SHOWN
    some = values.ravel()[:6] if many else values
    text = np.array2string(some, precision=17, floatmode="unique", separator=", ", threshold=40)
    return " ".join(text.split()) + f", the first of an array of shape {values.shape}" * many
