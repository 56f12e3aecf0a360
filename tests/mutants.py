"""Wrong closed forms, made from the right ones by machine."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal

from identities.catalog import Identity
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape
from identities.oracle.run.programs import compiled, cpu, full_precision
from identities.oracle.trial import Trial


def of_results(got: np.ndarray, shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """Wrong results made from right ones, of shape (batch, ...), with a name for each mistake."""
    yield "negated", -got
    yield "one added", got + 1
    yield "doubled", 2 * got
    yield "scaled by 1 + 1e-9", got * (1 + 1e-9)
    largest = got.copy().reshape(len(got), -1)
    rows = np.arange(len(got))
    entries = np.abs(largest).argmax(axis=1)
    yield "largest entry changed by 1e-9 of it", _changed(got, entries, 1e-9 * largest[rows, entries])
    smallest = np.abs(largest).argmin(axis=1)
    yield "smallest entry changed by 1e-9 of the largest", _changed(got, smallest, 1e-9 * largest[rows, entries])
    if got.ndim > 2:
        yield "transposed", got.swapaxes(-1, -2)
    for name, n in shape.sizes:
        yield f"{name} replaced by {name} + 1 in a factor", got * (n / (n + 1))


def _changed(got: np.ndarray, entries: np.ndarray, by: np.ndarray) -> np.ndarray:
    flat = got.copy().reshape(len(got), -1)
    flat[np.arange(len(got)), entries] += by
    return flat.reshape(got.shape)


def dropping_terms(identity: Identity, trial: Trial) -> list[tuple[np.ndarray, ...]]:
    """The results of the closed form, and those that come of leaving out one term of one sum, for each in turn.

    Nothing if there is no sum.
    """
    arguments = tuple(trial.batch.values())
    with full_precision():
        closed_form = closed_form_of(identity, trial.shape)
        traced = jax.make_jaxpr(closed_form)(*[jnp.asarray(values[0]) for values in arguments])

    def mutant(number, *values):
        return tuple(_evaluate(traced, number, 0, *values))

    # All mutants are one program, which is told which of them to be.
    numbers = [np.full(trial.count, number) for number in (_NONE, *range(2 * _sums(traced)))]
    program = compiled(mutant, (numbers[0], *arguments), cpu()) if numbers[1:] else None
    return [program(number, *arguments) for number in numbers] if program else []


_NONE = -1
"""The number of the mutant that is none."""


def _sums(traced: ClosedJaxpr) -> int:
    """How many equations add or subtract, in all the functions that are called."""
    return sum(sum(map(_sums, _called(e))) + (e.primitive.name in _SUMS) for e in traced.jaxpr.eqns)


_SUMS = ("add", "sub", "add_any")


def _called(equation: JaxprEqn) -> list[ClosedJaxpr]:
    parameters = equation.params
    called = parameters.get("branches", [parameters.get("jaxpr", parameters.get("call_jaxpr"))])
    return [inner for inner in called if isinstance(inner, ClosedJaxpr)]


def _evaluate(traced: ClosedJaxpr, mutant: jax.Array, first: int, *arguments: Any) -> list[Any]:
    """The traced function, where one sum consists of one of its operands only.

    Sums are numbered from `first` on; of number n, the mutants 2n and 2n + 1 have the one and the other operand.
    """
    values = dict(zip(traced.jaxpr.constvars, traced.consts, strict=True))
    values |= dict(zip(traced.jaxpr.invars, arguments, strict=True))

    def read(variable):
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in traced.jaxpr.eqns:
        operands = [read(variable) for variable in equation.invars]
        called = _called(equation)
        if equation.primitive.name == "cond" and not any(map(_sums, called)):
            called = []  # such as one between the algorithms of platforms, of which there is one here
        firsts = [first + sum(map(_sums, called[:i])) for i in range(len(called))]
        inner = [partial(_evaluate, function, mutant, n) for function, n in zip(called, firsts, strict=True)]
        if not called:
            outputs = equation.primitive.bind(*operands, **equation.params)
            outputs = list(outputs) if equation.primitive.multiple_results else [outputs]
        elif equation.primitive.name == "scan":
            outputs = _scan(equation, inner[0], operands)
        elif equation.primitive.name == "cond":
            outputs = jax.lax.switch(operands[0], inner, *operands[1:])
        else:
            outputs = inner[0](*operands)
        first += sum(map(_sums, called))
        if equation.primitive.name in _SUMS:
            for i, operand in enumerate(operands):
                outputs = [jnp.where(mutant == 2 * first + i, operand, output) for output in outputs]
            first += 1
        values |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in traced.jaxpr.outvars]


def _scan(equation: JaxprEqn, body: Callable[..., list[Any]], operands: list[Any]) -> list[Any]:
    # How many of the operands are constants, carried and sliced is told differently by every version of JAX, but by
    # their shapes: what is sliced or stacked has an axis more outside than inside.
    inside = _called(equation)[0].jaxpr
    sliced = sum(i.aval != o.aval for i, o in zip(inside.invars, equation.invars, strict=True))
    carries = sum(i.aval == o.aval for i, o in zip(inside.outvars, equation.outvars, strict=True))
    constants = len(operands) - carries - sliced
    fixed, varied = operands[:constants], operands[constants:]

    def step(carry, slices):
        outputs = body(*fixed, *carry, *slices)
        return outputs[:carries], outputs[carries:]

    options = {name: equation.params[name] for name in ("length", "reverse", "unroll")}
    carry, stacked = jax.lax.scan(step, varied[:carries], varied[carries:], **options)
    return [*carry, *stacked]
