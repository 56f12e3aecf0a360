"""Whether an edit reproduces every instance of every shape, and what is said if it does."""

import functools

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Guess, Sample, Truth
from identities.oracle.diagnosis.edits.bench import Bench, bench_of
from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import At, Proposal, merged
from identities.oracle.diagnosis.factors import Factor, find_factor


def both(one: At, other: At, program: Program) -> Edit:
    """Two edits together."""
    return merged([one(program), other(program)])


class Confirmation:
    """The samples that an explanation has to reproduce."""

    def __init__(self, case: Case):
        self._case = case
        self._benches: dict[int, Bench] = {}

    def exactly(self, proposal: Proposal) -> Diagnosis | None:
        """What is said of an edit that gives what came back."""
        if not self.reproduced(self.guess(proposal.at)):
            return None
        return Diagnosis(proposal.kind, proposal.says, where=outside(proposal.place))

    def in_part(self, proposal: Proposal) -> Diagnosis | None:
        """The right result with a multiple of what the proposal takes away."""
        if not proposal.part:
            return None
        rest = self.guess(proposal.at)

        def part(sample: Sample) -> Truth:
            left, whole = rest(sample), sample.truth
            if left.values.shape != whole.values.shape:
                return left
            return Truth(whole.values - left.values, whole.movement + left.movement)

        factor = find_factor(self._case, part, beside=rest)
        return _of_multiple(proposal, factor) if factor else None

    def reproduced(self, guess: Guess) -> bool:
        """Whether every instance comes out, nearly all of them to the tolerance."""
        return all(sample.nearly(guess(sample)) for sample in self._case.samples)

    def guess(self, at: At) -> Guess:
        """What an edit gives for a sample."""

        def guess(sample: Sample) -> Truth:
            if id(sample) not in self._benches:
                self._benches[id(sample)] = bench_of(sample)
            bench = self._benches[id(sample)]
            try:
                return bench.truth(at(bench.program))
            except (LookupError, ValueError, TypeError):  # at these shapes it has no place, and so explains nothing
                return Truth(np.zeros(0), np.zeros(0))

        return functools.lru_cache(guess)

    def mixture(self, part: Proposal, other: Proposal, sign: int) -> Guess:
        """What comes out if a step is done otherwise, and perhaps negated, for one part of the derivative only."""
        one, changed = self.guess(part.at), self.guess(other.at)
        rest = self.guess(functools.partial(both, part.at, other.at))

        def guess(sample: Sample) -> Truth:
            a, b, c = one(sample), changed(sample), rest(sample)
            if not a.values.shape == b.values.shape == c.values.shape:
                return a
            return Truth(a.values + sign * (b.values - c.values), a.movement + b.movement + c.movement)

        return guess


def outside(place: Place | None) -> Place | None:
    """A place in somebody's source; none in a function of the catalog, which has a statement."""
    return None if place is None or place.is_own else place


def _of_multiple(proposal: Proposal, factor: Factor) -> Diagnosis:
    """Of a derivative that has a multiple of a part of it."""
    says = proposal.times.replace("{}", str(factor))
    if factor.constant == -1 and not factor.powers:
        return Diagnosis("sign", says, str(factor), where=outside(proposal.place))
    if factor.constant == 1 and len(factor.powers) == 1 and abs(factor.powers[0][1]) == 1:
        ((name, power),) = factor.powers
        one, other = ("a sum", "an average") if power > 0 else ("an average", "a sum")
        return Diagnosis(
            "reduction", f"{says}, as {one} over {name} does in place of {other}", str(factor), outside(proposal.place)
        )
    kind = "missing-factor" if abs(float(factor.constant)) < 1 and not factor.powers else "factor"
    return Diagnosis(kind, says, str(factor), where=outside(proposal.place))
