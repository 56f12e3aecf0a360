"""A wrong result as the explanations see it: samples of several shapes, and how well a guess reproduces them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from identities.claim import Claim
from identities.dimensions import BATCH_AXES, owner_of
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import HUGE, REGIMES, Batch
from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.unit import TOLERANCE, errors_beside
from identities.oracle.trial import Leaf, half_of_digits


@dataclass(frozen=True)
class Diagnosis:
    """The mistake.

    **Fields:**

    - `kind`: as `"factor"`; docs/oracle.md lists them.
    - `sentence`: what is wrong, to go on after "it ...".
    - `factor`: what the right answer is multiplied with to give the wrong one, if that is the mistake: a
      number or a monomial in the dimensions and options, as "2", "-1/2", "n" or "1/n".
    - `where`: the expression of the forward pass that the mistake belongs to, if it is known.
    - `step`: of an identity of the catalog, the expression of its closed form that was done otherwise, if it is known.
    - `failure`: the traceback, if the explanation itself has failed: the verdict stands, and this is for whoever mends
      the oracle.
    """

    kind: str
    sentence: str
    factor: str | None = None
    where: Place | None = None
    step: Place | None = None
    failure: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.kind}: it {self.sentence}"


@dataclass(frozen=True, eq=False)
class Truth:
    """What might have been computed, right or wrong: values for a batch, and how far rounding moves them."""

    values: np.ndarray
    movement: np.ndarray

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> "Truth":
        """After a linear rearrangement with no negative coefficients."""
        return Truth(change(self.values), change(self.movement))

    def times(self, factor: float | np.ndarray) -> "Truth":
        with np.errstate(invalid="ignore"):  # n/(n - 1) times nothing is nothing
            values, movement = self.values * factor, self.movement * np.abs(factor)
        return Truth(np.where(self.values == 0, 0.0, values), np.where(self.movement == 0, 0.0, movement))


_LOST = {"float64": 4096, "float32": 64}
"""The most units of rounding by which an explanation may miss an instance, by dtype; in others only what is allowed."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A batch of results of one shape."""

    claim: Claim
    shape: Shape
    dtype: str
    batch: Batch
    got: np.ndarray
    truth: Truth
    kept: np.ndarray  # which instances count
    groups: int  # regimes, one after the other
    growth: np.ndarray | float = 1.0
    rounding: np.ndarray | float = 0.0  # of each instance, where it has been measured
    half: np.ndarray | float = 0.0  # of each instance, what part of a result is half of its digits, if no more is asked
    generous: bool = True  # whether a guess may lose digits that nobody has measured; what is right may not

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        """Of all dimensions; leading axes that no array has here count as one."""
        used = {name for a in (*self.claim.arguments, *self.claim.leaves) for name in a.dims(self.shape.form)}
        unused = {dims for a in self.claim.arguments for form in a.forms for dims in form} - used
        sizes = {name: size for name, size in self.shape.sizes if owner_of(name) == name}
        return {name: 1 if name in unused and name in BATCH_AXES else size for name, size in sizes.items()}

    @functools.cached_property
    def scales(self) -> dict[str, float]:
        """What a factor may be made of: sizes, those of results among them, and options that are numbers."""
        along = [d for a in self.claim.results for d in zip(a.dims(self.shape.form), self.shape.of(a), strict=True)]
        of_results = {f"({dim})": size for dim, size in along if not dim.isidentifier()}
        return {**self.sizes, **of_results, **self.shape.numbers(self.claim)}

    def units(self, guess: Truth, dtype: str | None = None) -> np.ndarray:
        """How far a guess is off, for each entry, in units of rounding."""
        rounding = np.maximum(self.rounding, self.half * largest_of(np.abs(np.nan_to_num(guess.values))))
        what = self.got, guess.values, guess.movement, dtype or self.dtype, self.groups, self.growth, rounding
        return errors_beside(*what, self.generous)

    def reproduced(self, guess: Truth, dtype: str | None = None) -> np.ndarray:
        """Which entries a guess gives, to the tolerance; all of an instance that does not count."""
        return self._within(self.units(guess, dtype))

    def _within(self, units: np.ndarray) -> np.ndarray:
        return (units <= TOLERANCE) | ~self.kept.reshape(-1, *[1] * (units.ndim - 1))

    def nearly(self, guess: Truth) -> bool:
        """Whether a guess gives every instance, and nearly all of them to the tolerance.

        A formula that is not the right one may lose more digits than the right one does, where terms cancel.
        """
        if guess.values.shape != self.got.shape:
            return False
        units = self.units(guess).reshape(len(self.got), -1).max(axis=1, initial=0)[self.kept]
        most = _LOST.get(self.dtype, TOLERANCE)
        return not units.size or bool(units.max() <= most and np.quantile(units, 0.9) <= TOLERANCE)

    @functools.cached_property
    def off(self) -> np.ndarray:
        """How far each entry is from the right one, in units of rounding."""
        return replace(self, generous=False).units(self.truth)

    @functools.cached_property
    def right(self) -> np.ndarray:
        """Which entries are, and all of an instance that does not count."""
        return self._within(self.off)


Guess: TypeAlias = Callable[[Sample], Truth]


@dataclass(frozen=True, eq=False)
class Case:
    """All samples of one dtype, of a claim about one array."""

    claim: Claim
    dtype: str
    samples: tuple[Sample, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the result's axes; of complex numbers the last one has real and imaginary part."""
        (leaf,) = self.claim.leaves
        return leaf.dims(self.samples[0].shape.form) + ("2",) * (leaf.values == "complex")

    @property
    def has_few_digits(self) -> bool:
        """Whether results have so few digits that different ones may look the same."""
        return self.dtype not in ("float64", "float32")

    def explained(self, guess: Guess, dtype: str | None = None) -> bool:
        """Whether a guess reproduces every instance."""
        for sample in self.samples:
            guessed = guess(sample)
            if guessed.values.shape != sample.got.shape or not sample.reproduced(guessed, dtype).all():
                return False
        return True

    def nearly_explained(self, guess: Guess) -> bool:
        """Whether a guess gives every instance, nearly all of them to the tolerance."""
        return all(sample.nearly(guess(sample)) for sample in self.samples)

    def with_results(self, change: Callable[[Sample], np.ndarray]) -> "Case":
        """With the results rearranged."""
        return replace(self, samples=tuple(replace(sample, got=change(sample)) for sample in self.samples))

    def counting(self, which: Sequence[np.ndarray]) -> "Case":
        """With only those instances, of each sample, and only the samples that have any."""
        samples = (replace(s, kept=s.kept & w) for s, w in zip(self.samples, which, strict=True))
        return replace(self, samples=tuple(sample for sample in samples if sample.kept.any()))


def case_of(leaves: Sequence[Leaf], special: bool = False) -> Case | None:
    """The case that trials of one dtype make; calls that gave no array do not count, nor do shapes of another rank.

    None where no derivative is known in full.

    **Arguments:**

    - `special`: whether zeros of both signs, equal entries and so on count too. Huge values, and kinks, where a value
      has several right ones, matter only where nothing else is wrong.
    """
    known = [leaf for leaf in leaves if leaf.in_full]
    wrong = [leaf for leaf in known if not leaf.right.all()]
    if not wrong:
        return None
    regimes = _without_huge if special else _usual
    easy = [(regimes, _certain), (_without_huge, _certain), (_certain,), ()]
    conditions = next(c for c in easy if any((~leaf.right & _all_of(c, leaf)).any() for leaf in known))
    samples = []
    for leaf in known:
        if leaf.expected.ndim != wrong[-1].expected.ndim:
            continue
        kept = leaf.judged & _all_of(conditions, leaf)
        kept[[i for i, _ in leaf.faults]] = False
        truth = Truth(leaf.expected, leaf.movement)
        given = leaf.claim, leaf.shape, leaf.dtype, leaf.batch
        half = leaf.extreme * half_of_digits(leaf.dtype)
        samples.append(Sample(*given, leaf.got, truth, kept, leaf.groups, leaf.growth, leaf.floor, half))
    case = Case(known[0].claim, known[0].dtype, tuple(samples))
    if not case.explained(lambda sample: sample.truth):
        return case
    # What is right but for rounding, anything nearly right would explain.
    return replace(case, samples=tuple(replace(sample, generous=False) for sample in samples))


def _certain(leaf: Leaf) -> np.ndarray:
    """The instances at which all witnesses say the same."""
    return ~leaf.points.free


def _usual(leaf: Leaf) -> np.ndarray:
    """The instances of the regimes that are not hard."""
    return leaf.regime < len(REGIMES)


def _without_huge(leaf: Leaf) -> np.ndarray:
    """The instances of all regimes but the one in which much overflows."""
    return leaf.regime != HUGE


def _all_of(conditions: Sequence[Callable[[Leaf], np.ndarray]], leaf: Leaf) -> np.ndarray:
    return np.all([np.ones(len(leaf.judged), bool), *(condition(leaf) for condition in conditions)], axis=0)
