"""Which edit reproduces a wrong result: found on a few instances of one shape, confirmed on all of every shape."""

import functools
import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample
from identities.oracle.diagnosis.edits.bench import KINDS, bench_of
from identities.oracle.diagnosis.edits.confirm import NEAR, Confirmation, both, outside
from identities.oracle.diagnosis.edits.evaluate import NOTHING, Edit
from identities.oracle.diagnosis.edits.everywhere import everywhere
from identities.oracle.diagnosis.edits.fitted import by_slope, intervals, threshold
from identities.oracle.diagnosis.edits.mistakes import GENERATORS, IN_PARTS, OF_FUNCTIONS, Generator, constants, parts
from identities.oracle.diagnosis.edits.mistakes.epsilons import Wanted, added
from identities.oracle.diagnosis.edits.pairs import pairs
from identities.oracle.diagnosis.edits.program import Program, TooLargeError
from identities.oracle.diagnosis.edits.proposals import Hints, Proposal, merged
from identities.oracle.diagnosis.edits.recognised import recognised
from identities.oracle.diagnosis.effort import spent
from identities.oracle.diagnosis.regions import makes_an_assumption

_INSTANCES = 12  # that are looked at first
_ENTRIES = 1 << 21  # of a sample, at most
_SAMPLES = 6
_SMALL = 1 << 14  # entries of all arguments together
_NEAR = {**NEAR, "float64": 1e-7}
_PARALLEL = 0.1  # the most by which two results may differ, for one to be a multiple of the other

_AT_ONCE = 500  # proposals of one generator

_HITS = 12  # that are checked even when everything has been spent

_EFFECTS = 800  # that are looked at in pairs
_PAIRS = 12  # that are checked


def find_edit(case: Case, hints: Hints, generators: Sequence[Generator] = ()) -> Diagnosis | None:
    """The simplest edit that reproduces every instance.

    **Arguments:**

    - `hints`: of other arrays of the same results; what is found is added, and what it costs is taken off.
    - `generators`: what is proposed; by default everything.
    """
    if hints.operations <= 0 or case.claim.kind.name not in KINDS or not _is_plain(case):
        return None
    samples = _chosen(case)
    if not samples:
        return None
    try:
        with hints.counting():
            looked_at = replace(case, samples=samples)
            found = None if generators else _in_written_out(looked_at, hints)
            found = found or _Search(looked_at, hints).found(generators)
    except TooLargeError:
        return None
    if found and case.claim.kind.order > 1:
        return replace(found, sentence=f"{found.sentence}, in the gradient that is differentiated")
    return found


def _in_written_out(case: Case, hints: Hints) -> Diagnosis | None:
    """A mistake in a known function that is written out, if there is one that people have a name for."""
    if recognised(bench_of(case.samples[0]).program) is None:
        return None
    return _Search(case, hints, known=True).of_functions()


def _is_plain(case: Case) -> bool:
    """Complex numbers have no dense derivatives, of which some kinds are made."""
    involved = (*case.claim.arguments, *case.claim.results)
    return case.claim.kind.name in ("value", "vjp") or all(a.values != "complex" for a in involved)


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
    def __init__(self, case: Case, hints: Hints, known: bool = False):
        self._case, self._hints = case, hints
        self._confirmation = Confirmation(case, known)
        self._until = spent() + hints.operations
        self._tried: list[_Tried] = []
        sample = self._first()
        right = np.asarray(sample.right.reshape(len(sample.got), -1).all(axis=1))
        finite = np.isfinite(sample.got).reshape(len(sample.got), -1).all(axis=1)
        which = np.flatnonzero(sample.kept & finite)
        telling = np.concatenate([which[~right[which]], which[right[which]]])[:_INSTANCES]  # wrong ones, if there are
        self._bench = bench_of(sample, np.sort(telling), known)
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

    def of_functions(self) -> Diagnosis | None:
        """A mistake in the derivatives of functions of one number."""
        return (self._single(OF_FUNCTIONS) or self._everywhere()) if self._is_the_function else None

    @property
    def _is_the_function(self) -> bool:
        """Whether the program written out is the function; nothing can be said where it is not."""
        return self._close(self._right, self._bench.sample.truth.values) and bool(self._size)

    def found(self, generators: Sequence[Generator]) -> Diagnosis | None:
        if not self._is_the_function:
            return None
        found = self._single([lambda _: iter(list(self._hints.proposals)), *(generators or GENERATORS)])
        if found or generators:
            return found
        if found := self._everywhere():
            return found
        if self._case.has_few_digits:  # a number that fits, or two edits, would explain too much
            return None
        if found := self._odd_multiple() or self._confirmed(self._fitted()) or self._confirmed(self._added()):
            return found
        # What has not been tried for its cost, and an assumption, are simpler than two mistakes; and two that undo each
        # other would explain what is hardly wrong.
        if self._is_over or makes_an_assumption(self._case) or self._close(self._got, self._right):
            return None
        return self._pair() or self._mixed()

    def _single(self, generators: Sequence[Generator]) -> Diagnosis | None:
        """One edit that somebody may have made; all that are tried are kept."""
        waiting = deque(generator(self._bench.program) for generator in generators)
        while waiting and not self._is_over:
            hits: list[_Tried] = []
            proposals = list(itertools.islice(generated := waiting.popleft(), _AT_ONCE))
            if len(proposals) == _AT_ONCE:  # of a long program: the others have their turn first
                waiting.append(generated)
            for proposal in proposals:
                if self._is_over:
                    break
                for at in (proposal.at, functools.partial(both, proposal.at, self._neutral)):
                    if (one := self._try(replace(proposal, at=at))) is None:
                        continue
                    self._tried.append(one)
                    hits += [one] * self._explains(one)
                    if not self._neutral_parts:
                        break
            if found := self._confirmed(hits):
                return found
        return None

    def _everywhere(self) -> Diagnosis | None:
        """One edit wherever it can be made, which by itself explained nothing."""
        together = (self._try(proposal) for proposal in everywhere([one.proposal for one in self._tried]))
        together = itertools.takewhile(lambda _: not self._is_over, together)
        return self._confirmed([one for one in together if one is not None and self._explains(one)])

    def _odd_multiple(self) -> Diagnosis | None:
        """A part times a number that nobody would choose."""
        hits = (one.proposal for one in self._tried if one.proposal.part and self._explains(one))
        hits = itertools.takewhile(lambda _: not self._is_over, hits)
        return next((found for part in hits if (found := self._confirmation.in_part(part, odd=True))), None)

    @property
    def _is_over(self) -> bool:
        return spent() > self._until

    def _fitted(self) -> list[_Tried]:
        """Constants with the number that fits best."""
        hits = []
        for proposal, change in constants.adjustable(self._bench.program):
            if self._is_over:
                break
            number = by_slope(change.old, change.given(proposal, [self._bench]), self._got.ravel())
            fits = [] if number is None else [change.to(proposal, number)]
            fits += self._thresholds(proposal, change) if change.is_threshold else []
            hits += [one for one in map(self._try, fits) if one is not None and self._explains(one)]
        return hits

    def _thresholds(self, proposal: Proposal, change: constants.Adjustable) -> Iterator[Proposal]:
        """What fits a few instances as a threshold, as precisely as all of them tell."""
        given, got = change.given(proposal, [self._bench]), self._got.ravel()
        for low, high in intervals(change.old, given, got, change.beside([self._bench])):
            one = self._try(change.to(proposal, (low + high) / 2))
            if one is not None and self._explains(one):
                benches = self._confirmation.benches()
                got = np.concatenate([bench.sample.got.ravel() for bench in benches])
                number = threshold(low, high, change.given(proposal, benches), got, change.beside(benches))
                if number is not None:
                    yield change.to(proposal, number, "about ")

    def _added(self) -> list[_Tried]:
        """Small numbers that are added where the function adds none."""

        def given(proposal: Proposal) -> np.ndarray:
            return np.nan_to_num(self._bench.result(proposal.at(self._bench.program)))

        wanted = Wanted(given, self._right, self._got, lambda: not self._is_over)
        return [_Tried(proposal, NOTHING, self._got) for proposal in added(self._bench.program, wanted)]

    @functools.cached_property
    def _neutral_parts(self) -> list[Proposal]:
        """Values on the way whose derivative makes no difference: the largest entry, subtracted before exponentials.

        Who derives by hand takes them for constants.
        """
        found, program, between = [], self._bench.program, self._bench.between()
        for proposal in parts.values(program):
            edit = proposal.at(program)
            if not between.isdisjoint(edit.arriving) and self._close(self._bench.result(edit), self._right):
                found.append(proposal)
        return found

    def _neutral(self, program: Program) -> Edit:
        return merged([proposal.at(program) for proposal in self._neutral_parts])

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
            for number, proposal in enumerate(in_order):
                if number >= _HITS and self._is_over:
                    break
                if found := confirm(proposal):
                    if proposal not in self._hints.proposals:
                        self._hints.proposals.append(proposal)
                    return found
        return None

    def _pair(self) -> Diagnosis | None:
        """Two edits that do not meet: of parts, any multiples; of other edits, what they do."""
        in_order = sorted(self._tried, key=lambda one: (not one.proposal.part, one.proposal.rank))[:_EFFECTS]
        target = self._evenly(self._got - self._right)
        effects = np.array([self._evenly(one.result - self._right) for one in in_order])
        found: list[tuple[float, _Tried, _Tried, tuple[Fraction, Fraction | None]]] = []
        for i, j, times in pairs(effects, target, self._near):
            ends = [(in_order[k], _kept(in_order[k].proposal, by)) for k, by in zip((i, j), times, strict=True)]
            # An effect that is there as often as nobody would guess comes last, and its multiple is looked for.
            (one, share), (other, rest) = sorted(ends, key=lambda end: end[1] is None)
            if share is not None and (rest is not None or other.proposal.part):
                cost = one.proposal.rank + other.proposal.rank + _COSTS[share] + _COSTS[rest]
                found.append((cost, one, other, (share, rest)))
        for _, one, other, kept in sorted(found, key=lambda row: row[0])[:_PAIRS]:
            if self._apart(one, other) and (said := self._confirmation.of_two(one.proposal, other.proposal, kept)):
                return said
        return None

    def _evenly(self, effect: np.ndarray) -> np.ndarray:
        """All entries in a row, every instance of the same weight."""
        rows = effect.reshape(len(effect), -1)
        sizes = np.abs([self._got, self._right]).max(axis=0).reshape(rows.shape).max(axis=1, initial=0)
        return (rows / np.where(sizes, sizes, 1)[:, None]).ravel()

    def _apart(self, one: _Tried, other: _Tried) -> bool:
        """Whether neither of two edits changes what the other one does."""
        together = self._try(replace(one.proposal, at=functools.partial(both, one.proposal.at, other.proposal.at)))
        if together is None:
            return False
        return self._close(together.result - one.result, other.result - self._right)

    def _mixed(self) -> Diagnosis | None:
        """A step that is done otherwise for one part of the derivative only: what passes there, and not the rest."""
        program, parts_ = self._bench.program, [one for one in self._tried if one.proposal.part]
        for proposal in itertools.chain.from_iterable(generator(program) for generator in IN_PARTS):
            if (changed := self._try(proposal)) is None:
                continue
            for one in parts_:
                if self._is_over:
                    return None
                rest = self._bench.result(merged([one.edit, changed.edit]))
                for sign in (1, -1):
                    if not self._close(one.result + sign * (changed.result - rest), self._got):
                        continue
                    mixture = self._confirmation.mixture(one.proposal, proposal, sign)
                    if self._case.nearly_explained(mixture):
                        place = one.proposal.place
                        says = f"{proposal.says}{', and has the wrong sign' * (sign < 0)}"
                        where = f", in what comes by way of {place or 'one of its parts'}"
                        return Diagnosis(proposal.kind, says + where, where=outside(place))
        return None


_COSTS: dict[Fraction | None, float] = {Fraction(0): 0.0, Fraction(-1): 0.2, Fraction(2): 0.3, None: 1.0}
"""What may be left of a part of a derivative, by how far that is from what people usually do."""


def _kept(proposal: Proposal, times: float) -> Fraction | None:
    """How much is left of what an edit takes away, if its effect is there so many times and that tells something."""
    shares = (share for share in _COSTS if share is not None and abs(1 - times - share) < 1e-3)
    return next(shares, None) if proposal.part or abs(times - 1) < 1e-3 else None


def _parallel(a: np.ndarray, b: np.ndarray, near: float) -> bool:
    """Whether the one is a multiple of the other."""
    size, of = float(np.sqrt(np.sum(a * a))), float(np.sqrt(np.sum(b * b)))
    if not 0 < size < math.inf or not 0 < of < math.inf:
        return False
    return bool(np.abs(a / size * np.sign(np.sum(a * b)) - b / of).max(initial=0) <= min(100 * near, _PARALLEL))
