"""One operation over a batch: what comes of its operands, and how a cotangent of its result is pulled back."""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import JaxprEqn

from identities.oracle.diagnosis.effort import spend
from identities.oracle.run.programs import full_precision
from identities.oracle.run.tape import Tape, is_inexact, tape_of

Aval = tuple[tuple[int, ...], np.dtype]
"""The shape and the dtype of an operand or a result, without the axis of the batch."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """An operation of certain shapes, evaluated by NumPy.

    **Fields:**

    - `name`: what JAX calls it.
    - `function`: from operands to a list of results.
    - `avals`, `gives`: of the operands and of the results.
    - `parameters`: what the operation is told besides.
    """

    name: str
    function: Callable[..., Sequence[Any]]
    avals: tuple[Aval, ...]
    gives: tuple[Aval, ...]
    parameters: dict[str, Any]
    primitive: Any = None

    def told(self, **other: Any) -> "Kernel":
        """The same operation with some other parameters."""
        return _kernel.__wrapped__(self.primitive, tuple({**self.parameters, **other}.items()), self.avals)

    def forward(self, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results."""
        return _run(_forward(self, len(operands[0])), operands)

    def pull(
        self, operands: Sequence[np.ndarray], cotangents: Sequence[np.ndarray], active: tuple[bool, ...]
    ) -> list[np.ndarray]:
        """The cotangents of the active operands, from those of the results."""
        given = [c for c, (_, dtype) in zip(cotangents, self.gives, strict=True) if is_inexact(dtype)]
        return _run(_pull(self, len(operands[0]), active), [*operands, *given])


def _run(tape: Tape, given: Sequence[np.ndarray]) -> list[np.ndarray]:
    made = tape(*given)
    spend(len(tape.steps), sum(array.size for array in made))
    return made


def kernel_of(
    name: str,
    function: Callable[..., Sequence[Any]],
    avals: Sequence[Aval],
    parameters: dict[str, Any] | None = None,
    primitive: Any = None,
) -> Kernel:
    """The kernel that a function makes."""
    with full_precision():
        gives = jax.eval_shape(function, *(jax.ShapeDtypeStruct(*aval) for aval in avals))
    return Kernel(name, function, tuple(avals), tuple((a.shape, a.dtype) for a in gives), parameters or {}, primitive)


def kernel(equation: JaxprEqn) -> Kernel:
    """The kernel of an equation; the same for equations that are alike."""
    # The operands of an equation are arrays, which the types of JAX leave open.
    avals = tuple((tuple(v.aval.shape), v.aval.dtype) for v in equation.invars)  # pyright: ignore[reportAttributeAccessIssue]
    parameters = tuple(sorted(equation.params.items()))
    try:
        hash(parameters)
    except TypeError:
        return _kernel.__wrapped__(equation.primitive, parameters, avals)
    return _kernel(equation.primitive, parameters, avals)


@functools.lru_cache(maxsize=4096)
def _kernel(primitive: Any, parameters: tuple[tuple[str, Hashable], ...], avals: tuple[Aval, ...]) -> Kernel:
    def function(*operands: Any) -> Sequence[Any]:
        made = primitive.bind(*operands, **primitive.get_bind_params(dict(parameters)))
        return made if primitive.multiple_results else [made]

    return kernel_of(primitive.name, function, avals, dict(parameters), primitive)


def _batched(avals: Sequence[Aval], count: int) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct((count, *shape), dtype) for shape, dtype in avals]


@functools.lru_cache(maxsize=4096)
def _forward(of: Kernel, count: int) -> Tape:
    with full_precision():
        return tape_of(jax.make_jaxpr(jax.vmap(of.function))(*_batched(of.avals, count)), complete=True)


@functools.lru_cache(maxsize=4096)
def _pull(of: Kernel, count: int, active: tuple[bool, ...]) -> Tape:
    inexact = [i for i, (_, dtype) in enumerate(of.gives) if is_inexact(dtype)]

    def pulled(*given: Any) -> Sequence[Any]:
        operands, cotangents = given[: len(of.avals)], given[len(of.avals) :]

        def moved(*moving: Any) -> list[Any]:
            left = iter(moving)
            made = of.function(*(next(left) if a else o for o, a in zip(operands, active, strict=True)))
            return [made[i] for i in inexact]

        _, pull = jax.vjp(moved, *(o for o, a in zip(operands, active, strict=True) if a))
        return pull(list(cotangents))

    given = [*of.avals, *(of.gives[i] for i in inexact)]
    with full_precision():
        return tape_of(jax.make_jaxpr(jax.vmap(pulled))(*_batched(given, count)), complete=True)
