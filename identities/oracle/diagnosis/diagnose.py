"""What is said of a wrong result: what kind of wrong it is, and then its explanation."""

import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from identities.dimensions import describe
from identities.oracle.diagnosis.case import Case, Diagnosis, Sample, case_of
from identities.oracle.diagnosis.edits.confirm import outside
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.diagnosis.edits.proposals import Hints
from identities.oracle.diagnosis.edits.zeros import find_zero
from identities.oracle.diagnosis.explanations import explained, times
from identities.oracle.diagnosis.factors import find_factor
from identities.oracle.diagnosis.positions import always_right
from identities.oracle.diagnosis.regions import find_region
from identities.oracle.diagnosis.relatives import other_derivatives, own_arguments, truth
from identities.oracle.diagnosis.shapes import relations, shape_sentence, unreduced
from identities.oracle.trial import Leaf

NONDETERMINISTIC = "gives different results when it is called again with the same arguments"


def diagnose(leaves: Sequence[Leaf], deterministic: bool, layout: str = "", hints: Hints | None = None) -> Diagnosis:
    """What is wrong with one array of the results in one dtype, which is not right everywhere.

    **Arguments:**

    - `leaves`: that array, at all shapes that were tried.
    - `deterministic`: whether the wrong ones came out the same a second time.
    - `layout`: how the arguments lay in memory, if nothing but that made them wrong.
    - `hints`: of other arrays of the results; what explains this one is added.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # a guess may overflow, or average nothing
            warnings.simplefilter("ignore")
            return _explained(leaves, deterministic, layout, hints or Hints())
    except Exception as error:  # that the result is wrong is known already, and stays true without an explanation
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        sentence = f"is wrong in {_how_often(leaves)} instances; the explanation itself failed with {said}"
        return Diagnosis("unexplained", sentence, failure=traceback.format_exc())


def _how_often(leaves: Sequence[Leaf]) -> str:
    return f"{sum(int((~leaf.right).sum()) for leaf in leaves)} of {sum(int(leaf.judged.sum()) for leaf in leaves)}"


def _explained(leaves: Sequence[Leaf], deterministic: bool, layout: str, hints: Hints) -> Diagnosis:
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
    if short := next((leaf for leaf in leaves if leaf.narrower), None):
        what = "has the digits of" if short.is_coarse else "returns"
        diagnosis = Diagnosis("precision", f"{what} {short.narrower} where the arguments are {case.dtype}")
        besides = diagnosis if all(leaf.within.all() for leaf in leaves) else _of_values(case, hints)
        return diagnosis if besides.kind in ("precision", "unexplained") else besides
    found = _of_values(case, hints)
    if found.kind == "unexplained" and (wider := case_of(leaves, special=True)):
        # What special values explain, as where equal entries make a matrix symmetric, is no edit: that would have to
        # explain the others too.
        searched = not all(sample.right.all() for sample in case.samples)
        return _of_values(wider, Hints(operations=0) if searched else hints)
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
    return Diagnosis(fault.kind, fault.sentence + (f", {region.words}" if region else f", in {count} of {of} calls"))


def _of_shape(case: Case, hints: Hints) -> Diagnosis:
    for what, guess in other_derivatives(case):
        if factor := find_factor(case, guess):
            return Diagnosis("other-argument", f"returns {what}{times(factor)}".rstrip(","))
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
            return Diagnosis("other-argument", f"returns {what}{times(factor)}: it {fact}")
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


def _of_values(case: Case, hints: Hints) -> Diagnosis:
    finite = [_finite(sample) for sample in case.samples]
    if all(f.all() for f in finite):
        return _of_finite_values(case, hints)
    missing = [sample.kept & ~f for sample, f in zip(case.samples, finite, strict=True)]
    entries = [~np.isfinite(s.got) & _is_known(s.truth.values) for s in case.samples]
    sentence, place = _lost(case, missing, entries)
    rest = case.counting(finite)
    if rest.samples and not all(sample.right.all() for sample in rest.samples):
        elsewhere = _of_finite_values(rest, hints)
        wrong = sum(int((~sample.right.reshape(len(sample.got), -1).all(axis=1)).sum()) for sample in rest.samples)
        if elsewhere.kind != "unexplained" or wrong > sum(int(m.sum()) for m in missing):
            return replace(elsewhere, sentence=f"{elsewhere.sentence}; besides, it {sentence}")
    elif rest.samples:
        sentence += ", and is right elsewhere"
    return Diagnosis("non-finite", sentence, where=place)


def _lost(case: Case, missing: Sequence[np.ndarray], entries: Sequence[np.ndarray]) -> tuple[str, Place | None]:
    """What is said of what is not finite: of instances and entries; and the place of a zero that is to blame."""
    what = "NaN" if any(np.isnan(s.got[m]).any() for s, m in zip(case.samples, missing, strict=True)) else "infinity"
    if region := find_region(case, entries):
        large = "above" in region.words or "larger in magnitude" in region.words
        return f"{'overflows' if large else f'gives {what}'} {region.words}", None
    count, of = sum(int(m.sum()) for m in missing), sum(int(s.kept.sum()) for s in case.samples)
    if zero := find_zero(case, missing):
        value, place = zero
        always = ", as in every instance" * (count == of)
        return f"gives {what} where an entry of {value} is zero{always}", outside(place)
    return f"gives {what} in {f'{count} of {of} instances' if count < of else 'every instance'}", None


def _finite(sample: Sample) -> np.ndarray:
    lost = ~np.isfinite(sample.got) & _is_known(sample.truth.values)
    lost &= sample.kept.reshape(-1, *[1] * (lost.ndim - 1))
    return np.logical_not(np.any(lost.reshape(len(lost), -1), axis=1, keepdims=True)).ravel()


def _is_known(right: np.ndarray) -> np.ndarray:
    """What is finite: differences say so where an instance counts at which automatic differentiation gives NaN."""
    return ~np.isinf(right)


def _of_finite_values(case: Case, hints: Hints) -> Diagnosis:
    return explained(case, hints) or Diagnosis("unexplained", _pattern(case))


_SEVERAL = 10
"""How many instances must be wrong for what is right in them to be no accident."""


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
    where = always_right(case) if instances >= _SEVERAL else ""
    return sentence + (f"; what is {where} is always right" if where else "")
