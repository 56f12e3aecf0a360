"""What looks wrong at a kink and is right: the sides that a rule may choose there, where several kinks meet."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.values import Batch, wide
from identities.oracle.reference.instances import are_finite, flat, largest_of
from identities.oracle.reference.points import everywhere
from identities.oracle.reference.rounding import leaps_of_entries, rounding
from identities.oracle.reference.unit import TOLERANCE, units_of
from identities.oracle.reference.witnesses import reference, smooth
from identities.oracle.trial import Leaf, Trial

_SPACING, _STEPS = float(np.finfo(float).eps), 3
"""By how many times the spacing of numbers an argument is moved off a kink. There, all is computed in float64."""

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
    return np.any([_finite(leap) > _SPACING**0.5 * size for leap, size in zip(leaps, sizes, strict=True)], axis=0)


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
            off, least = np.abs(leaf.got[those] - leaf.expected[those]), _unit_of(leaf)[those]
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


@np.errstate(over="ignore", invalid="ignore")  # beside a kink there may be a pole, of which nothing is right
def _with_sides_chosen(trial: Trial, seed: int) -> Trial:
    """The trial with those gradients let pass that belong to a point right beside, where arguments are at kinks.

    A rectified unit of several zeros has a side to choose for each, as has the maximum of equal numbers. Which sides
    a candidate chose, its gradient says: an argument is moved up where that is not zero, and down where it is, or the
    reverse. Windows that overlap choose more than one; then the first of equal numbers, or the last, is the largest.
    Of kinks that do not meet, as at both ends of a range, each has its own.
    """
    claim = trial.claim
    if claim.kind.name != "vjp" or any(leaf.claim.leaves[0].values == "complex" for leaf in trial.leaves):
        return trial
    asked = _asked(trial)
    comparable = [i for i, leaf in enumerate(trial.leaves) if _is_comparable(leaf)]
    # A gradient that is wrong elsewhere says nothing of the sides that the others have.
    told = [i for i in comparable if (trial.leaves[i].within | asked[i]).all()] or comparable
    which = np.flatnonzero(np.any([asked[i] for i in told], axis=0)) if told else np.zeros(0, int)
    if not which.size:
        return trial
    batch = wide({name: values[which] for name, values in trial.batch.items()})
    leaves = [trial.leaves[i] for i in told]
    right = np.zeros(len(which), bool)
    for side, sign in itertools.product((_by_gradient, _by_place), (1, -1)):
        ups = {i: sign * side(_argument(trial.leaves[i], batch), trial.leaves[i].got[which]) for i in told}
        pairs = zip(leaves, _moved(trial, which, batch, ups, seed), strict=True)
        right |= np.all([there.within & _is_smooth(there, leaf) for leaf, there in pairs], axis=0)
    if not right.all():
        right |= _right_between(trial, told, which, batch, seed)
    return _with_those_right(trial, which, [right & (i in told) for i in range(len(trial.leaves))])


def _right_between(trial: Trial, told: Sequence[int], which: np.ndarray, batch: Batch, seed: int) -> np.ndarray:
    """At which instances each entry of a gradient is between its one-sided derivatives.

    Those are what it is with all arguments moved up, and with all moved down, if the kinks have nothing to do with one
    another. Whether they have is seen where each argument is moved to the side that was chosen: there, all entries must
    be right. Who chose neither side, as zero for the absolute value's, has to take the same share of both for all.
    """
    near = float(jnp.finfo(trial.dtype).eps) ** 0.5
    ones = {i: np.ones_like(trial.leaves[i].got[which]) for i in told}
    up = _moved(trial, which, batch, ones, seed)
    down = _moved(trial, which, batch, {i: -one for i, one in ones.items()}, seed)
    shares = [_share(*both, near) for both in zip(up, down, strict=True)]
    right = np.zeros(len(which), bool)
    for otherwise in (0, 1, -1):  # where an entry does not tell, but its argument may be at the kink of another one
        ends = [
            {i: _sides(share, chosen, otherwise) for i, share in zip(told, shares, strict=True)}
            for chosen in (near, 1 - near)
        ]
        each = zip(told, shares, *(_moved(trial, which, batch, ups, seed) for ups in ends), strict=True)
        right |= np.all([_fits(trial.leaves[i], share, a, b, near) for i, share, a, b in each], axis=0)
        if right.all():
            break
    return right & _is_one(np.concatenate(list(map(flat, shares)), axis=1), near)


def _unit_of(leaf: Leaf) -> np.ndarray:
    """The unit of each instance, without what has been measured."""
    return units_of(leaf.expected, leaf.movement, leaf.dtype, leaf.groups)


def _argument(leaf: Leaf, batch: Batch) -> np.ndarray:
    """What a gradient is by."""
    return batch[leaf.claim.leaves[0].name]


def _moved(trial: Trial, which: np.ndarray, batch: Batch, ups: Mapping[int, np.ndarray], seed: int) -> list[Leaf]:
    """What came back at some instances, beside what is right close by: further up where `ups` of a leaf are positive.

    It is held to the unit that it has in the whole trial, and to as much more as the step makes of it.
    """
    beside = dict(batch)
    for further, (number, up) in enumerate(ups.items(), 1):
        # Not all by one step, or their quotient, say, would be at its kink again.
        leaf = trial.leaves[number]
        beside[leaf.claim.leaves[0].name] = _beside(_argument(leaf, batch), further * up)
    answers = Answers(tuple([leaf.outcomes[i] for i in which] for leaf in trial.leaves))
    words = reference(trial.claim, trial.shape, beside, _SPACING, seed, terms=False)
    given = {"batch": beside, "answers": answers, "reference": words, "points": everywhere(len(which))}
    there = replace(trial, **given, groups=1, rounding=None)
    rounding = tuple(
        _unit_of(leaf)[which] + len(ups) * _STEPS * largest_of(leaf_there.movement)
        for leaf, leaf_there in zip(trial.leaves, there.leaves, strict=True)
    )
    moved = replace(there, rounding=rounding).leaves
    return [moved[number] for number in ups]


def _share(up: Leaf, down: Leaf, near: float) -> np.ndarray:
    """How far from one side to the other each entry is, from 0 to 1; NaN where both sides say the same."""
    leap = up.expected - down.expected
    largest = np.maximum(largest_of(np.abs(up.expected)), largest_of(np.abs(down.expected)))
    kinks = (flat(np.abs(leap)) > near * largest[:, None]).reshape(leap.shape)
    return (up.got - down.expected) / np.where(kinks, leap, np.nan)


def _sides(share: np.ndarray, chosen: float, otherwise: int) -> np.ndarray:
    """Up where a share is larger than what is chosen, and down where it is smaller."""
    return np.where(np.isnan(share), otherwise, np.sign(share - chosen))


def _fits(leaf: Leaf, share: np.ndarray, above: Leaf, below: Leaf, near: float) -> np.ndarray:
    """At which instances all entries are right on both ends, and those that chose no side are between them."""
    between = (above.got - above.expected) * (above.got - below.expected) <= 0
    right = np.where(_is_neither(share, near), between, _is_within(above) & _is_within(below))
    return flat(right).all(axis=1) & _is_smooth(above, leaf) & _is_smooth(below, leaf)


def _is_neither(share: np.ndarray, near: float) -> np.ndarray:
    """Which entries are between both sides, and at none."""
    return (share > near) & (share < 1 - near)


def _is_one(share: np.ndarray, near: float) -> np.ndarray:
    """At which instances all entries that are at neither side have the same share."""
    neither = _is_neither(share, near)
    most, least = share.max(axis=1, where=neither, initial=0), share.min(axis=1, where=neither, initial=1)
    return most - least <= near


def _is_within(leaf: Leaf) -> np.ndarray:
    """Which entries are right to the tolerance."""
    return np.all([leaf.entry_errors[name] <= TOLERANCE for name, word in leaf.words.items() if word.in_full], axis=0)


def _by_gradient(values: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Up where a gradient is not zero."""
    return np.where(got != 0, 1, -1)


def _by_place(values: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Of equal numbers each further up than the one before it."""
    rows = values.reshape(len(values), -1)
    places = np.zeros(rows.shape)
    for row, place in zip(rows, places, strict=True):
        order = np.argsort(row, kind="stable")
        new = np.append(True, np.diff(row[order]) != 0)
        along = np.arange(len(row))
        place[order] = along - np.maximum.accumulate(np.where(new, along, 0))
    return places.reshape(values.shape)


def _is_smooth(there: Leaf, leaf: Leaf) -> np.ndarray:
    """At which instances the derivative hardly changes nearby, or is what came back to the last bit.

    Equal numbers that are moved alike are still a tie.

    **Arguments:**

    - `leaf`: the one of the whole trial, which knows what size is usual.
    """
    size = np.maximum(largest_of(np.abs(there.expected)), np.median(largest_of(np.abs(leaf.expected))))
    steady = largest_of(there.movement) <= _SPACING**0.5 * size
    return steady | (there.got == there.expected).reshape(len(steady), -1).all(axis=1)


def _beside(values: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Numbers right beside, further than rounding leads; beside zero normal ones, which programs do not take for it."""
    return np.where(values == 0, up * np.finfo(float).tiny, values + _STEPS * _SPACING * up * np.abs(values))
