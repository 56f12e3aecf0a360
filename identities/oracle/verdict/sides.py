"""The sides that a rule may choose at kinks: whether a gradient, or a product, belongs to a point right beside."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.values import Batch, wide
from identities.oracle.reference.instances import flat, largest_of
from identities.oracle.reference.points import everywhere
from identities.oracle.reference.unit import TOLERANCE, units_of
from identities.oracle.reference.witnesses import reference
from identities.oracle.reference.words import Word
from identities.oracle.trial import Leaf, Trial

_SPACING, _STEPS = float(np.finfo(float).eps), 3
"""By how many times the spacing of numbers an argument is moved off a kink. There, all is computed in float64."""

NEAR = _SPACING**0.5
"""Of the size of a derivative, what is no leap of it."""

_POINTS, _FEW, _SIDES = 4, 256, 32
"""From how many random points beside a sum is looked at; of how many entries of arguments one after the other is moved
across; and of more, how many points with random sides there are instead."""


_MANY = 256
"""How many points there are beside of whose gradients means are taken, and of how many entries of arguments at most."""


@np.errstate(over="ignore", invalid="ignore")  # beside a kink there may be a pole, of which nothing is right
def right_beside(trial: Trial, told: Sequence[int], which: np.ndarray, seed: int) -> np.ndarray:
    """At which of some instances what came back is right for a point beside, or between such points.

    **Arguments:**

    - `told`: the numbers of the arrays of the results that are looked at, which have to be right together.
    """
    batch = wide({name: values[which] for name, values in trial.batch.items()})
    if trial.claim.kind.name == "vjp":
        return _right_by_gradients(trial, told, which, batch, seed)
    if trial.claim.kind.name == "jvp":
        return _right_in_sum(trial, told, which, batch, seed)
    return np.zeros(len(which), bool)


def _right_by_gradients(trial: Trial, told: Sequence[int], which: np.ndarray, batch: Batch, seed: int) -> np.ndarray:
    """The same of gradients, which say what sides a candidate chose.

    A rectified unit of several zeros has a side to choose for each, as has the maximum of equal numbers. An argument is
    moved up where the gradient is not zero, and down where it is, or the reverse. Windows that overlap choose more than
    one; then the first of equal numbers, or the last, is the largest. Of kinks that do not meet, as at both ends of a
    range, each has its own.
    """
    leaves = [trial.leaves[i] for i in told]
    right = np.zeros(len(which), bool)
    for side, sign in itertools.product((_by_gradient, _by_place), (1, -1)):
        ups = {i: sign * side(_argument(trial.leaves[i], batch), trial.leaves[i].got[which]) for i in told}
        pairs = zip(leaves, _moved(trial, which, batch, ups, seed), strict=True)
        right |= np.all([there.within & _is_smooth(there, leaf) for leaf, there in pairs], axis=0)
    for way in (_right_between, _are_means):
        if (left := np.flatnonzero(~right)).size:
            of_left = {name: values[left] for name, values in batch.items()}
            right[left] = way(trial, told, which[left], of_left, seed)
    return right


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


def _are_means(trial: Trial, told: Sequence[int], which: np.ndarray, batch: Batch, seed: int) -> np.ndarray:
    """At which instances a gradient is a mean, with whatever weights, of those at points beside.

    Such are Clarke's generalised gradients. Of several kinks each may have shares of its own: who divides by the number
    of equal numbers, in every window of many, gives halves in one and thirds in another. Half of the points are where
    the gradient says: who chose one side of a kink has the other one in no share.
    """
    sizes = {name: batch[name][0].size for name in trial.claim.moving}
    entries = sum(sizes.values())
    found = np.zeros(len(which), bool)
    if entries > _MANY:
        return found
    rng, places = np.random.default_rng(seed), 1 + np.arange(entries)
    of_argument = {trial.leaves[i].claim.leaves[0].name: trial.leaves[i].got[which] for i in told}
    for i in range(len(which)):
        steps = np.stack([rng.permutation(places) for _ in range(_MANY)])
        signs = rng.choice((-1, 1), steps.shape)
        gots = [flat(of_argument[name])[i] if name in of_argument else signs[0, :n] for name, n in sizes.items()]
        signs[::2] = np.where(np.concatenate(gots) != 0, 1, -1)
        instance = {name: values[i : i + 1] for name, values in batch.items()}
        beside = _all_beside(instance, trial.claim.moving, signs * steps)
        words = reference(trial.claim, trial.shape, beside, _SPACING, seed, terms=False)
        found[i] = _is_mean(trial, told, which[i], [words.of(n) for n in told], entries)
    return found


def _is_mean(trial: Trial, told: Sequence[int], number: int, words: Sequence[Mapping[str, Word]], entries: int) -> bool:
    """Whether the arrays of one instance are, all with the same weights, means of what words say for points beside."""
    from scipy.optimize import nnls  # which takes a while to load, and few checks come here

    near = float(jnp.finfo(trial.dtype).eps) ** 0.5
    sides, wanted, allowed = [], [], []
    for i, of_leaf in zip(told, words, strict=True):
        leaf, word = trial.leaves[i], next(word for word in of_leaf.values() if word.in_full)
        usual = np.maximum(np.abs(leaf.got[number]).max(initial=0), np.median(largest_of(np.abs(leaf.expected)))) or 1.0
        smooth = largest_of(word.movement) <= NEAR * usual  # neither at a kink again, nor at a pole
        sides.append(flat(np.where(smooth.reshape(-1, *[1] * (word.values.ndim - 1)), word.values, np.nan)) / usual)
        wanted.append(leaf.got[number].ravel() / usual)
        unit = unit_of(leaf)[number] + entries * _STEPS * largest_of(word.movement).min(initial=0)
        allowed.append(np.full(leaf.got[number].size, TOLERANCE * unit / usual))
    rows, target = np.concatenate(sides, axis=1), np.concatenate(wanted)
    rows = rows[np.isfinite(rows).all(axis=1)]
    differ = rows.max(axis=0, initial=-np.inf) - rows.min(axis=0, initial=np.inf) > near
    if not len(rows) or 4 * differ.sum() > len(rows):  # too few points to say
        return False
    try:
        weights, _ = nnls(np.vstack([rows[:, differ].T, np.ones(len(rows))]), np.append(target[differ], 1.0))
    except RuntimeError:  # it has not converged
        return False
    off, most = np.abs(weights @ rows - target), np.where(differ, near, np.concatenate(allowed))
    return bool((off <= most).all() and abs(weights.sum() - 1) <= near)


def _right_in_sum(trial: Trial, told: Sequence[int], which: np.ndarray, batch: Batch, seed: int) -> np.ndarray:
    """The same of products with tangents: sums, of which each term has two sides, whatever sides the others have.

    How much there is between all terms' smaller sides and all their larger ones is seen from a point beside, by moving
    one entry of the arguments after the other across from there. Where kinks meet, it depends on that point: the first
    of equal numbers is the largest at one, and the last at another.
    """
    entries = sum(batch[name][0].size for name in trial.claim.moving)
    places, rng = 1 + np.arange(entries), np.random.default_rng(seed)
    right = np.zeros(len(which), bool)
    for up in (places, -places, *(_at_random(rng, places) for _ in range(_POINTS))):
        if entries <= _FEW:
            others = np.where(np.eye(entries, dtype=bool), -up, up)
        else:
            others = np.stack([_at_random(rng, places) for _ in range(_SIDES)])
        ups = np.vstack([up, others])
        for i in np.flatnonzero(~right):
            instance = {name: values[i : i + 1] for name, values in batch.items()}
            beside = _all_beside(instance, trial.claim.moving, ups)
            words = reference(trial.claim, trial.shape, beside, _SPACING, seed, terms=False)
            right[i] = all(_is_in_sum(trial.leaves[n], which[i], words.of(n), entries) for n in told)
        if right.all():
            break
    return right


def _at_random(rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Each entry up or down, each by another step."""
    return rng.permutation(places) * rng.choice((-1, 1), len(places))


def _all_beside(instance: Batch, moving: Sequence[str], ups: np.ndarray) -> Batch:
    """A batch of points beside one, a row of `ups` for each: how far up each entry of the arguments is moved."""
    ends = np.cumsum([instance[name].size for name in moving])
    along = dict(zip(moving, np.split(ups, ends[:-1], axis=1), strict=True))
    beside = {name: values.repeat(len(ups), axis=0) for name, values in instance.items()}
    return beside | {name: _beside(beside[name], up.reshape(beside[name].shape)) for name, up in along.items()}


def _is_in_sum(leaf: Leaf, number: int, words: Mapping[str, Word], entries: int) -> bool:
    """Whether one result is between the smaller and the larger sides of all terms, by the words for points beside it.

    Of many terms, all of which would have to be moved one by one, points with random sides tell how far apart the sums
    of sides are.
    """
    word = next(word for word in words.values() if word.in_full)
    here, leaps = word.values[0], word.values[1:] - word.values[0]
    usual = np.maximum(np.abs(here).max(initial=0), np.median(largest_of(np.abs(leaf.expected))))
    if not np.abs(leaps).max(initial=0) <= usual / NEAR:  # a pole, beside which anything is between
        return False
    if entries <= _FEW:
        least, most = here + np.minimum(leaps, 0).sum(axis=0), here + np.maximum(leaps, 0).sum(axis=0)
    else:
        middle, width = word.values.mean(axis=0), TOLERANCE * word.values.std(axis=0)
        least, most = middle - width, middle + width
    unit = unit_of(leaf)[number] + entries * _STEPS * word.movement[0].max(initial=0)
    got = leaf.got[number]
    return bool(np.all((least - TOLERANCE * unit <= got) & (got <= most + TOLERANCE * unit)))


def unit_of(leaf: Leaf) -> np.ndarray:
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
        unit_of(leaf)[which] + len(ups) * _STEPS * largest_of(leaf_there.movement)
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
    steady = largest_of(there.movement) <= NEAR * size
    return steady | (there.got == there.expected).reshape(len(steady), -1).all(axis=1)


def _beside(values: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Numbers right beside, further than rounding leads; beside zero normal ones, which programs do not take for it."""
    return np.where(values == 0, up * np.finfo(float).tiny, values + _STEPS * _SPACING * up * np.abs(values))
