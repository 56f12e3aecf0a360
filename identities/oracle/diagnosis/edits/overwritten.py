"""Entries that get something from several entries of the result, and keep what one of them gives."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample, Truth
from identities.oracle.diagnosis.edits.bench import bench_of
from identities.oracle.diagnosis.edits.program import TooLargeError
from identities.oracle.diagnosis.edits.proposals import Hints
from identities.oracle.reference.unit import rounding_unit

_ENTRIES, _OF_RESULT, _INSTANCES = 400, 100, 24
"""Of all arguments and of the result of one instance, at most; and of how many instances the derivatives are made."""


def find_overwritten(case: Case, hints: Hints) -> Diagnosis | None:
    """The contributions that are kept, of a vjp whose accumulations assign."""
    samples = [sample for sample in case.samples if _is_small(sample)] if _is_asked(case) else []
    ranks = {len(sample.shape.of(sample.claim.results[0])) for sample in samples}
    if len(ranks) != 1 or not any(_is_told(sample) for sample in samples):
        return None
    left = list(itertools.product(_subsets(*ranks), (True, False), (True, False)))
    for sample in sorted(samples, key=lambda sample: (not _is_told(sample), sample.shape.total)):
        try:
            ways = _Ways(sample)
        except TooLargeError:
            return None
        left = [way for way in left if ways.sample.nearly(ways.kept(*way))]
        if not left:
            return None
    (axes, last, _), *_ = left
    which, dims = ("first", "last")[last], case.claim.results[0].dims(samples[0].shape.form)
    along = " and ".join(str(dims[axis]) for axis in axes)
    return Diagnosis(
        "reduction",
        f"keeps what the {which} entry of the result along {along} contributes, as `=` in place of `+=` does, where "
        "several add up",
    )


def _is_asked(case: Case) -> bool:
    claim = case.claim
    real = all(a.values != "complex" for a in (*claim.primals, *claim.results))
    return claim.kind.name == "vjp" and len(claim.results) == 1 and real


def _is_small(sample: Sample) -> bool:
    (result,) = sample.claim.results
    given = sum(math.prod(sample.shape.of(a)) for a in sample.claim.primals)
    small = given <= _ENTRIES and math.prod(sample.shape.of(result)) <= _OF_RESULT
    return small and bool(sample.kept.any()) and sample.got.shape == sample.truth.values.shape


def _is_told(sample: Sample) -> bool:
    """Whether something is wrong, where the dimensions of the result tell each other apart."""
    (result,) = sample.claim.results
    return not sample.right.all() and max(sample.shape.of(result), default=1) > 1


def _subsets(rank: int) -> Iterator[tuple[int, ...]]:
    """The axes of the result along which contributions may overwrite each other; over others they add up."""
    axes = range(rank)
    for count in axes:
        yield from itertools.combinations(axes, count + 1)


class _Ways:
    """What every entry of the result contributes to every entry of the argument, in one sample."""

    def __init__(self, sample: Sample):
        right = np.asarray(sample.right.reshape(len(sample.got), -1).all(axis=1))
        which = np.flatnonzero(sample.kept)
        wrong_first = which[np.argsort(right[which], kind="stable")]
        bench = bench_of(sample, np.sort(wrong_first[:_INSTANCES]))
        self.sample = sample = bench.sample
        derivatives = bench.jacobian()
        (cotangent,) = (bench.batch[a.name] for a in sample.claim.vectors)
        self._axes = cotangent.ndim - 1
        self._there = derivatives != 0
        self._given = cotangent.reshape(*cotangent.shape, *[1] * (derivatives.ndim - cotangent.ndim)) * derivatives
        self._eps, self._shape = rounding_unit(sample.dtype), sample.got.shape

    def kept(self, axes: tuple[int, ...], last: bool, always: bool) -> Truth:
        """The contribution of the first or the last entry along some axes that has any.

        **Arguments:**

        - `always`: whether one that is zero in this instance counts too, as it does where whole slices are assigned.
        """
        others = tuple(1 + axis for axis in range(self._axes) if axis not in axes)
        given, there = self._given.sum(others), self._there.any(others)
        if always:
            there = np.broadcast_to(there.any(0), there.shape)
        count = math.prod(given.shape[1 : 1 + len(axes)])
        given, there = (a.reshape(len(a), count, *self._shape[1:]) for a in (given, there))
        if last:
            given, there = given[:, ::-1], there[:, ::-1]
        chosen = np.take_along_axis(given, there.argmax(1)[:, None], 1)[:, 0]
        return Truth(chosen, self._eps * np.abs(given).max(1))
