"""Two mistakes at once: which two effects add up to what is wrong, found over all pairs without evaluating one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_ALIKE = 1e-6
"""From which angle on, squared, two effects are not the same one."""


class Pair(NamedTuple):
    """Two effects by their numbers, and how often each of them is in what they add up to."""

    one: int
    other: int
    times: tuple[float, float]


def pairs(effects: np.ndarray, target: np.ndarray, near: float) -> Iterator[Pair]:
    """The pairs of rows of which the target is a combination.

    What is left of the target beside the plane of two effects follows from their products with it and with each other.
    Of effects that are the same only the first counts.
    """
    size = np.linalg.norm(target)
    if not size or not len(effects):
        return
    sizes = np.linalg.norm(effects, axis=1)
    unit = effects / sizes[:, None]
    gram, along = unit @ unit.T, unit @ target / size
    apart = 1 - gram * gram
    same = (apart < _ALIKE) & (np.abs(sizes[:, None] - sizes) < _ALIKE * sizes)
    new = np.logical_not(np.any(np.triu(same, 1), axis=0))
    with np.errstate(all="ignore"):
        first = (along[:, None] - gram * along[None, :]) / apart
        left = 1 - first * along[:, None] - first.T * along[None, :]
    fits = np.triu(np.isfinite(left) & (apart >= _ALIKE) & (np.abs(left) < _left(near)), 1)
    for one, other in np.argwhere(fits & np.outer(new, new)):
        times = first[one, other] / sizes[one] * size, first[other, one] / sizes[other] * size
        yield Pair(int(one), int(other), times)


def _left(near: float) -> float:
    """How much of the target may be left over, squared: what is near, and what cancellation makes of it."""
    return max(100 * near * near, 1e-9)
