"""What looks wrong at a kink and is right: the sides that a rule may choose there, where several kinks meet."""

import itertools
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.values import wide
from identities.oracle.reference.instances import are_finite, largest_of
from identities.oracle.reference.points import everywhere
from identities.oracle.reference.rounding import rounding
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.witnesses import reference, smooth
from identities.oracle.trial import Leaf, Trial

_STEPS = 3
"""By how many times the spacing of numbers an argument is moved off a kink."""


_FEW, _AGAIN = 8, 32
"""Of how many suspects at most it is asked again what kinks there are, and how often, each time by other steps."""


def with_kinks_found(trial: Trial, seed: int) -> Trial:
    """The trial with those of a few suspects free that one of several other tiny steps shows to be at a kink.

    Where several kinks meet, a step may lead to where the derivative happens to be what it is there.
    """
    judged = trial.points.judged & ~trial.points.free
    which = np.flatnonzero(judged & np.any([~leaf.within for leaf in trial.leaves], axis=0))
    if not trial.claim.kind.order or not 0 < len(which) <= _FEW:
        return trial
    batch = {name: values[which] for name, values in trial.batch.items()}
    free = trial.points.free.copy()
    for again in range(1, 1 + _AGAIN):
        free[which] |= ~smooth(trial.claim, trial.shape, batch, seed + again)
    return replace(trial, points=replace(trial.points, free=free))


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
    asked = [~leaf.within & leaf.points.free & are_finite(leaf.got) for leaf in trial.leaves]
    asked = [a if (leaf.within | a).all() else a & False for a, leaf in zip(asked, trial.leaves, strict=True)]
    which = np.flatnonzero(np.any(asked, axis=0))
    if not which.size:
        return trial
    batch = {name: values[which] for name, values in trial.batch.items()}
    units = []
    for of_leaf, of_some in zip(
        asked, rounding(trial.claim, trial.shape, batch, trial.dtype, seed, zeros=True), strict=True
    ):
        unit = np.zeros(trial.count)
        unit[which] = np.where(np.isfinite(of_some), of_some, 0.0)
        units.append(np.where(of_leaf, unit, 0.0))
    known = trial.rounding or [np.zeros(trial.count)] * len(units)
    return replace(trial, rounding=tuple(np.maximum(k, u) for k, u in zip(known, units, strict=True)))


def _with_sides_chosen(trial: Trial, seed: int) -> Trial:
    """The trial with those gradients let pass that belong to a point right beside, where arguments are at kinks.

    A rectified unit of several zeros has a side to choose for each, as has the maximum of equal numbers. Which sides
    a candidate chose, its gradient says: an argument is moved up where that is not zero, and down where it is, or the
    reverse. Windows that overlap choose more than one; then the first of equal numbers, or the last, is the largest.
    """
    claim = trial.claim
    if claim.kind.name != "vjp" or any(leaf.claim.leaves[0].values == "complex" for leaf in trial.leaves):
        return trial
    asked = [~leaf.within & leaf.points.free & are_finite(leaf.got) for leaf in trial.leaves]
    which = np.flatnonzero(np.any(asked, axis=0))
    if not which.size or not all(leaf.in_full and leaf.got.shape == leaf.expected.shape for leaf in trial.leaves):
        return trial
    eps = float(jnp.finfo(trial.dtype).eps)
    answers = Answers(tuple([leaf.outcomes[i] for i in which] for leaf in trial.leaves))
    right = np.zeros(len(which), bool)
    for side, sign in itertools.product((_by_gradient, _by_place), (1, -1)):
        beside = wide({name: values[which] for name, values in trial.batch.items()})
        for further, leaf in enumerate(trial.leaves, 1):  # or their quotient, say, would be at its kink again
            name = leaf.claim.leaves[0].name
            beside[name] = _beside(beside[name], sign * further * side(beside[name], leaf.got[which]), eps)
        words = reference(claim, trial.shape, beside, eps, seed)
        given = {"batch": beside, "answers": answers, "reference": words, "points": everywhere(len(which))}
        again = replace(trial, **given, groups=1, rounding=None)
        right |= np.all([leaf.within & _is_smooth(leaf, eps) for leaf in again.leaves], axis=0)
    units = []
    for number, leaf in enumerate(trial.leaves):
        unit = np.zeros(trial.count) if trial.rounding is None else trial.rounding[number].copy()
        off = largest_of(np.abs(leaf.got[which[right]] - leaf.expected[which[right]])) / TOLERANCE
        unit[which[right]] = np.maximum(unit[which[right]], 1.001 * off)
        units.append(unit)
    return replace(trial, rounding=tuple(units))


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


def _is_smooth(leaf: Leaf, eps: float) -> np.ndarray:
    """At which instances the derivative hardly changes nearby, or is what came back to the last bit.

    Equal numbers that are moved alike are still a tie.
    """
    steady = largest_of(leaf.movement) <= eps**0.5 * largest_of(np.abs(leaf.expected))
    return steady | (leaf.got == leaf.expected).reshape(len(steady), -1).all(axis=1)


def _beside(values: np.ndarray, up: np.ndarray, eps: float) -> np.ndarray:
    """Numbers right beside, further than rounding leads; beside zero normal ones, which programs do not take for it."""
    return np.where(values == 0, up * np.finfo(float).tiny, values + _STEPS * eps * up * np.abs(values))
