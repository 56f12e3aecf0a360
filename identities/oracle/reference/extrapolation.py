"""Derivatives along a line by differences of values, with no rule of differentiation, and how far off they may be.

A function is evaluated on a line, at steps to both sides whose sizes fall by a constant factor. Difference quotients of
those are extrapolated to a step of nothing (Richardson), which also tells how far off that may be (Ridders, 1982): by
how much the last extrapolations differ. What the rounding of the function's own values leaves is added to that.
"""

from collections.abc import Sequence

import numpy as np

_FACTOR = 4.0
_LARGEST = 0.25
_COUNT = 12

STEPS: np.ndarray = _LARGEST * _FACTOR ** -np.arange(_COUNT)
"""The sizes of steps, the largest first."""

POINTS: np.ndarray = np.concatenate([[0.0], STEPS, -STEPS])
"""Where on the line the function is to be evaluated, in units of the direction."""

_STRAIGHT = 5
"""At how many of the smallest steps a function is a straight line."""

_COLUMNS = 5
"""How often differences are extrapolated, at most; each time takes one more term off the error."""


_LEAP = 64
"""Times the rounding of the values: what is beyond that is no rounding."""

_UNBENT, _BENT = 5, 16
"""From which step on a smooth function is a parabola; and how many times the rounding of its values is beside that."""

_LEAST = 1e-30


def directions(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random directions, one for each array of a batch, along which steps are small beside the entries, and exact."""
    size = np.abs(values)
    # What is next to nothing is taken for zero: its square is nothing.
    random = rng.standard_normal(values.shape) * np.where((size > _LEAST) & (size < 1), size, 1.0)
    # A number and its smallest step are to have a sum of 53 bits.
    grain = np.ldexp(np.finfo(float).eps / STEPS[-1], np.frexp(size)[1])
    return np.where(size > _LEAST, np.rint(random / np.where(size > _LEAST, grain, 1)) * grain, random)


Estimate = tuple[np.ndarray, np.ndarray]
"""Values, and for each of them how far off it may be; infinite where nothing can be told."""


def first(values: np.ndarray, terms: np.ndarray | None = None) -> Estimate:
    """The first derivative along a line, of values at all `POINTS` along the first axis.

    **Arguments:**

    - `terms`: how large the terms are that the values are sums of, which are rounded too.
    """
    _, after, before = _parts(values)
    noise = _noise(values, 1, terms)
    return _extrapolated((after - before) / (2 * _along(values)), *noise, range(2, 2 * _COLUMNS, 2))


def second(values: np.ndarray, terms: np.ndarray | None = None) -> Estimate:
    """The second derivative along a line, of values and terms as `first` takes them."""
    here, after, before = _parts(values)
    quotients = ((after - here) - (here - before)) / _along(values) ** 2
    noise = 2 * _noise(values, 2, terms)[0]  # at the smallest steps, a second difference is hardly anything else
    return _extrapolated(quotients, noise, noise[-2:], range(2, 2 * _COLUMNS, 2))


def one_sided(values: np.ndarray, terms: np.ndarray | None = None) -> tuple[Estimate, Estimate]:
    """The derivatives to the left and to the right of where the line starts."""
    here, after, before = _parts(values)
    h, powers = _along(values), range(1, _COLUMNS)
    noise, at_nearest = (2 * part for part in _noise(values, 1, terms))
    left, right = (_extrapolated(side / h, noise, at_nearest, powers) for side in (here - before, after - here))
    return left, right


def may_bend(values: np.ndarray) -> np.ndarray:
    """Where the derivatives to the left and to the right may differ by more than the rounding of the values allows.

    It is quick to say, and true of few: what the even part of the values has beside its square falls as the steps do at
    a kink, and much faster elsewhere.
    """
    here, after, before = _parts(values)
    h = _along(values)[_UNBENT:]
    jump = ((after - here) + (before - here))[_UNBENT:] / h
    jump = jump[1:] + (jump[1:] - jump[:-1]) / (_FACTOR - 1)
    rounding = np.finfo(float).eps * np.abs(values).max(axis=0) / h[1:]
    return ~(np.abs(jump) <= _BENT * rounding).all(axis=0)


def leaps(values: np.ndarray, terms: np.ndarray | None = None) -> np.ndarray:
    """Where the value at which the line starts is not the limit of those beside it, so that there is no derivative.

    To both sides it may be the same one, as of a factor whose sign is chosen.
    """
    here, after, before = _parts(values)
    even = np.abs((after - here) + (before - here))
    rounding = np.finfo(float).eps * np.abs(values if terms is None else terms).max(axis=0)
    # At a kink, this falls as the steps do.
    return (even[-1] > _LEAP * rounding) & (even[-_STRAIGHT] < _FACTOR * even[-1])


def _parts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return values[0], values[1 : 1 + _COUNT], values[1 + _COUNT :]


def _along(values: np.ndarray) -> np.ndarray:
    return STEPS.reshape(-1, *[1] * (values.ndim - 1))


def _noise(values: np.ndarray, order: int, terms: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """What the rounding of the values makes of a quotient, at most: at each step, and what of that is certain to be
    rounding, at the two smallest ones.

    At the smallest steps the function is a straight line, and what is left beside that is rounding. A kink has no part
    in it, since what grows with the step to one side only is even. But a function may change at a scale that only the
    smallest step comes close to, as x/sqrt(x^2 + e) does, or not even that. Rounding is in the even part as well, and
    another one at every step. Where values are nothing but what is left of terms that cancel, the line may be straight
    by chance; there, the values at the largest steps tell how large the terms are.
    """
    here, after, before = _parts(values)
    odd = (after - before)[-_STRAIGHT:]
    left = np.abs(odd[1:] - odd[:-1] / _FACTOR)
    even = np.abs((after - here) + (before - here))[-1]
    certain = np.minimum(np.minimum(left[-1], even), np.abs(odd[-1] - odd[-2]))
    size = np.maximum(np.abs(after), np.abs(before))
    least = np.finfo(float).eps * size + np.finfo(float).tiny
    h = _along(values) ** order
    largest = np.abs(values if terms is None else terms)
    of_terms = np.finfo(float).eps * np.where(np.isfinite(largest), largest, 0).max(axis=0)
    return (np.maximum(least, of_terms) + 2 * left.max(axis=0)) / h, ((least + 2 * certain) / h)[-2:]


def _refuted(column: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """By how much each of a column but the last is off what those of smaller steps allow, each give or take its noise.

    So it is told that a function bends elsewhere close by, as one does whose second derivative jumps there: what is
    seen from beyond may agree with itself by chance.
    """
    values, noise = column[:0:-1], noise[:0:-1]  # the nearest first
    highest = np.minimum.accumulate(values + noise)[::-1]
    lowest = np.maximum.accumulate(values - noise)[::-1]
    return np.maximum(column[:-1] - highest, lowest - column[:-1])


def _extrapolated(quotients: np.ndarray, noise: np.ndarray, at_nearest: np.ndarray, powers: Sequence[int]) -> Estimate:
    """The limit of quotients whose errors consist of those powers of the step."""
    best, off = quotients[-1], np.full(quotients.shape[1:], np.inf)
    column = quotients
    for power in powers:
        finer = column[1:] + (column[1:] - column[:-1]) / (_FACTOR**power - 1)
        noise = noise[1:]
        change = np.maximum(np.abs(finer - column[1:]), np.abs(finer - column[:-1])) + noise
        # Two neighbours agree by chance now and then; three hardly ever.
        change[1:] = np.maximum(change[1:], np.abs(finer[1:] - finer[:-1]))
        change[:-1] = np.maximum(change[:-1], _refuted(finer, noise))
        change = np.where(np.isfinite(change), change, np.inf)
        which = change.argmin(axis=0)[None]
        least = np.take_along_axis(change, which, 0)[0]
        better = least < off
        best = np.where(better, np.take_along_axis(finer, which, 0)[0], best)
        off = np.where(better, least, off)
        column = finer
    # What agrees with itself at large steps is no derivative if the function is another one at the smallest; and where
    # the quotients still grow there, as beside a jump, nothing is known.
    nearest = np.abs(best - quotients[-2:]) - 4 * at_nearest
    grow = np.abs(quotients[-1]) - 4 * at_nearest[-1] > 1.5 * np.abs(quotients[-2])
    unknown = np.isnan(nearest).any(axis=0) | grow
    return best, np.where(unknown, np.inf, np.maximum(off, nearest.max(axis=0)))
