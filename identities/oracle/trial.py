"""One batch of results beside the witnesses', and the judgement on it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.candidates.calling import Answers, Fault
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, are_extreme, real_parts
from identities.oracle.reference.instances import flat, largest_of, of_equal_entries
from identities.oracle.reference.points import Points
from identities.oracle.reference.programs import growth
from identities.oracle.reference.unit import TOLERANCE, exact_errors, rounding_errors, rounding_unit
from identities.oracle.reference.words import Reference, Word

_WORSE = 32
"""Times the rounding of the function's own derivative, what a formula may leave at huge arguments."""

DIGIT = 10
"""Times the rounding of a number, below which it has no digit left."""

_ANYTHING = 1e30
"""Times the size of a result: a unit beside which any finite number is right."""

_MANY = 24
"""Results that would all have the last three bits zero by chance once in 10^21."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """One array of the results, for a batch of one shape and dtype, beside what is right.

    Only the `judged` instances count: at a kink or a pole of the function nothing is right.
    """

    claim: Claim
    shape: Shape
    dtype: str
    batch: Batch
    outcomes: Any  # an array of all results, or a list of arrays and faults
    words: dict[str, Word]
    points: Points
    groups: int  # regimes, one after the other
    exact: bool = False
    whole: Claim | None = None
    traced: bool = True
    rounding: np.ndarray | float = 0.0  # of each instance, where it has been measured

    @functools.cached_property
    def expected(self) -> np.ndarray:
        """What is right, as real numbers; of a derivative too large to be written down, its product with a probe."""
        return self._whole.values

    @functools.cached_property
    def movement(self) -> np.ndarray:
        """How far that moves when the inputs move by their rounding."""
        return self._whole.movement

    @property
    def _whole(self) -> Word:
        return next((word for word in self.words.values() if word.in_full), next(iter(self.words.values())))

    @property
    def in_full(self) -> bool:
        """Whether `expected` is the array itself."""
        return self._whole.in_full

    @property
    def judged(self) -> np.ndarray:
        """Which instances count."""
        return self.points.judged

    @functools.cached_property
    def regime(self) -> np.ndarray:
        """The number of the regime that each instance is of, in the order of `REGIMES` or of `THOROUGH`."""
        return np.repeat(np.arange(self.groups), len(self.judged) // self.groups)

    @functools.cached_property
    def shapes(self) -> set[tuple[int, ...]]:
        """Of the arrays that came back."""
        if isinstance(self.outcomes, np.ndarray):
            return {self.outcomes.shape[1:]}
        return {outcome.shape for outcome in self.outcomes if isinstance(outcome, np.ndarray)}

    @functools.cached_property
    def usual(self) -> tuple[int, ...]:
        """The shape of a right result."""
        return self.shape.of(self.claim.leaves[0])

    @functools.cached_property
    def got(self) -> np.ndarray:
        """The results as real numbers in float64, side by side; NaN for those that are no array of the usual shape."""
        if isinstance(self.outcomes, np.ndarray):
            return _as_numbers(self.outcomes, self.claim.leaves[0].values)
        usual = next(iter(self.shapes)) if len(self.shapes) == 1 else self.usual
        complex_ = self.claim.leaves[0].values == "complex"
        got = np.full((len(self.outcomes), *usual, *[2] * complex_), np.nan)
        for i, outcome in enumerate(self.outcomes):
            if isinstance(outcome, np.ndarray) and outcome.shape == usual:
                got[i] = _as_numbers(outcome, self.claim.leaves[0].values)
        return got

    @functools.cached_property
    def faults(self) -> list[tuple[int, Fault]]:
        if isinstance(self.outcomes, np.ndarray):
            return []
        return [(i, o) for i, o in enumerate(self.outcomes) if isinstance(o, Fault) and self.judged[i]]

    @functools.cached_property
    def narrower(self) -> str | None:
        """The dtype of a result that holds fewer digits than the arguments do, if there is one."""
        if not isinstance(self.outcomes, np.ndarray):
            for outcome in self.outcomes:
                if isinstance(outcome, np.ndarray) and _digits(outcome.dtype) < _digits(jnp.dtype(self.dtype)):
                    return outcome.dtype.name
        return "bfloat16" if self.is_coarse else None

    @functools.cached_property
    def is_coarse(self) -> bool:
        """Whether results in float16 have no more digits than bfloat16 holds, although the rounding on the way does."""
        return self.dtype == "float16" and self._has_digits_of("bfloat16")

    def _has_digits_of(self, dtype: str) -> bool:
        """Whether all results are numbers of a narrower dtype, where many of the right ones are not."""
        if not self.in_full or self.got.shape != self.expected.shape:
            return False
        with np.errstate(over="ignore"):
            right = self.expected.astype(self.dtype).astype(float)[self.judged]
        telling = np.isfinite(right) & (right != right.astype(dtype).astype(float))
        # Where terms cancel, what is left has as few digits as their last ones.
        rounding = np.broadcast_to(self.rounding, len(self.judged))[self.judged].reshape(-1, *[1] * (right.ndim - 1))
        telling &= rounding <= rounding_unit(dtype) / 2 * np.abs(right)
        got = self.got[self.judged][telling]
        return len(got) >= _MANY and bool((got == got.astype(dtype).astype(float)).all())

    @functools.cached_property
    def entry_errors(self) -> dict[str, np.ndarray]:
        """By witness, the error of every entry in units of rounding; infinite for another shape."""
        return self.judge(self.got)

    def judge(self, got: np.ndarray) -> dict[str, np.ndarray]:
        """The errors that other results for the same arguments would have."""
        right = (*self.usual, *[2] * (self.claim.leaves[0].values == "complex"))
        if got.shape[1:] != right:
            return {witness: np.full(word.values.shape, np.inf) for witness, word in self.words.items()}
        if self.exact:
            return exact_errors(got, self.words)
        with np.errstate(over="ignore"):  # beyond the range of the dtype, infinity is right
            got = self._within_range(got.astype(jnp.dtype(self.dtype))) if self._is_rounded else got
        errors = rounding_errors(got, self.words, self.dtype, self.groups, rounding=self.floor)
        if all(error[self.judged & ~self.points.free].max(initial=0) <= TOLERANCE for error in errors.values()):
            return errors
        # Only what looks wrong is worth a look at the program.
        if np.any(self.growth > 1):
            errors = rounding_errors(got, self.words, self.dtype, self.groups, self.growth, self.floor)
        return errors

    def _within_range(self, got: np.ndarray) -> np.ndarray:
        """The results, with what is right in place of infinity where rounding alone may lead beyond the range."""
        if not self.in_full or not np.any(self.rounding):
            return got
        rounding = np.broadcast_to(self.rounding, len(got)).reshape(-1, *[1] * (got.ndim - 1))
        largest = np.abs(self.expected) + TOLERANCE * rounding
        beyond = np.isinf(got.astype(float)) & (largest > jnp.finfo(self.dtype).max)
        return np.where(beyond, self.expected.astype(got.dtype), got)

    @functools.cached_property
    def floor(self) -> np.ndarray:
        """What the unit of each instance is at least.

        Rounding where it has been measured; and half of the digits for extreme arguments, at which a formula has to be
        finite, and need not be the best: where terms cancel, it may be worse by a digit or two than the function's
        own derivative is. Where rounding leaves no digit there, as of a sine, it only has to be finite. Half of the
        digits too where automatic differentiation has none, and so nobody knows what rounding does to them.
        """
        size = largest_of(np.abs(np.where(np.isfinite(self.expected), self.expected, 0)))
        half = half_of_digits(self.dtype)
        lost = (size > 0) & (DIGIT * self.rounding >= size)
        allowed = np.maximum(np.where(lost, _ANYTHING, half) * size, _WORSE * self.rounding)
        known = np.where(self.extreme, allowed, self.rounding)
        unknown = np.isnan(flat(self.expected)).any(axis=1)
        return np.where(unknown, half * largest_of(np.abs(np.nan_to_num(self.got, posinf=0, neginf=0))), known)

    @property
    def extreme(self) -> np.ndarray:
        """The instances of which no more than half of the digits are asked."""
        return are_extreme(len(self.judged), self.groups)

    @functools.cached_property
    def growth(self) -> np.ndarray:
        """What long sums make of the unit of rounding, for each instance."""
        if not self.traced:
            return np.ones(len(self.judged))
        of = self.whole or self.claim, self.shape, self.dtype
        return np.where(of_equal_entries(self.batch), growth(*of, equal=True), growth(*of))

    @property
    def _is_rounded(self) -> bool:
        return self.claim.leaves[0].moves

    @functools.cached_property
    def errors(self) -> dict[str, np.ndarray]:
        """By witness, the worst error of each instance."""
        worst = {w: largest_of(errors) for w, errors in self.entry_errors.items()}
        spoken = {w: np.where(self.words[w].spoken, errors, np.inf) for w, errors in worst.items()}
        best = np.min(list(spoken.values()), axis=0)
        return {
            witness: np.where(self.judged, np.where(self.points.free, best, errors), 0.0)
            for witness, errors in worst.items()
        }

    @functools.cached_property
    def within(self) -> np.ndarray:
        """Which instances have values that are right to the tolerance."""
        return np.all([errors <= TOLERANCE for errors in self.errors.values()], axis=0) | ~self.judged

    @functools.cached_property
    def right(self) -> np.ndarray:
        """Which instances are right: in value, and to as many digits as the arguments have."""
        return self.within & (self.narrower is None) | ~self.judged


def _as_numbers(values: np.ndarray, kind: str) -> np.ndarray:
    if kind == "complex":
        return real_parts(values.astype(np.complex128))
    return values.astype(np.float64)


def half_of_digits(dtype: str) -> float:
    """The unit where half of the digits are asked, as a part of a result."""
    return float(jnp.finfo(dtype).eps) ** 0.5 / TOLERANCE


def _digits(dtype: np.dtype) -> float:
    """How many bits of a number the dtype keeps; more than enough for what is not floating-point."""
    return jnp.finfo(dtype).nmant if jnp.issubdtype(dtype, jnp.inexact) else np.inf


@dataclass(frozen=True, eq=False)
class Trial:
    """A batch of instances of one shape and dtype, all regimes among them, with what came of it."""

    claim: Claim
    shape: Shape
    dtype: str
    batch: Batch
    answers: Answers
    reference: Reference
    points: Points
    groups: int  # regimes, one after the other
    exact: bool = False
    layout: str = ""  # of its arrays in memory, if that is what failed
    traced: bool = True  # whether the function is in JAX
    rounding: tuple[np.ndarray, ...] | None = None  # of each array of the results, where it has been measured

    @functools.cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Each array of the results."""
        return tuple(
            Leaf(
                self.claim.part(i),
                self.shape,
                self.dtype,
                self.batch,
                outcomes,
                self.reference.of(i),
                self.points,
                self.groups,
                self.exact,
                self.claim,
                self.traced,
                self.rounding[i] if self.rounding else 0.0,
            )
            for i, outcomes in enumerate(self.answers.leaves)
        )

    @property
    def count(self) -> int:
        """How many instances there are."""
        return len(self.points.judged)

    @property
    def judged(self) -> np.ndarray:
        """Which instances count."""
        return self.points.judged

    @property
    def passed(self) -> bool:
        return all(leaf.right.all() for leaf in self.leaves)

    def worst(self, witness: str) -> float:
        """The worst error beside a witness, in units of rounding."""
        return max((float(leaf.errors[witness].max(initial=0)) for leaf in self.leaves), default=0.0)

    def with_answers(self, change: Callable[[Any], Any]) -> "Trial":
        """The trial with the results of every leaf changed."""
        return replace(self, answers=Answers(tuple(map(change, self.answers.leaves))))
