"""What looks wrong at a kink and is right: which instances are at one, and what several kinks leave open together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from identities.oracle.reference.instances import are_finite, flat, largest_of
from identities.oracle.reference.rounding import leaps_of_entries, rounding
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.witnesses import smooth
from identities.oracle.trial import Leaf, Trial
from identities.oracle.verdict.sides import NEAR, right_beside, unit_of

_FEW, _AGAIN = 8, 32
"""Of how many suspects at most it is asked again what kinks there are, and how often, each time by other steps."""


def with_kinks_found(trial: Trial, seed: int) -> Trial:
    """The trial with those of a few suspects free that one of several other tiny steps shows to be at a kink.

    Where several kinks meet, a step may lead to where the derivative happens to be what it is there. No step of the
    arguments tells of kinks whose slopes cancel, as those of relu(v x) - relu(-w x) where v is w by chance.
    """
    judged = trial.points.judged & ~trial.points.free
    which = np.flatnonzero(judged & np.any([~leaf.within for leaf in trial.leaves], axis=0))
    if not trial.claim.kind.order or not 0 < len(which) <= _FEW:
        return trial
    batch = {name: values[which] for name, values in trial.batch.items()}
    free = trial.points.free.copy()
    for again in range(1, 1 + _AGAIN):
        free[which] |= ~smooth(trial.claim, trial.shape, batch, seed + again)
    if (still := which[~free[which]]).size:
        free[still] = _leaps(trial, still, seed)
    return replace(trial, points=replace(trial.points, free=free))


def _leaps(trial: Trial, which: np.ndarray, seed: int) -> np.ndarray:
    """At which instances the derivative is another one where numbers on the way are beside zero, or no longer equal."""
    batch = {name: values[which] for name, values in trial.batch.items()}
    leaps = rounding(trial.claim, trial.shape, batch, "float64", seed, zeros=True)
    sizes = [largest_of(np.abs(leaf.expected))[which] for leaf in trial.leaves]
    return np.any([_finite(leap) > NEAR * size for leap, size in zip(leaps, sizes, strict=True)], axis=0)


def _finite(leaps: np.ndarray) -> np.ndarray:
    """How far apart the sides of kinks are; 0 where nobody can say."""
    return np.where(np.isfinite(leaps), leaps, 0.0)


def with_kinks_free(trial: Trial, seed: int) -> Trial:
    """The trial with what several kinks leave open measured, and gradients let pass that belong to points beside."""
    found = _with_kinks_measured(trial, seed)
    for again in range(1, 1 + _AGAIN):
        if not 0 < np.sum([~leaf.within for leaf in found.leaves]) <= _FEW:
            break
        found = _with_kinks_measured(found, seed + again)
    return _with_sides_chosen(found, seed)


def _with_kinks_measured(trial: Trial, seed: int) -> Trial:
    """The trial with the freedom measured that several kinks leave together, where nothing else is wrong.

    Where many numbers on the way are at their kinks, as of a layer whose inputs are all zero, a rule chooses a side for
    each, and the sum of such choices is not between the one-sided derivatives along a line.
    """
    asked = _asked(trial)
    asked = [a if (leaf.within | a).all() else a & False for a, leaf in zip(asked, trial.leaves, strict=True)]
    which = np.flatnonzero(np.any(asked, axis=0))
    if not which.size:
        return trial
    batch = {name: values[which] for name, values in trial.batch.items()}
    leaps = leaps_of_entries(trial.claim, trial.shape, batch, trial.dtype, seed)
    right = [of_leaf[which] for of_leaf in asked]
    for leaf, of_leaf, leap in zip(trial.leaves, right, leaps, strict=True):
        if (those := which[of_leaf]).size:  # or it may not even be of the right shape
            off, least = np.abs(leaf.got[those] - leaf.expected[those]), unit_of(leaf)[those]
            of_leaf[of_leaf] = (flat(off) <= TOLERANCE * (flat(_finite(leap[of_leaf])) + least[:, None])).all(axis=1)
    return _with_those_right(trial, which, right)


def _asked(trial: Trial) -> list[np.ndarray]:
    """At which instances each array of the results is not right as it stands, and may be all the same."""
    return [~leaf.within & leaf.points.free & are_finite(leaf.got) & _is_comparable(leaf) for leaf in trial.leaves]


def _is_comparable(leaf: Leaf) -> bool:
    """Whether what came back can be held against what is right entry by entry."""
    return leaf.in_full and leaf.got.shape == leaf.expected.shape


def _with_those_right(trial: Trial, which: np.ndarray, right: Sequence[np.ndarray]) -> Trial:
    """The trial with what came back let pass, leaf by leaf, at some of the instances."""
    known = trial.rounding or [np.zeros(trial.count)] * len(trial.leaves)
    units = [np.array(unit) for unit in known]
    for unit, leaf, of_leaf in zip(units, trial.leaves, right, strict=True):
        if (those := which[of_leaf]).size:
            off = largest_of(np.abs(leaf.got[those] - leaf.expected[those])) / TOLERANCE
            unit[those] = np.maximum(unit[those], 1.001 * off)
    return replace(trial, rounding=tuple(units))


def _with_sides_chosen(trial: Trial, seed: int) -> Trial:
    """The trial with those gradients and products let pass that belong to a point right beside."""
    if any(leaf.claim.leaves[0].values == "complex" for leaf in trial.leaves):
        return trial
    asked = _asked(trial)
    comparable = [i for i, leaf in enumerate(trial.leaves) if _is_comparable(leaf)]
    # A gradient that is wrong elsewhere says nothing of the sides that the others have.
    told = [i for i in comparable if (trial.leaves[i].within | asked[i]).all()] or comparable
    which = np.flatnonzero(np.any([asked[i] for i in told], axis=0)) if told else np.zeros(0, int)
    if not which.size:
        return trial
    right = right_beside(trial, told, which, seed)
    return _with_those_right(trial, which, [right & (i in told) for i in range(len(trial.leaves))])
