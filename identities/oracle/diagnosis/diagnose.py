"""The order in which explanations are tried. The first that reproduces every instance is given."""

import math
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from identities.dimensions import describe
from identities.oracle.diagnosis.case import Case, Diagnosis, Sample, case_of
from identities.oracle.diagnosis.edits import given
from identities.oracle.diagnosis.edits.proposals import Proposal
from identities.oracle.diagnosis.edits.search import find_edit
from identities.oracle.diagnosis.factors import Factor, find_factor
from identities.oracle.diagnosis.precision import (
    close_to,
    digits,
    finite_differences,
    lower_precision,
    right_to,
    stand_ins,
    sums_kept,
    units,
)
from identities.oracle.diagnosis.reduction import averages
from identities.oracle.diagnosis.regions import find_region
from identities.oracle.diagnosis.relatives import (
    column_major,
    conjugate,
    multipliers,
    other_derivatives,
    own_arguments,
    permutations,
    square,
    symmetrisations,
    truth,
)
from identities.oracle.diagnosis.shapes import relations, shape_sentence, unreduced
from identities.oracle.diagnosis.terms import find_term
from identities.oracle.reference.unit import TOLERANCE, rounding_unit
from identities.oracle.trial import Leaf

NONDETERMINISTIC = "gives different results when it is called again with the same arguments"

_ROUNDING = {"float64": 1000, "float32": 64}
"""Units of rounding, by dtype, that are hardly a mistake in the formula."""


def diagnose(
    leaves: Sequence[Leaf], deterministic: bool, layout: str = "", hints: list[Proposal] | None = None
) -> Diagnosis:
    """What is wrong with one array of the results in one dtype, which is not right everywhere.

    **Arguments:**

    - `leaves`: that array, at all shapes that were tried.
    - `deterministic`: whether the wrong ones came out the same a second time.
    - `layout`: how the arguments lay in memory, if nothing but that made them wrong.
    - `hints`: what has explained other arrays of the results; what explains this one is added.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # a guess may overflow, or average nothing
            warnings.simplefilter("ignore")
            return _explained(leaves, deterministic, layout, [] if hints is None else hints)
    except Exception as error:  # that the result is wrong is known already, and stays true without an explanation
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        sentence = f"is wrong in {_how_often(leaves)} instances; the explanation itself failed with {said}"
        return Diagnosis("unexplained", sentence, failure=traceback.format_exc())


def _how_often(leaves: Sequence[Leaf]) -> str:
    return f"{sum(int((~leaf.right).sum()) for leaf in leaves)} of {sum(int(leaf.judged.sum()) for leaf in leaves)}"


def _explained(leaves: Sequence[Leaf], deterministic: bool, layout: str, hints: list[Proposal]) -> Diagnosis:
    if layout:
        return Diagnosis("memory", f"reads memory and not the array: it is wrong for {layout} arrays, right elsewhere")
    if not deterministic:
        return Diagnosis("nondeterministic", NONDETERMINISTIC)
    case = case_of(leaves)
    if any(leaf.faults for leaf in leaves):
        return _of_faults(case, leaves)
    if mixed := next((leaf.shapes for leaf in leaves if len(leaf.shapes) > 1), None):
        shapes = " and ".join(map(describe, sorted(mixed)[:3]))
        return Diagnosis("shape", f"returns different shapes for arguments of one shape: {shapes}")
    if case is None:
        return Diagnosis(
            "unexplained", "is wrong in products with random vectors, at a size where nothing more is known"
        )
    if any(sample.got.shape != sample.truth.values.shape for sample in case.samples):
        return _of_shape(case, hints)
    if narrower := next((leaf.narrower for leaf in leaves if leaf.narrower), None):
        diagnosis = Diagnosis("precision", f"returns {narrower} where the arguments are {case.dtype}")
        besides = diagnosis if all(leaf.within.all() for leaf in leaves) else _of_values(case, hints)
        return diagnosis if besides.kind in ("precision", "unexplained") else besides
    found = _of_values(case, hints)
    if found.kind == "unexplained" and (wider := case_of(leaves, special=True)):
        return _of_values(wider, hints)  # as where equal entries make a matrix symmetric
    return found


def _of_faults(case: Case | None, leaves: Sequence[Leaf]) -> Diagnosis:
    _, fault = min(
        ((leaf.shape.total, fault) for leaf in leaves for _, fault in leaf.faults[:1]), key=lambda found: found[0]
    )
    count, of = sum(len(leaf.faults) for leaf in leaves), sum(int(leaf.judged.sum()) for leaf in leaves)
    if count == of or fault.kind == "mutates-arguments":
        return Diagnosis(fault.kind, fault.sentence)
    region = None
    if case is not None:
        known = {(s.shape, len(s.got)): s for s in case.samples}
        pairs = [(known[leaf.shape, len(leaf.got)], leaf) for leaf in leaves if (leaf.shape, len(leaf.got)) in known]
        samples = tuple(replace(sample, kept=leaf.judged) for sample, leaf in pairs)
        failed = [np.isin(np.arange(len(leaf.judged)), [i for i, _ in leaf.faults]) for _, leaf in pairs]
        region = find_region(replace(case, samples=samples), failed)
    return Diagnosis(fault.kind, fault.sentence + (f", {region}" if region else f", in {count} of {of} calls"))


def _of_shape(case: Case, hints: list[Proposal]) -> Diagnosis:
    for what, guess in other_derivatives(case):
        if factor := find_factor(case, guess):
            return Diagnosis("other-argument", f"returns {what}{_times(factor)}".rstrip(","))
    fact = shape_sentence(case)
    for relation in relations(case):
        if case.explained(relation.guess):
            return Diagnosis("shape", f"{relation.sentence}: it {fact}")
    for what, reduce in unreduced(case):
        reduced = case.with_results(lambda sample, reduce=reduce: reduce(sample.got))
        if reduced.explained(truth):
            return Diagnosis("reduction", f"{what}: it {fact}")
    for what, guess in own_arguments(case):
        if factor := find_factor(case, guess):
            return Diagnosis("other-argument", f"returns {what}{_times(factor)}: it {fact}")
    for relation in relations(case):
        if relation.undo is None or any(relation.guess(s).values.shape != s.got.shape for s in case.samples):
            continue
        undone = case.with_results(lambda s, undo=relation.undo: _undo(undo, s))
        besides = _of_values(undone, hints)
        if besides.kind != "unexplained":
            return Diagnosis("shape", f"{fact}, and besides {besides.sentence}", besides.factor)
    return Diagnosis("shape", fact)


def _undo(undo, sample: Sample) -> np.ndarray:
    return np.stack([undo(got, sample.truth.values.shape[1:]) for got in sample.got])


def _times(factor: Factor) -> str:
    return "" if factor.is_one else f" times {factor}"


def _of_values(case: Case, hints: list[Proposal]) -> Diagnosis:
    finite = [_finite(sample) for sample in case.samples]
    if all(f.all() for f in finite):
        return _of_finite_values(case, hints)
    missing = [sample.kept & ~f for sample, f in zip(case.samples, finite, strict=True)]
    entries = [~np.isfinite(s.got) & _is_known(s.truth.values) for s in case.samples]
    region = find_region(case, entries)
    count, of = sum(int(m.sum()) for m in missing), sum(len(m) for m in missing)
    what = "NaN" if any(np.isnan(s.got[m]).any() for s, m in zip(case.samples, missing, strict=True)) else "infinity"
    large = region and ("above" in region or "larger in magnitude" in region)
    sentence = f"{'overflows' if large else f'gives {what}'} {region or f'in {count} of {of} instances'}"
    rest = case.counting(finite)
    if rest.samples and not all(sample.right.all() for sample in rest.samples):
        elsewhere = _of_finite_values(rest, hints)
        if elsewhere.kind != "unexplained":
            return replace(elsewhere, sentence=f"{elsewhere.sentence}; besides, it {sentence}")
    elif rest.samples:
        sentence += ", and is right elsewhere"
    return Diagnosis("non-finite", sentence)


def _finite(sample: Sample) -> np.ndarray:
    lost = ~np.isfinite(sample.got) & _is_known(sample.truth.values)
    lost &= sample.kept.reshape(-1, *[1] * (lost.ndim - 1))
    return np.logical_not(np.any(lost.reshape(len(lost), -1), axis=1, keepdims=True)).ravel()


def _is_known(right: np.ndarray) -> np.ndarray:
    """What is finite: differences say so where an instance counts at which automatic differentiation gives NaN."""
    return ~np.isinf(right)


def _of_finite_values(case: Case, hints: list[Proposal]) -> Diagnosis:
    if TOLERANCE < (off := units(case)) < _ROUNDING.get(case.dtype, 0):
        return Diagnosis(
            "precision", f"is right but for rounding, by up to {off:.0f} units where {TOLERANCE} are allowed"
        )
    if diagnosis := _of_returned(case):
        return diagnosis
    if factor := find_factor(case, truth):
        return _of_factor(case, factor)
    if diagnosis := find_edit(case, hints, (given.cotangents,)):
        return diagnosis
    if case.claim.leaves[0].values == "complex" and (factor := find_factor(case, conjugate)):
        return Diagnosis("conjugate", f"returns the complex conjugate of the right result{_times(factor)}")
    for what, guess in permutations(case):
        if factor := find_factor(case, guess):
            return Diagnosis("transpose", f"returns the right result {what}{_times(factor)}")
    for what, guess in symmetrisations(case):
        if factor := find_factor(case, guess):
            return Diagnosis("symmetrised", f"returns {what}{_times(factor)} the derivative")
    for what, guess in column_major(case):
        if factor := find_factor(case, guess):
            return Diagnosis("layout", f"returns the right entries {what}{_times(factor)}")
    for what, guess in other_derivatives(case):
        if factor := find_factor(case, guess):
            return Diagnosis("other-argument", f"returns {what}{_times(factor)}".rstrip(","))
    if square(case) and (diagnosis := _of_diagonal(case)):
        return diagnosis
    for name, guess in multipliers(case):
        if factor := find_factor(case, guess):
            times = name if factor.is_one else f"{factor} {name}"
            return Diagnosis("factor", f"returns the right result times {times}", times)
    if diagnosis := find_edit(case, hints):
        return diagnosis
    if diagnosis := _of_precision(case):
        return diagnosis
    if case.dtype in ("float64", "float32") and (found := find_term(case)):
        term, factor = found
        constant = replace(factor, constant=-factor.constant)
        return Diagnosis("missing-term", f"lacks the term {_product(constant, str(term))} {_of_entry(case)}".rstrip())
    wrong = [~sample.right for sample in case.samples]
    if region := find_region(case, wrong):
        return Diagnosis("region", f"is wrong {region}, and right elsewhere")
    if 3 <= (known := digits(case, worst=0.95)) < math.inf:
        why = "an approximation, a finite difference, or a constant cut off"
        return Diagnosis("precision", f"is right to about {int(known)} digits only: {why}")
    if _same_entries(case):
        return Diagnosis("layout", "returns the right entries in another order")
    return Diagnosis("unexplained", _pattern(case))


def _of_returned(case: Case) -> Diagnosis | None:
    """Whether what comes back is something that was there before, or one number."""
    for what, guess in own_arguments(case):
        if case.explained(guess):
            return Diagnosis("returned", f"returns {what}")
    everything = np.concatenate([sample.got[sample.kept].ravel() for sample in case.samples])
    if not everything.size or (everything != everything[0]).any():
        return None
    kind = "zero" if everything[0] == 0 else "returned"
    return Diagnosis(kind, f"returns {everything[0]:g} everywhere")


def _product(factor: Factor, term: str) -> str:
    if factor.is_one:
        return term
    minus = replace(factor, constant=-factor.constant).is_one
    return f"-{term}" if minus else f"{factor} {term}"


def _of_entry(case: Case) -> str:
    indices = "ijkl"[: len(case.dims)]
    return f"in entry ({', '.join(indices)})" if len(indices) > 1 else f"in entry {indices}" if indices else ""


def _of_factor(case: Case, factor: Factor) -> Diagnosis:
    if factor.constant == -1 and not factor.powers:
        return Diagnosis("sign", "has the wrong sign", "-1")
    if len(factor.powers) == 1 and abs(factor.powers[0][1]) == 1 and factor.constant == 1:
        ((name, power),) = factor.powers
        averaged = name in case.samples[0].sizes and averages(case, name)
        if averaged is True and power == 1:
            return Diagnosis("reduction", f"sums over {name} where the function averages: {_by(factor)}", str(factor))
        if averaged is False and power == -1:
            return Diagnosis("reduction", f"averages over {name} where the function sums: {_by(factor)}", str(factor))
    return Diagnosis("factor", f"returns {_by(factor)}", str(factor))


def _by(factor: Factor) -> str:
    return f"{factor} times the right result"


def _of_diagonal(case: Case) -> Diagnosis | None:
    """Whether only the diagonal is right, or only what is beside it."""
    samples = [sample for sample in case.samples if sample.got.shape[-1] > 1]
    if not samples:
        return None
    on = [np.broadcast_to(np.eye(s.got.shape[-1], dtype=bool), s.got.shape) for s in samples]
    wrong = [~s.right for s in samples]
    wrong_on = any((w & o).any() for w, o in zip(wrong, on, strict=True))
    wrong_off = any((w & ~o).any() for w, o in zip(wrong, on, strict=True))
    if wrong_on == wrong_off:
        return None
    zero = all(not s.got[s.kept][o[s.kept] == wrong_on].any() for s, o in zip(samples, on, strict=True))
    there, elsewhere = ("on", "off") if wrong_on else ("off", "on")
    where = f"{there} the diagonal{', where it is zero,' * zero} and right {elsewhere} it"
    return Diagnosis("diagonal", f"is wrong {where}")


def _of_precision(case: Case) -> Diagnosis | None:
    for what, guess in stand_ins(case):
        if close_to(case, guess):
            return Diagnosis("precision", f"returns the derivative of {what}")
    if sums_kept(case):
        return Diagnosis("precision", f"is right but for the rounding of sums that are kept in {case.dtype}")
    if digits(case, worst=0.5) < 1.5:  # far off
        return None
    for what, guess in finite_differences(case):
        if case.explained(guess):
            return Diagnosis("precision", f"is {what}: {right_to(case)}")
    if lower := lower_precision(case):
        return Diagnosis("precision", f"is right to the rounding of {lower}, not of {case.dtype}")
    return None


def _same_entries(case: Case) -> bool:
    if case.dtype not in ("float64", "float32"):  # where different entries may look the same
        return False

    def in_order(sample: Sample, values: np.ndarray) -> np.ndarray:
        return np.sort(values[sample.kept].reshape(int(sample.kept.sum()), -1), axis=1)

    for sample in case.samples:
        got, right = in_order(sample, sample.got), in_order(sample, sample.truth.values)
        if not np.allclose(got, right, rtol=0, atol=64 * rounding_unit(case.dtype) * np.abs(right).max(initial=0)):
            return False
    return True


def _pattern(case: Case) -> str:
    wrong = [~sample.right for sample in case.samples]
    instances = sum(int(w.reshape(len(w), -1).any(axis=1).sum()) for w in wrong)
    of = sum(int(sample.kept.sum()) for sample in case.samples)
    error = max(float(np.abs(s.got - s.truth.values)[s.kept].max(initial=0)) for s in case.samples)
    largest = max(float(np.abs(s.truth.values)[s.kept].max(initial=0)) for s in case.samples)
    sentence = (
        f"is wrong in {instances} of {of} instances, by up to {error:.2g} where the largest entry is {largest:.2g}, "
        "in a way that no simple change explains"
    )
    places = _always_right(case)
    return sentence + (f"; right is always {places}" if places else "")


def _always_right(case: Case) -> str:
    """The entries, of the largest sample, that are right in every instance, if there are some and not all."""
    sample = max(case.samples, key=lambda s: s.got[0].size)
    always = sample.right.all(axis=0)
    if always.ndim == 0 or not always.any() or always.all():
        return ""
    places = [describe(tuple(int(i) for i in place)) for place in np.argwhere(always)]
    more = f" and {len(places) - 4} more" if len(places) > 4 else ""
    return f"entry {', '.join(places[:4])}{more} of shape {always.shape}"
