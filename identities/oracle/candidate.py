"""Somebody else's implementation beside the witnesses: what it gives, and whether that is right."""

import contextlib
import difflib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity, catalog
from identities.oracle.arguments import Batch, Shape, draw_values, regimes
from identities.oracle.calling import ARRAYS, Fault, Outcome, call, convert
from identities.oracle.tolerance import TOLERANCE, rounding_errors
from identities.oracle.trial import Plan
from identities.oracle.witness import Reference, reference, smooth

Candidate = Callable[[Batch], list[Outcome]]
"""Where results come from: an outcome for each instance of a batch of arguments."""


@dataclass(frozen=True)
class Local:
    """A function of this process, which is trusted."""

    function: Callable[..., Any]
    arrays: str = "numpy"

    def __post_init__(self) -> None:
        check_arrays(self.arrays)
        if not callable(self.function):
            raise TypeError(f"a candidate is a function, got a {type(self.function).__name__}")
        try:
            convert(np.zeros(1), self.arrays)
        except (ImportError, RuntimeError, AssertionError) as error:  # no such framework, or no such device
            raise ValueError(f"arrays={self.arrays!r} are not to be had here: {error}") from error

    def __call__(self, batch: Batch) -> list[Outcome]:
        with _settings_kept(), jax.enable_x64(True):
            return [call(self.function, tuple(batch), values, self.arrays) for values in instances(batch)]


def matched(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Of the names that a file offers, those in the catalog, and those that nearly are, with what may be meant."""
    offered = list(names)
    functions = {identity.function.__name__ for identity in catalog.values()}
    near = {
        name: close[0]
        for name in offered
        if name not in catalog and name not in functions
        if (close := difflib.get_close_matches(name, catalog, n=1, cutoff=0.8))
    }
    return [name for name in offered if name in catalog], near


def check_arrays(arrays: str) -> None:
    """Raise `ValueError` for a kind of array that nobody can be called with."""
    if arrays.partition(":")[0] not in ARRAYS:
        raise ValueError(f'arrays must be "numpy", "jax" or "torch", or as in "torch:cuda"; got {arrays!r}')


def instances(batch: Batch) -> Iterator[tuple[np.ndarray, ...]]:
    """The arguments of one instance after the other."""
    return zip(*batch.values(), strict=True)


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Whatever a candidate does to the settings of NumPy, JAX and warnings is undone; what overflows, may."""
    before = dict(jax.config.values)
    with warnings.catch_warnings(), np.errstate(all="ignore"), np.printoptions():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for name, value in jax.config.values.items():
                if name in before and value is not before[name]:
                    jax.config.update(name, before[name])


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a candidate makes of a batch of one shape and dtype, beside what is right.

    Only the `judged` instances count: at a kink or a pole of the function nothing is right.
    """

    identity: Identity
    shape: Shape
    dtype: str
    batch: Batch
    outcomes: list[Outcome]
    reference: Reference
    judged: np.ndarray

    @functools.cached_property
    def expected(self) -> np.ndarray:
        return next(iter(self.reference.values.values()))

    @functools.cached_property
    def shapes(self) -> set[tuple[int, ...]]:
        """Of the arrays that came back."""
        return {outcome.shape for outcome in self.outcomes if isinstance(outcome, np.ndarray)}

    @functools.cached_property
    def got(self) -> np.ndarray:
        """The results in float64, side by side; NaN in place of those that are no array of the usual shape."""
        usual = self.expected.shape[1:]
        if len(self.shapes) == 1:
            (usual,) = self.shapes
        got = np.full((len(self.outcomes), *usual), np.nan)
        for i, outcome in enumerate(self.outcomes):
            if isinstance(outcome, np.ndarray) and outcome.shape == usual:
                got[i] = outcome.astype(np.float64)
        return got

    @functools.cached_property
    def faults(self) -> list[tuple[int, Fault]]:
        return [(i, o) for i, o in enumerate(self.outcomes) if isinstance(o, Fault) and self.judged[i]]

    @functools.cached_property
    def narrower(self) -> str | None:
        """The dtype of a result that holds fewer digits than the arguments do, if there is one."""
        for outcome in self.outcomes:
            if isinstance(outcome, np.ndarray) and _digits(outcome.dtype) < _digits(jnp.dtype(self.dtype)):
                return outcome.dtype.name
        return None

    @functools.cached_property
    def errors(self) -> dict[str, np.ndarray]:
        """By witness, the worst error of each instance, in units of rounding."""
        count = len(self.outcomes)
        if self.got.shape != self.expected.shape:
            return {witness: np.where(self.judged, np.inf, 0.0) for witness in self.reference.values}
        with np.errstate(over="ignore"):  # beyond the range of the dtype, infinity is right
            got = self.got.astype(jnp.dtype(self.dtype))
        units = rounding_errors(got, self.reference, self.dtype, len(regimes(self.identity)))
        return {
            witness: np.where(self.judged, errors.reshape(count, -1).max(axis=1, initial=0), 0.0)
            for witness, errors in units.items()
        }

    @functools.cached_property
    def within(self) -> np.ndarray:
        """Which instances have values that are right to the tolerance."""
        return np.all([errors <= TOLERANCE for errors in self.errors.values()], axis=0) | ~self.judged

    @functools.cached_property
    def right(self) -> np.ndarray:
        """Which instances are right: in value, and to as many digits as the arguments have."""
        return self.within & (self.narrower is None) | ~self.judged


def _digits(dtype: np.dtype) -> float:
    """How many bits of a number the dtype keeps; more than enough for what is not floating-point."""
    return jnp.finfo(dtype).nmant if jnp.issubdtype(dtype, jnp.floating) else np.inf


def attempt(identity: Identity, candidate: Candidate, dtype: str, plan: Plan, shape: Shape) -> Attempt:
    """The candidate's results for the arguments that the plan has for a shape and dtype."""
    batch = draw_values(identity, shape, dtype, plan.each(identity), plan.seed)
    eps = float(jnp.finfo(dtype).eps)
    right = reference(identity, shape, batch, eps, plan.seed)
    judged = smooth(identity, shape, batch, plan.seed)
    right.movement[~judged] = 0  # which would be the unit of all others
    outcomes = candidate(with_static(identity, shape, batch))
    return Attempt(identity, shape, dtype, batch, outcomes, right, judged)


def with_static(identity: Identity, shape: Shape, batch: Batch) -> Batch:
    """The batch with static arguments among the others, in the order in which the closed form takes them."""
    if not identity.static:
        return batch
    count, sizes = len(next(iter(batch.values()))), dict(shape.sizes)
    everything = batch | {name: np.full(count, sizes[name]) for name in identity.static}
    return {name: everything[name] for name in inspect.signature(identity.closed_form).parameters}


def repeats(candidate: Candidate, attempt: Attempt, which: Sequence[int]) -> bool:
    """Whether those instances give the same results, to rounding, when they are asked for again."""
    batch = {name: values[list(which)] for name, values in attempt.batch.items()}
    again = candidate(with_static(attempt.identity, attempt.shape, batch))
    size = np.abs(attempt.expected[attempt.judged]).max(initial=0)
    scale = size * float(jnp.finfo(attempt.dtype).eps) * TOLERANCE
    for i, second in zip(which, again, strict=True):
        first = attempt.outcomes[i]
        if isinstance(first, Fault) or isinstance(second, Fault):
            if type(first) is not type(second):
                return False
        elif first.shape != second.shape or not np.allclose(
            first.astype(float), second.astype(float), rtol=0, atol=scale, equal_nan=True
        ):  # NaN twice is wrong, but not random
            return False
    return True
