"""Whether results are off to one side: rounding has no preferred one, and a wrong factor has.

Each entry of a result may be off by several units, so that a factor of 1.05 is not seen in any entry of bfloat16. Over
a batch it is: the slope of the results against the right ones has a standard error that the units imply.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identities.oracle.diagnosis import Diagnosis
from identities.oracle.draw.values import REGIMES
from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.rounding import moved
from identities.oracle.reference.unit import rounding_unit, units_of
from identities.oracle.trial import Leaf, Trial

STANDARD_ERRORS = 8
"""How many standard errors off a slope must be: chance plays no part then."""

_ALIKE = 4
"""How many standard errors slopes at several shapes may be from each other, to be those of one factor."""


@dataclass(frozen=True)
class Slope:
    """How results depend on the right ones, less one; and the standard error of that."""

    off: float
    error: float

    @property
    def known(self) -> bool:
        """Whether it says anything: of numbers that are next to nothing, squares overflow or vanish."""
        return bool(np.isfinite(self.off)) and 0 < self.error < np.inf

    @property
    def in_errors(self) -> float:
        return abs(self.off) / self.error if self.known else 0.0


@dataclass(frozen=True)
class Bias:
    """Results that are off to one side, as an instance of one leaf shows, and what that is."""

    leaf: Leaf
    instance: int
    diagnosis: Diagnosis


def bias_of(trials: Sequence[Trial], seed: int) -> Bias | None:
    """The first array of the results that is off to one side in some dtype, although no entry of it is wrong.

    float64 is not looked at: the witnesses themselves have no more.
    """
    for dtype in dict.fromkeys(trial.dtype for trial in trials):
        of_dtype = [trial for trial in trials if trial.dtype == dtype and trial.traced and not trial.exact]
        for number in range(len(of_dtype[0].leaves) if of_dtype and dtype != "float64" else 0):
            if found := _bias(of_dtype, number, seed):
                return found
    return None


def _bias(trials: Sequence[Trial], number: int, seed: int) -> Bias | None:
    leaves = [trial.leaves[number] for trial in trials]
    slopes = [_slope(leaf, leaf.got) for leaf in leaves]
    total = _together(slopes)
    # What is less than a unit of rounding is nothing that a number of this dtype can show.
    if total.in_errors <= STANDARD_ERRORS or abs(total.off) <= rounding_unit(leaves[0].dtype):
        return None
    # What the rounding of constants does is the same for all instances, and nobody's mistake: it is measured.
    copies = [_copies(trial, leaf, number, seed) for trial, leaf in zip(trials, leaves, strict=True)]
    if not np.isfinite(copies).all():
        return None
    by_copy = [[Slope(of, s.error) for of, s in zip(ofs, slopes, strict=True)] for ofs in zip(*copies, strict=True)]
    systematic = float(np.hypot.reduce([_together(of_copy).off for of_copy in by_copy]) / np.sqrt(len(by_copy)))
    if abs(total.off) <= STANDARD_ERRORS * np.hypot(total.error, systematic):
        return None
    alike = all(abs(s.off - total.off) <= _ALIKE * np.hypot(s.error, systematic) for s in slopes if s.known)
    count = sum(int(_counted(leaf).sum()) for leaf in leaves)
    by = f"{total.in_errors:.0f} standard errors over {count} instances, where no single one tells"
    factor = f"{1 + total.off:.9g}"
    if alike:
        diagnosis = Diagnosis("factor", f"returns {factor} times the right result: {by}", factor)
    else:
        side = "large" if total.off > 0 else "small"
        sentence = f"is too {side} on average, by {abs(total.off):.2g} of the right result: {by}"
        diagnosis = Diagnosis("precision", f"{sentence}; as sums that stagnate, or numbers that are cut off, leave it")
    leaf = max(leaves, key=lambda leaf: int(_counted(leaf).sum()))
    size = np.abs(np.where(_counted(leaf).reshape(-1, *[1] * (leaf.expected.ndim - 1)), leaf.expected, 0))
    return Bias(leaf, int(largest_of(size).argmax()), diagnosis)


def _counted(leaf: Leaf) -> np.ndarray:
    """The instances that tell: where all witnesses agree, of the regimes that are not hard."""
    return leaf.judged & ~leaf.points.free & (leaf.regime < len(REGIMES))


@np.errstate(over="ignore", invalid="ignore")  # of infinite results, and where the unit is next to nothing
def _slope(leaf: Leaf, got: np.ndarray) -> Slope:
    """The slope of one array of results.

    Its error is what units imply if all entries are off by themselves, or what instances show, whose entries may be off
    together: whichever is more.
    """
    which = _counted(leaf)
    if not leaf.in_full or not which.any() or got.shape != leaf.expected.shape:
        return Slope(0.0, 0.0)
    unit = np.maximum(units_of(leaf.expected, leaf.movement, leaf.dtype, leaf.groups), leaf.floor) * leaf.growth
    right = leaf.expected[which].reshape(int(which.sum()), -1)
    off = got[which].reshape(right.shape) - right
    # An infinite result beyond the range of the dtype, and what it is held against, say nothing.
    sound = np.isfinite(off)
    right, off = np.where(sound, right, 0), np.where(sound, off, 0)
    weight = np.where(unit[which] > 0, unit[which], np.inf)[:, None]
    scaled, moved_by = right / weight, off / weight
    total = np.square(scaled).sum()
    if not total:
        return Slope(0.0, 0.0)
    slope = (scaled * moved_by).sum() / total
    by_instance = (scaled * (moved_by - slope * scaled)).sum(axis=1)
    error = np.maximum(total**-0.5, np.sqrt(np.square(by_instance).sum()) / total)
    return Slope(float(slope), float(error))


def _together(slopes: Sequence[Slope]) -> Slope:
    """The mean of slopes, weighted by what they are worth."""
    known = [s for s in slopes if s.known]
    if not known:
        return Slope(0.0, 0.0)
    errors = np.array([s.error for s in known])
    weights = np.square(errors.min() / errors)  # beside the best of them: by themselves they may be out of range
    mean = float(weights @ [s.off for s in known] / weights.sum())
    return Slope(mean, float(errors.min() / np.sqrt(weights.sum())))


def _copies(trial: Trial, leaf: Leaf, number: int, seed: int) -> list[float]:
    """How far off the slope is with every constant and operation rounded at random, a few times."""
    exact, copies = moved(trial.claim, trial.shape, trial.batch, trial.dtype, seed)
    return [_slope(leaf, np.asarray(leaf.expected + (copy[number] - exact[number]))).off for copy in copies]
