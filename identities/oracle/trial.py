"""One batch of a closed form's results beside the witnesses', and the judgement on it."""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity
from identities.oracle.arguments import Batch, Shape, draw_values, exact_half_width, regimes
from identities.oracle.programs import Device, compiled
from identities.oracle.tolerance import TOLERANCE, exact_errors, rounding_errors
from identities.oracle.witness import Reference, reference


@dataclass(frozen=True)
class Plan:
    """What to try at every shape.

    **Fields:**

    - `dtypes`: by name.
    - `instances`: how many for each dtype, rounded up to whole batches.
    - `seed`: of all random values.
    - `device`: where the closed form runs.
    """

    dtypes: tuple[str, ...]
    instances: int
    seed: int
    device: Device

    def batch(self, identity: Identity) -> int:
        """How many instances stand side by side in one regime."""
        return math.ceil(self.instances / len(regimes(identity)))


@dataclass(frozen=True, eq=False)
class Trial:
    """One batch of instances, of one shape, dtype and regime, with what came of it."""

    identity: Identity
    dtype: str
    batch: Batch
    got: np.ndarray
    reference: Reference

    @functools.cached_property
    def errors(self) -> dict[str, np.ndarray]:
        """By witness, the error of every entry in units of rounding."""
        return self.judge(self.got)

    def judge(self, got: np.ndarray) -> dict[str, np.ndarray]:
        """The errors that another result for the same arguments would have."""
        if self.identity.exact:
            return exact_errors(got, self.reference)
        return rounding_errors(got, self.reference, self.dtype)

    @property
    def passed(self) -> bool:
        return accepted(self.errors)


def accepted(errors: Mapping[str, np.ndarray]) -> bool:
    """Whether all errors, by witness, are within the one tolerance."""
    return all(e.max(initial=0) <= TOLERANCE for e in errors.values())


def trials(identity: Identity, shape: Shape, plan: Plan) -> Iterator[Trial]:
    """The closed form beside its witnesses at one shape: a batch for each regime and dtype."""
    size = plan.batch(identity)
    program = closed_form_program(identity, shape, plan.dtypes, size, plan.device)
    for regime in regimes(identity):
        batches = [draw_values(identity, shape, d, regime, size, plan.seed) for d in plan.dtypes]
        results = program(*[tuple(batch.values()) for batch in batches])
        for dtype, batch, got in zip(plan.dtypes, batches, results, strict=True):
            eps = float(jnp.finfo(dtype).eps)
            expected = reference(identity, shape, batch, eps, plan.seed)
            yield Trial(identity, dtype, batch, got, expected)


@functools.cache
def closed_form_program(
    identity: Identity, shape: Shape, dtypes: tuple[str, ...], batch: int, device: Device
) -> Callable[..., tuple[np.ndarray, ...]]:
    """The closed form over a batch, for all dtypes in one compilation.

    It takes a tuple of arguments for each dtype, and returns as many results.
    """
    structures = [
        tuple(jax.ShapeDtypeStruct((batch, *shape.of(a)), jnp.dtype(dtype)) for a in identity.arguments)
        for dtype in dtypes
    ]

    def evaluate(*by_dtype):
        return tuple(jax.vmap(identity.closed_form)(*arguments) for arguments in by_dtype)

    return compiled(evaluate, structures, device)


def schwartz_zippel_log10(identity: Identity, shape: Shape, plan: Plan) -> float:
    """The logarithm of how probable it is, at most, that a wrong polynomial passes at this shape.

    By the lemma, one of degree d passes one draw from a set S with probability at most d/|S|.
    """
    batch = plan.batch(identity)
    degree = max(_degree(identity, shape, plan), 1)
    draws_from = [2 * exact_half_width(dtype) + 1 for dtype in plan.dtypes]
    return sum(min(0, batch * math.log10(degree / size)) for size in draws_from)


def _degree(identity: Identity, shape: Shape, plan: Plan) -> int:
    """The degree of a polynomial identity: the power of t with which P(tv) grows, measured."""
    size = plan.batch(identity)
    dtype = max(plan.dtypes, key=lambda dtype: jnp.finfo(dtype).nmant)
    batch = draw_values(identity, shape, dtype, "integers", size, plan.seed)
    program = closed_form_program(identity, shape, plan.dtypes, size, plan.device)

    def magnitudes(t: float) -> np.ndarray:
        scaled = {name: (values * t).astype(values.dtype) for name, values in batch.items()}
        arguments = tuple(scaled.values())
        got = program(*[tuple(a.astype(jnp.dtype(d)) for a in arguments) for d in plan.dtypes])
        expected = reference(identity, shape, scaled, 0.0, plan.seed).values
        results = [got[plan.dtypes.index(dtype)], *expected.values()]
        return np.array([np.abs(r.astype(float)).reshape(size, -1).max(1) for r in results])

    with np.errstate(over="ignore"):  # in the narrower dtypes, whose results are not used
        once, twice = magnitudes(2.0**20), magnitudes(2.0**21)
    grown = once > 0
    return round(np.log2(twice[grown] / once[grown]).max(initial=0))
