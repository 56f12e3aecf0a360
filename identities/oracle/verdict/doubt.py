"""Before a result is called wrong: what else it may be."""

import functools
import itertools
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.oracle.draw.values import Batch, of_simple_values, real_parts, wide
from identities.oracle.reference.differences import DIFFERENCES, ahead, differences
from identities.oracle.reference.function import function_values
from identities.oracle.reference.instances import are_finite, largest_of
from identities.oracle.reference.points import BEYOND_RANGE
from identities.oracle.reference.programs import holds_constants
from identities.oracle.reference.rounding import rounding, rounding_of_values
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.words import Reference
from identities.oracle.trial import DIGIT, Leaf, Trial
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.kinks import with_kinks_found, with_kinks_free
from identities.oracle.verdict.plan import Plan

_FIRST = 24
"""How many instances are looked at first: if rounding explains none of them, it does not explain the others."""

_RARE, _LEFT, _AGAIN = 8, 0.75, 8
"""If no more instances than so many are left, or than that share of those before, how often they are looked at again.

Close to a comparison, a number may come to its other side in one of many copies only; and in float64 a number that is
moved by half of its last digit is mostly rounded back to what it was.
"""

_SUSPECTS = 16
"""Of how many instances that look wrong differences are asked at last."""

_CLEAR = 8
"""For each instance at which witnesses disagree, at how many others all must contradict the results to be believed."""


def in_doubt(trial: Trial, plan: Plan) -> Trial:
    """A trial that looks wrong, with all measured that may speak for it.

    **Raises:** `WitnessMismatch` if the witnesses disagree among themselves, so that nobody can be blamed.
    """
    found, seed = trial, plan.seed
    if not trial.exact:  # to the last bit, there is no rounding
        found = _with_rounding_measured(trial, seed)
        found = with_kinks_free(with_kinks_found(found, seed) if plan.thorough else found, seed)
    if found.passed:
        return found
    try:
        return _without_strays(_without_disputes(_with_suspects_asked(found, seed), seed), seed)
    except WitnessMismatch as mismatch:
        # What a function declares to be constant, a difference moves all the same.
        if DIFFERENCES not in mismatch.witnesses or not holds_constants(trial.claim, trial.shape):
            raise
        modes = {witness: words for witness, words in found.reference.words.items() if witness != DIFFERENCES}
        return with_kinks_free(replace(found, reference=Reference(modes)), seed)


def _with_suspects_asked(trial: Trial, seed: int) -> Trial:
    """The trial with the word of differences on some instances that look wrong, of which it has not been asked."""
    asked = trial.reference.words.get(DIFFERENCES)
    if asked is None:
        return trial
    silent = ~np.all([word.spoken for word in asked], axis=0) & trial.judged & ~trial.points.free
    which = np.flatnonzero(silent & np.any([~leaf.within for leaf in trial.leaves], axis=0))
    if not which.size:
        return trial
    which = which[np.unique(np.linspace(0, len(which) - 1, _SUSPECTS).astype(int))]
    said = differences(trial.claim, trial.shape, trial.batch, which, seed)
    words = tuple(word.with_those(other, which) for word, other in zip(asked, said, strict=True))
    return replace(trial, reference=Reference({**trial.reference.words, DIFFERENCES: words}))


def _without_strays(trial: Trial, seed: int) -> Trial:
    """Without what differences say against both modes at an instance, and along no other line again.

    **Raises:** `WitnessMismatch`, if they say it again. Modes that do not give every entry are held against differences
    here, by a result that both of them agree with.
    """
    if DIFFERENCES not in trial.reference.words:
        return trial
    words = []
    for number, leaf in enumerate(trial.leaves):
        errors, word = leaf.errors, leaf.words[DIFFERENCES]
        others = np.max([found for witness, found in errors.items() if witness != DIFFERENCES], axis=0)
        stray = (errors[DIFFERENCES] > TOLERANCE) & (others <= TOLERANCE) & ~leaf.points.free
        if stray.any() and not leaf.in_full:
            confirmed = _confirmed(trial, leaf, number, leaf.got, np.flatnonzero(stray), seed)
            if confirmed.size:
                raise _mismatch(leaf, (next(iter(leaf.words)), DIFFERENCES), leaf.got, confirmed)
        error = np.asarray(word.error)
        silent = stray.reshape(-1, *[1] * (error.ndim - 1))
        words.append(replace(word, error=np.where(silent, np.inf, error)))
    return replace(trial, reference=Reference({**trial.reference.words, DIFFERENCES: tuple(words)}))


def _with_rounding_measured(trial: Trial, seed: int) -> Trial:
    """The trial with the rounding of every operation measured, at the instances that look wrong.

    Each array of the results is looked at by itself: one may be wrong everywhere, and another look wrong at a few.
    """
    found = trial
    suspects = [np.flatnonzero(~leaf.within) for leaf in trial.leaves]
    everything = functools.reduce(np.union1d, suspects)
    if everything.size:
        some = [which[np.linspace(0, len(which) - 1, _FIRST).astype(int)] for which in suspects if which.size]
        first = functools.reduce(np.union1d, some)
        found = with_rounding(trial, first, seed)
        pairs = zip(found.leaves, suspects, strict=True)
        cleared = any(leaf.within[np.intersect1d(first, which)].any() for leaf, which in pairs)
        if len(first) < len(everything) and cleared:
            found = with_rounding(trial, everything, seed)
    left = np.flatnonzero(np.any([~leaf.within for leaf in found.leaves], axis=0))
    before = len(everything)
    for again in range(1, 1 + _AGAIN):
        if not len(left) or len(left) > max(_RARE, _LEFT * before):
            break
        found, before = with_rounding(found, left, seed + again), len(left)
        left = left[np.any([~leaf.within[left] for leaf in found.leaves], axis=0)]
    # Digits are missed in all results together.
    coarse = any(leaf.is_coarse and leaf.within.all() for leaf in found.leaves)
    return with_rounding(trial, np.flatnonzero(trial.judged), seed) if coarse else found


def with_rounding(trial: Trial, which: np.ndarray, seed: int) -> Trial:
    """The trial with the rounding of every operation measured at some of its instances."""
    batch = {name: values[which] for name, values in trial.batch.items()}
    units = [known.copy() for known in trial.rounding or [np.zeros(trial.count)] * len(trial.leaves)]
    for unit, of_some in zip(units, rounding(trial.claim, trial.shape, batch, trial.dtype, seed), strict=True):
        unit[which] = np.maximum(unit[which], of_some)
    beyond = np.any([np.isinf(unit) for unit in units], axis=0)
    beyond[which] |= _has_no_value(trial, batch)
    units = [np.where(beyond, 0.0, unit) for unit in units]
    pole = np.any([_is_near_pole(leaf, unit) for leaf, unit in zip(trial.leaves, units, strict=True)], axis=0)
    points = trial.points.without(beyond, BEYOND_RANGE.format(trial.dtype))
    points = points.without(pole, f"too near a pole for the digits of {trial.dtype}")
    return replace(trial, rounding=tuple(units), points=points)


def _is_near_pole(leaf: Leaf, rounding: np.ndarray) -> np.ndarray:
    """Where a result is not finite, and rounding leaves no digit of the right one, yet makes it no larger.

    So it is with the inverse of a matrix that is all but singular: with fewer digits, it is singular. Where the right
    result is what is left of terms that cancel, rounding makes it larger, and infinity is a mistake.
    """
    size = largest_of(np.abs(np.where(np.isfinite(leaf.expected), leaf.expected, 0)))
    lost = (size > 0) & (rounding >= size / DIGIT) & (rounding / DIGIT <= size)
    return lost & ~are_finite(leaf.got)


def _has_no_value(trial: Trial, batch: Batch) -> np.ndarray:
    """At which instances the function's own value is beyond the range of the dtype, or vanishes in it.

    From there, no derivative comes back. Of a value that is asked for itself, infinity or zero is right there.
    """
    info = jnp.finfo(trial.dtype)
    largest, smallest = float(info.max), float(info.smallest_subnormal)
    if not trial.claim.kind.order or largest == np.finfo(float).max:  # in float64 the witnesses have none either
        return np.zeros(len(next(iter(batch.values()))), bool)
    values = function_values(trial.claim, trial.shape, wide(batch))
    sizes = [largest_of(np.abs(real_parts(v)).astype(float)) for v in values]
    return np.any([(size > largest) | ((size > 0) & (size < smallest)) for size in sizes], axis=0)


def _without_disputes(trial: Trial, seed: int) -> Trial:
    """Without the instances at which every witness that gives all entries, held against the others, disagrees with one.

    **Raises:** `WitnessMismatch`, if there are any, and not many times as many at which all contradict the results.
    """
    disputes = {}
    for number, leaf in enumerate(trial.leaves):
        for name, other in itertools.permutations(leaf.words, 2):
            if leaf.words[name].in_full:
                which = _disputed(leaf, leaf.words[name].values, other)
                disputes |= {(number, name, other): which} if which.size else {}
    if not disputes:
        return trial
    # The digits of the witnesses themselves are in doubt.
    measured = with_rounding(trial, functools.reduce(np.union1d, disputes.values()), seed)
    mismatch, disputed = None, np.zeros(trial.count, bool)
    for (number, name, other), which in disputes.items():
        leaf = measured.leaves[number]
        said = leaf.words[name].values
        which = np.intersect1d(which, _disputed(leaf, said, other))
        if other == DIFFERENCES:
            which = _confirmed(trial, leaf, number, said, which, seed)
        if which.size:
            mismatch = mismatch or _mismatch(leaf, (name, other), said, which)
            disputed[which] = True
    refuted = np.any([_is_refuted(leaf) for leaf in trial.leaves], axis=0) & ~disputed
    if mismatch and refuted.sum() < _CLEAR * disputed.sum():
        raise mismatch
    return replace(trial, points=trial.points.without(disputed, "the witnesses disagree"))


def _is_refuted(leaf: Leaf) -> np.ndarray:
    """At which instances every witness speaks, and contradicts the results."""
    against = [(leaf.errors[name] > TOLERANCE) & word.spoken for name, word in leaf.words.items()]
    return np.all(against, axis=0)


def _confirmed(trial: Trial, leaf: Leaf, number: int, values: np.ndarray, which: np.ndarray, seed: int) -> np.ndarray:
    """Those of some instances at which differences contradict values along two other lines too.

    By then it is known how much of the function's own values is rounding.
    """
    for again in (seed + 1, seed + 2):
        if not which.size:
            break
        some = {name: values[which] for name, values in trial.batch.items()}
        # At zeros, nothing is rounded; on the way from there, all is.
        both = [rounding_of_values(trial.claim, trial.shape, b, again) for b in (some, ahead(trial.claim, some, again))]
        noise = [np.maximum(*of_both) for of_both in zip(*both, strict=True)]
        said = differences(trial.claim, trial.shape, trial.batch, which, again, noise)[number]
        which = _disputed(replace(leaf, words={**leaf.words, DIFFERENCES: said}), values, DIFFERENCES)
    return which


def _disputed(leaf: Leaf, values: np.ndarray, other: str) -> np.ndarray:
    """The instances at which a witness contradicts values."""
    worst = largest_of(leaf.judge(values)[other])
    return np.flatnonzero((worst > TOLERANCE) & leaf.judged & ~leaf.points.free & leaf.words[other].spoken)


def _mismatch(leaf: Leaf, who: tuple[str, str], said: np.ndarray, disputed: np.ndarray) -> WitnessMismatch:
    """Of one who says the entries, and another one."""
    i = min(disputed, key=lambda i: of_simple_values([v[i] for v in leaf.batch.values()]))
    other = leaf.words[who[1]]
    claim = leaf.whole or leaf.claim
    errors = leaf.judge(said)[who[1]].reshape(len(leaf.judged), -1)
    agrees = [w for w, found in leaf.errors.items() if found[i] <= TOLERANCE and leaf.words[w].spoken[i]]
    return WitnessMismatch(
        claim.name,
        who,
        leaf.dtype,
        {name: values[i] for name, values in leaf.batch.items()},
        leaf.shape.static(claim),
        (other.of(said)[i], other.values[i]),
        float(errors[i].max()),
        tuple(agrees),
        leaf.claim.leaves[0].name if len(claim.leaves) > 1 else "",
    )
