"""What is thrown where a candidate is wrong: the smallest case, and the mistake in each of its results."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.dimensions import describe
from identities.oracle.candidates.calling import Fault
from identities.oracle.candidates.local import Candidate
from identities.oracle.diagnosis import Diagnosis, Hints, diagnose, exchanged
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import real_parts
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.trial import Leaf, Trial
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Finding, Inquiry, function_name, has_ended, inquire, is_small
from identities.oracle.verdict.shared import digest
from identities.oracle.verdict.verification import CandidateMismatch, Verification


def judge(inquiry: Inquiry, repeat: str, statement: str = "") -> Verification:
    """The verdict on a candidate, wherever it runs; `repeat` is the command that gives it again.

    **Raises:** `CandidateMismatch`, with the mistake in each of the results that are wrong.
    """
    found = inquire(inquiry)
    if found.verdict.passed:
        return found.verdict
    assert found.verdict.counterexample is not None
    diagnoses = diagnosed(inquiry, found)
    raise CandidateMismatch(
        inquiry.claim.name, found.verdict.counterexample, diagnoses, asked(inquiry.claim), repeat, statement
    )


def diagnosed(inquiry: Inquiry, found: Finding) -> dict[str, Diagnosis]:
    """The mistake in each wrong array of the results, by its name; that of the counterexample first."""
    assert found.shown is not None
    if found.known:
        return dict(found.known)
    shown, _ = found.shown
    names = [leaf.claim.leaves[0].name for leaf in found.failed[0].leaves]
    order = sorted(range(len(names)), key=lambda i: names[i] != shown.claim.leaves[0].name)
    steady = has_ended(found.failed) or repeats(inquiry.candidate, shown)
    layout = next((t.layout for t in found.failed if t.layout), "")
    trials = [*found.failed, *_fresh(inquiry, found)] if steady and not layout else found.failed
    leaves = {names[i]: [trial.leaves[i] for trial in trials] for i in order}
    results = digest([steady, layout, *(trial.answers.leaves for trial in trials)])
    return inquiry.shared.explained(results, lambda: _explained(leaves, steady, layout))


def _explained(leaves: Mapping[str, list[Leaf]], steady: bool, layout: str) -> dict[str, Diagnosis]:
    diagnoses = exchanged(leaves) if steady and not layout else {}
    hints = Hints()  # one mistake may make several results wrong
    for name, of_it in leaves.items():
        if name not in diagnoses and not all(leaf.right.all() for leaf in of_it):
            diagnoses[name] = diagnose(of_it, steady, layout, hints.for_another())
    return {name: diagnoses[name] for name in leaves if name in diagnoses}


_FRESH = 2
"""How many more shapes are tried for an explanation, which has to hold at them too."""


def _fresh(inquiry: Inquiry, found: Finding) -> list[Trial]:
    """Trials of shapes that the verdict does not rest on: what holds at a handful of shapes may be chance."""
    if has_ended(found.failed):
        return []
    known = {trial.shape for trial in found.failed}
    plan = inquiry.plan
    shapes = [s for s in draw_shapes(inquiry.claim, plan.shapes, plan.seed + 1, plan.sizes) if s not in known]
    dtypes = (found.failed[0].dtype,)
    found_there = []
    for shape in [shape for shape in shapes if is_small(inquiry.claim, shape)][:_FRESH]:
        try:
            found_there += inquiry.trials(shape, dtypes)
        except WitnessMismatch:  # which tells nothing of the candidate, whose verdict stands
            continue
    return found_there


_AGAIN = 64
"""How many wrong instances are asked for again: the smallest are of one entry, where a coin often falls the same."""


def repeats(candidate: Candidate, leaf: Leaf) -> bool:
    """Whether wrong instances give the same results, to rounding, when they are asked for again."""
    which = [int(i) for i in np.flatnonzero(~leaf.right)[:_AGAIN]]
    return same_again(candidate, leaf, which)


def same_again(candidate: Candidate, leaf: Leaf, which: Sequence[int]) -> bool:
    """Whether those instances give the same results, to rounding, when they are asked for again."""
    claim = leaf.whole or leaf.claim
    batch = {name: values[list(which)] for name, values in leaf.batch.items()}
    answers = candidate(claim, leaf.shape, {leaf.dtype: batch})[leaf.dtype]
    place = [a.name for a in claim.leaves].index(leaf.claim.leaves[0].name)
    certain = np.abs(leaf.expected[leaf.judged & ~leaf.points.free])
    size = certain[np.isfinite(certain)].max(initial=0)
    scale = size * float(jnp.finfo(leaf.dtype).eps) * TOLERANCE
    for i, second in zip(which, answers.leaves[place], strict=True):
        first = leaf.outcomes[i]
        if isinstance(first, Fault) or isinstance(second, Fault):
            if type(first) is not type(second):
                return False
        elif first.shape != second.shape or not np.allclose(
            real_parts(first).astype(float), real_parts(second).astype(float), rtol=0, atol=scale, equal_nan=True
        ):  # NaN twice is wrong, but not random
            return False
    return True


def asked(claim: Claim) -> str:
    """What a claim asks, in words."""
    name = function_name(claim)
    if not claim.kind.order:
        return f"the value of {name}, of shape {_shapes(claim)}"
    return f"the {claim.kind.noun} of {name} by {' and '.join(claim.wrt)}, of shape {_shapes(claim)}"


def _shapes(claim: Claim) -> str:
    return " and ".join(describe(leaf.dims(0)) for leaf in claim.leaves)
