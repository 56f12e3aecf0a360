"""Whether an edit reproduces every instance of every shape, and what is said if it does."""

import functools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Guess, Sample, Truth
from identities.oracle.diagnosis.edits.bench import Bench, bench_of
from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import At, Proposal, merged
from identities.oracle.diagnosis.factors import Factor, find_factor, multiple, ratio
from identities.oracle.reference.instances import largest_of

NEAR = {"float64": 1e-3, "float32": 1e-3, "float16": 3e-3, "bfloat16": 2e-2}
"""How near a quick look finds what explains a result, relatively, by dtype."""

_NOTHING = 1e-8
"""Of what is usual for the instances of a sample, what counts as nothing."""

_AT_KINKS = 0.2
"""In what part of the instances it may not."""


def both(one: At, other: At, program: Program) -> Edit:
    """Two edits together."""
    return merged([one(program), other(program)])


class Confirmation:
    """The samples that an explanation has to reproduce."""

    def __init__(self, case: Case, known: bool = False):
        self._case, self._known = case, known
        self._benches: dict[int, Bench] = {}
        self._factor_of = functools.cache(self._find_factor)

    def exactly(self, proposal: Proposal) -> Diagnosis | None:
        """What is said of an edit that gives what came back."""
        if not self._comes_near(proposal.at, _rest) or not self._case.nearly_explained(self.guess(proposal.at)):
            return None
        return Diagnosis(proposal.kind, proposal.says, where=outside(proposal.place))

    def in_part(self, proposal: Proposal, odd: bool = False) -> Diagnosis | None:
        """The right result with a multiple of what the proposal takes away.

        **Arguments:**

        - `odd`: whether by a number that nobody would choose, which says little.
        """
        factor = self._factor_of(proposal.at) if proposal.part else None
        return self._of_multiple(proposal, factor) if factor and isinstance(factor.constant, float) == odd else None

    def _find_factor(self, at: At) -> Factor | None:
        """The multiple of what an edit takes away that came back, if it is one."""
        if not self._comes_near(at, _rest_beside_a_multiple):
            return None
        rest = self.guess(at, jumps=False)
        return find_factor(self._case, _part(rest), beside=rest)

    def _comes_near(self, at: At, rest: "_Rest") -> bool:
        """Whether an edit may explain what came back: a quick look at every sample, without any rounding.

        **Arguments:**

        - `rest`: what is left unexplained of a sample by what the edit gives for it, and what there was to explain.
        """
        for sample in self._case.samples:
            bench = self._bench(sample)
            try:
                left, whole = rest(sample, bench.result(at(bench.program)))
            except (LookupError, ValueError, TypeError):
                return False
            near, sizes = NEAR[sample.dtype], largest_of(np.abs(whole[sample.kept]))
            # Where next to nothing is to be explained, there is nothing but rounding.
            sizes = np.maximum(sizes, _NOTHING * np.median(sizes)) if sizes.size else sizes
            far = largest_of(np.abs(left[sample.kept])) > near * sizes
            if far.size and far.mean() > _AT_KINKS:
                return False
        return True

    def of_two(self, one: Proposal, other: Proposal, kept: tuple[Fraction, Fraction | None]) -> Diagnosis | None:
        """What is said of two edits of different places: how much is kept of what each of them takes away.

        Of the other one it may be left open: then it is the multiple that fits.
        """
        first, rest = (self.guess(proposal.at, jumps=False) for proposal in (one, other))
        first = multiple(_part(first), Factor(kept[0]), first)
        factor = None if kept[1] is None else Factor(kept[1])
        if factor is None:
            factor = find_factor(self._case, _part(rest), beside=_together(first, rest))
        elif not self._case.nearly_explained(_together(first, multiple(_part(rest), factor, rest))):
            factor = None
        if factor is None:
            return None
        said, besides = self._of_share(one, Factor(kept[0])), self._of_share(other, factor)
        return replace(said, sentence=f"{said.sentence}; and {besides.sentence}", factor=None)

    def guess(self, at: At, jumps: bool = True) -> Guess:
        """What an edit gives for a sample; `jumps` as of `Bench.truth`."""

        def guess(sample: Sample) -> Truth:
            bench = self._bench(sample)
            try:
                return bench.truth(at(bench.program), jumps)
            except (LookupError, ValueError, TypeError):  # at these shapes it has no place, and so explains nothing
                return Truth(np.zeros(0), np.zeros(0))

        return functools.lru_cache(guess)

    def benches(self) -> list[Bench]:
        """All samples on the bench."""
        return [self._bench(sample) for sample in self._case.samples]

    def _bench(self, sample: Sample) -> Bench:
        if id(sample) not in self._benches:
            self._benches[id(sample)] = bench_of(sample, known=self._known)
        return self._benches[id(sample)]

    def mixture(self, part: Proposal, other: Proposal, sign: int) -> Guess:
        """What comes out if a step is done otherwise, and perhaps negated, for one part of the derivative only."""
        ats = part.at, other.at, functools.partial(both, part.at, other.at)
        one, changed, rest = (self.guess(at, jumps=False) for at in ats)

        def guess(sample: Sample) -> Truth:
            a, b, c = one(sample), changed(sample), rest(sample)
            if not a.values.shape == b.values.shape == c.values.shape:
                return a
            return Truth(a.values + sign * (b.values - c.values), a.movement + b.movement + c.movement)

        return guess

    def _of_share(self, proposal: Proposal, factor: Factor) -> Diagnosis:
        """Of a derivative that has nothing, or a multiple, of a part of it."""
        if factor.constant == 0:
            return Diagnosis(proposal.kind, proposal.says, where=outside(proposal.place))
        return self._of_multiple(proposal, factor)

    def _of_multiple(self, proposal: Proposal, factor: Factor) -> Diagnosis:
        """Of a derivative that has a multiple of a part of it."""
        if factor.constant == -1 and not factor.powers:
            says = proposal.times.replace("multiplies by {}", "has the wrong sign in")
            return Diagnosis("sign", says, str(factor), where=outside(proposal.place))
        says = proposal.times.replace("{}", str(factor))
        if of := factor.of_dimension(self._case.samples[0].sizes):
            name, power = of
            one, other = ("a sum", "an average") if power > 0 else ("an average", "a sum")
            return Diagnosis(
                "reduction",
                f"{says}, as {one} over {name} does in place of {other}",
                str(factor),
                outside(proposal.place),
            )
        kind = "missing-factor" if abs(float(factor.constant)) < 1 and not factor.powers else "factor"
        return Diagnosis(kind, says, str(factor), where=outside(proposal.place))


def outside(place: Place | None) -> Place | None:
    """A place in somebody's source; none in a function of the catalog, which has a statement."""
    return None if place is None or place.is_own else place


_Rest: TypeAlias = Callable[[Sample, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _rest(sample: Sample, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of what came back beside what an edit gives."""
    return sample.got - result, sample.got


def _rest_beside_a_multiple(sample: Sample, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same beside the multiple that fits of what the edit takes away."""
    target, part = sample.got - result, sample.truth.values - result
    times = ratio(target[sample.kept], part[sample.kept])
    return (np.zeros_like(target) if times is None else target - times * part), target


def _part(rest: Guess) -> Guess:
    """What an edit takes away, from what it leaves."""

    def part(sample: Sample) -> Truth:
        left, whole = rest(sample), sample.truth
        if left.values.shape != whole.values.shape:
            return left
        return Truth(whole.values - left.values, whole.movement + left.movement)

    return part


def _together(one: Guess, other: Guess) -> Guess:
    """What comes out of two edits of which neither changes what the other one does."""

    def guess(sample: Sample) -> Truth:
        a, b, whole = one(sample), other(sample), sample.truth
        if not a.values.shape == b.values.shape == whole.values.shape:
            return Truth(np.zeros(0), np.zeros(0))
        return Truth(a.values + b.values - whole.values, a.movement + b.movement)

    return guess
