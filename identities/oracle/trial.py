"""One batch of a closed form's results beside the witnesses', and the judgement on it."""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
    """What to try, as `verify` is asked for it.

    **Fields:**

    - `dtypes`: by name.
    - `shapes`: how many.
    - `instances`: how many for each shape and dtype, rounded up to whole batches.
    - `seed`: of all random values.
    - `device`: where the closed form runs.
    """

    dtypes: tuple[str, ...]
    shapes: int
    instances: int
    seed: int
    device: Device

    def __reduce__(self) -> tuple[Callable[..., "Plan"], tuple[Any, ...]]:
        """Devices do not travel between processes, their names do."""
        return _plan, (self.dtypes, self.shapes, self.instances, self.seed, self.device.platform, self.device.id)

    def each(self, identity: Identity) -> int:
        """How many instances there are of each regime."""
        return math.ceil(self.instances / len(regimes(identity)))


def _plan(dtypes: tuple[str, ...], shapes: int, instances: int, seed: int, platform: str, number: int) -> Plan:
    (device,) = (d for d in jax.devices(platform) if d.id == number)
    return Plan(dtypes, shapes, instances, seed, device)


@dataclass(frozen=True, eq=False)
class Trial:
    """A batch of instances of one shape and dtype, all regimes among them, with what came of it."""

    identity: Identity
    dtype: str
    shape: Shape
    batch: Batch
    got: np.ndarray
    reference: Reference

    @functools.cached_property
    def errors(self) -> dict[str, np.ndarray]:
        """By witness, the error of every entry in units of rounding."""
        return self.judge(self.got)

    def judge(self, got: np.ndarray) -> dict[str, np.ndarray]:
        """The errors that another result for the same arguments would have; infinite for another shape."""
        if any(got.shape != values.shape for values in self.reference.values.values()):
            return {witness: np.full(values.shape, np.inf) for witness, values in self.reference.values.items()}
        if self.identity.exact:
            return exact_errors(got, self.reference)
        return rounding_errors(got, self.reference, self.dtype, len(regimes(self.identity)))

    @property
    def passed(self) -> bool:
        return accepted(self.errors)


def accepted(errors: Mapping[str, np.ndarray]) -> bool:
    """Whether all errors, by witness, are within the one tolerance."""
    return all(e.max(initial=0) <= TOLERANCE for e in errors.values())


def trials(identity: Identity, shape: Shape, plan: Plan) -> Iterator[Trial]:
    """The closed form beside its witnesses at one shape: a batch for each dtype."""
    batches = [draw_batch(identity, shape, dtype, plan) for dtype in plan.dtypes]
    program = closed_form_program(identity, shape, plan)
    for dtype, batch, got in zip(plan.dtypes, batches, program(*map(_values, batches)), strict=True):
        # What is exact is held to the witnesses' very bits, and needs no unit.
        eps = 0.0 if identity.exact else float(jnp.finfo(dtype).eps)
        yield Trial(identity, dtype, shape, batch, got, reference(identity, shape, batch, eps, plan.seed))


def draw_batch(identity: Identity, shape: Shape, dtype: str, plan: Plan) -> Batch:
    """The arguments that the plan has for a shape and dtype."""
    return draw_values(identity, shape, dtype, plan.each(identity), plan.seed)


def _values(batch: Batch) -> tuple[np.ndarray, ...]:
    return tuple(batch.values())


def closed_form_program(identity: Identity, shape: Shape, plan: Plan) -> Callable[..., tuple[np.ndarray, ...]]:
    """The closed form over a batch, for all dtypes in one compilation.

    It takes a tuple of arguments for each dtype, and returns as many results.
    """
    batch = plan.each(identity) * len(regimes(identity))
    shapes = tuple((batch, *shape.of(a)) for a in identity.arguments)
    return _program(shape.bind(identity.closed_form, identity.static), shapes, plan.dtypes, plan.device)


@functools.cache
def _program(
    closed_form: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], dtypes: tuple[str, ...], device: Device
) -> Callable[..., tuple[np.ndarray, ...]]:
    def evaluate(*by_dtype):
        return tuple(closed_form(*arguments) for arguments in by_dtype)

    structures = [tuple(jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape in shapes) for dtype in dtypes]
    return compiled(evaluate, structures, device, ("closed form", closed_form))


def schwartz_zippel_log10(identity: Identity, shape: Shape, plan: Plan) -> float:
    """The logarithm of how probable it is, at most, that a wrong polynomial passes at this shape.

    By the lemma, one of degree d passes one draw from a set S with probability at most d/|S|.
    """
    degree = max(_degree(identity, shape, plan), 1)
    draws_from = [2 * exact_half_width(dtype) + 1 for dtype in plan.dtypes]
    return sum(min(0, plan.each(identity) * math.log10(degree / size)) for size in draws_from)


def _degree(identity: Identity, shape: Shape, plan: Plan) -> int:
    """The degree of a polynomial identity: the power of t with which P(tv) grows, measured."""
    widest = max(plan.dtypes, key=lambda dtype: jnp.finfo(dtype).nmant)
    batch = draw_batch(identity, shape, widest, plan)
    program = closed_form_program(identity, shape, plan)

    def magnitudes(t: float) -> np.ndarray:
        scaled = {name: (values * t).astype(values.dtype) for name, values in batch.items()}
        got = program(*[tuple(v.astype(jnp.dtype(dtype)) for v in scaled.values()) for dtype in plan.dtypes])
        expected = reference(identity, shape, scaled, 0.0, plan.seed).values
        results = [got[plan.dtypes.index(widest)], *expected.values()]
        return np.array([np.abs(r.astype(float)).reshape(len(r), -1).max(1) for r in results])

    with np.errstate(over="ignore"):  # in the narrower dtypes, whose results are not used
        once, twice = magnitudes(2.0**20), magnitudes(2.0**21)
    grown = once > 0
    return round(np.log2(twice[grown] / once[grown]).max(initial=0))
