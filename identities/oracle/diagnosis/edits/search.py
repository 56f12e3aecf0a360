"""Which edit reproduces a wrong result: found on a few instances of one shape, confirmed on all of every shape."""

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample
from identities.oracle.diagnosis.edits import axes, constants, given, indices, operations, parts, steps, sums, windows
from identities.oracle.diagnosis.edits.bench import KINDS, bench_of
from identities.oracle.diagnosis.edits.confirm import Confirmation, both, outside
from identities.oracle.diagnosis.edits.evaluate import NOTHING, Edit
from identities.oracle.diagnosis.edits.program import Program, TooLargeError
from identities.oracle.diagnosis.edits.proposals import Proposal, merged

_SECONDS = 3.0
_INSTANCES = 12  # that are looked at first
_ENTRIES = 1 << 21  # of a sample, at most
_SAMPLES = 6
_SMALL = 1 << 14  # entries of all arguments together
_NEAR = {"float64": 1e-7, "float32": 1e-3}

_STEPS = 8
"""How often a constant is adjusted."""

Generator = Callable[[Program], Iterator[Proposal]]

GENERATORS: tuple[Generator, ...] = (
    given.cotangents,
    parts.parts,
    constants.constants,
    steps.factors,
    operations.indices,
    operations.operations,
    given.arguments,
    sums.accumulations,
    steps.multiples,
    sums.layouts,
    windows.slices,
    windows.convolutions,
    indices.wrapped,
    axes.axes,
    operations.in_values,
    operations.in_pulls,
    constants.sizes,
    steps.repeated,
    steps.operands,
    sums.sums,
    steps.others,
)
"""Where proposals come from, the likeliest and the quickest first."""


_IN_PARTS: tuple[Generator, ...] = (
    given.cotangents,
    steps.factors,
    constants.constants,
    operations.operations,
    constants.sizes,
)
"""Where proposals come from that may be made for one part of a derivative only."""


def find_edit(case: Case, hints: list[Proposal], generators: Sequence[Generator] = ()) -> Diagnosis | None:
    """The simplest edit that reproduces every instance.

    **Arguments:**

    - `hints`: what has explained other arrays of the same results, which is tried first; what is found is added to it.
    - `generators`: what is proposed; by default everything.
    """
    if case.claim.kind.name not in KINDS or case.dtype not in _NEAR or not _is_plain(case):
        return None
    samples = _chosen(case)
    if not samples:
        return None
    try:
        return _Search(replace(case, samples=samples), hints).found(generators)
    except TooLargeError:
        return None


def _is_plain(case: Case) -> bool:
    involved = (*case.claim.arguments, *case.claim.results)
    return all(a.values != "complex" for a in involved)


def _chosen(case: Case) -> tuple[Sample, ...]:
    """A few samples of all sizes, the small ones first; none, if the mistake begins at a size."""
    small = [s for s in case.samples if sum(v.size for v in s.batch.values()) <= _ENTRIES and s.kept.any()]
    small = [s for s in small if s.got.shape == s.truth.values.shape]
    by_size = sorted(small, key=lambda s: (s.right.all(), s.shape.total))
    if not by_size or sum(v[0].size for v in by_size[0].batch.values()) > _SMALL:
        return ()
    return tuple(by_size[:_SAMPLES])


@dataclass(frozen=True)
class _Tried:
    """A proposal, and what it gives on the first bench."""

    proposal: Proposal
    edit: Edit
    result: np.ndarray


class _Search:
    def __init__(self, case: Case, hints: list[Proposal]):
        self._case, self._hints = case, hints
        self._confirmation = Confirmation(case)
        self._until = time.thread_time() + _SECONDS
        sample = self._first()
        right = np.asarray(sample.right.reshape(len(sample.got), -1).all(axis=1))
        finite = np.isfinite(sample.got).reshape(len(sample.got), -1).all(axis=1)
        which = np.flatnonzero(sample.kept & finite)
        telling = np.concatenate([which[~right[which]], which[right[which]]])[:_INSTANCES]  # wrong ones, if there are
        self._bench = bench_of(sample, np.sort(telling))
        self._near = _NEAR[case.dtype]
        self._got = self._bench.sample.got
        self._right = self._bench.result()
        self._size = max(float(np.abs(self._got).max(initial=0)), float(np.abs(self._right).max(initial=0)))

    def _first(self) -> Sample:
        """A wrong sample whose sizes are small and tell the dimensions apart."""
        wrong = [s for s in self._case.samples if not s.right.all()] or list(self._case.samples)
        small = [s for s in wrong if sum(v[0].size for v in s.batch.values()) <= 400] or wrong[:1]
        return max(
            small, key=lambda s: (min(s.sizes.values(), default=0) > 1, len(set(s.sizes.values())), -s.shape.total)
        )

    def found(self, generators: Sequence[Generator]) -> Diagnosis | None:
        if not self._close(self._right, self._bench.sample.truth.values) or not self._size:
            return None  # the program written out is not the function: nothing can be said
        taken: list[_Tried] = []
        for generator in (lambda _: iter(list(self._hints)), *(generators or GENERATORS)):
            hits: list[_Tried] = []
            for proposal in generator(self._bench.program):
                if time.thread_time() > self._until:
                    break
                for at in (proposal.at, functools.partial(both, proposal.at, self._neutral)):
                    if (one := self._try(replace(proposal, at=at))) is None:
                        continue
                    taken += [one] * proposal.part
                    hits += [one] * self._explains(one)
                    if not self._neutral_parts:
                        break
            if found := self._confirmed(hits):
                return found
        if generators:
            return None
        return self._confirmed(self._fitted()) or self._pair(taken) or self._mixed(taken)

    def _fitted(self) -> list[_Tried]:
        """Constants with the number that fits best, by Gauss and Newton."""
        hits = []
        for proposal, change in constants.adjustable(self._bench.program):
            value = change.old
            for _ in range(_STEPS):
                step = 1e-4 * (abs(value) or 1)
                here, there = (self._try(change.to(proposal, v)) for v in (value, value + step))
                if here is None and value == change.old:
                    here = _Tried(proposal, NOTHING, self._right)
                if here is None or there is None or time.thread_time() > self._until:
                    break
                slope, off = (there.result - here.result) / step, self._got - here.result
                if not (size := float(np.sum(slope * slope))) or self._close(here.result, self._got):
                    break
                value += float(np.sum(slope * off)) / size
            one = self._try(change.to(proposal, float(f"{value:.6g}")))
            hits += [one] * (one is not None and self._explains(one))
        return hits

    @functools.cached_property
    def _neutral_parts(self) -> list[Proposal]:
        """Values whose derivative makes no difference, as of the largest entry that is subtracted before exponentials.

        Who derives by hand takes them for constants.
        """
        found = []
        for proposal in parts.values(self._bench.program):
            result = self._bench.result(proposal.at(self._bench.program))
            arrives = self._close(result, self._right)
            found += [proposal] * arrives
        return found

    def _neutral(self, program: Program) -> Edit:
        return merged([NOTHING, *(proposal.at(program) for proposal in self._neutral_parts)])

    def _try(self, proposal: Proposal) -> _Tried | None:
        try:
            edit = proposal.at(self._bench.program)
            result = self._bench.result(edit)
        # An edit raises LookupError where it has no place; NumPy and JAX refuse shapes and dtypes with the others.
        except (LookupError, ValueError, TypeError):
            return None
        if not np.isfinite(result).all() or self._close(result, self._right):
            return None
        return _Tried(proposal, edit, result)

    def _close(self, one: np.ndarray, other: np.ndarray) -> bool:
        size = float(np.nanmax(np.abs(other), initial=0))
        return bool(np.nanmax(np.abs(one - other), initial=0) <= self._near * max(size, 1e-300))

    def _explains(self, one: _Tried) -> bool:
        if self._close(one.result, self._got):
            return True
        return one.proposal.part and _parallel(one.result - self._right, self._got - self._right, self._near)

    def _confirmed(self, hits: list[_Tried]) -> Diagnosis | None:
        """The simplest that holds everywhere: first as it is, then as a multiple."""
        in_order = [hit.proposal for hit in sorted(hits, key=lambda hit: hit.proposal.rank)]
        for confirm in (self._confirmation.exactly, self._confirmation.in_part):
            for proposal in in_order:
                if found := confirm(proposal):
                    if proposal not in self._hints:
                        self._hints.append(proposal)
                    return found
        return None

    def _pair(self, tried: Sequence[_Tried]) -> Diagnosis | None:
        """Two parts that are both missing."""
        gone = [(one, (self._right - one.result).ravel()) for one in tried]
        target = (self._right - self._got).ravel()
        for i, (one, a) in enumerate(gone):
            for other, b in gone[i + 1 :]:
                if np.abs(target - a - b).max(initial=0) > self._near * self._size:
                    continue
                at = functools.partial(both, one.proposal.at, other.proposal.at)
                if self._confirmation.reproduced(self._confirmation.guess(at)):
                    says = f"{one.proposal.says}; and {other.proposal.says}"
                    return Diagnosis(one.proposal.kind, says, where=outside(one.proposal.place))
        return None

    def _mixed(self, parts_: Sequence[_Tried]) -> Diagnosis | None:
        """A step that is done otherwise for one part of the derivative only: what passes there, and not the rest."""
        program = self._bench.program
        for proposal in itertools.chain.from_iterable(generator(program) for generator in _IN_PARTS):
            if (changed := self._try(proposal)) is None:
                continue
            for one in parts_:
                if time.thread_time() > self._until:
                    return None
                rest = self._bench.result(merged([one.edit, changed.edit]))
                for sign in (1, -1):
                    if not self._close(one.result + sign * (changed.result - rest), self._got):
                        continue
                    mixture = self._confirmation.mixture(one.proposal, proposal, sign)
                    if self._confirmation.reproduced(mixture):
                        place = one.proposal.place
                        says = f"{proposal.says}{', and has the wrong sign' * (sign < 0)}"
                        where = f", in what comes by way of {place or 'one of its parts'}"
                        return Diagnosis(proposal.kind, says + where, where=outside(place))
        return None


def _parallel(a: np.ndarray, b: np.ndarray, near: float) -> bool:
    """Whether the one is a multiple of the other."""
    size, of = float(np.sqrt(np.sum(a * a))), float(np.sqrt(np.sum(b * b)))
    if not 0 < size < math.inf or not 0 < of < math.inf:
        return False
    return bool(np.abs(a / size * np.sign(np.sum(a * b)) - b / of).max(initial=0) <= 100 * near)
