"""Wrong closed forms, made from the right ones by machine."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from identities.catalog import Identity
from identities.oracle.arguments import Shape
from identities.oracle.programs import compiled, cpu, full_precision
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


def dropping_terms(identity: Identity, trial: Trial) -> list[np.ndarray]:
    """The results that come of leaving out one term of one sum of the closed form, for each in turn."""
    arguments = tuple(trial.batch.values())
    with full_precision():
        closed_form = trial.shape.bind(identity.closed_form, identity.static)
        traced = jax.make_jaxpr(closed_form)(*[jnp.asarray(values[0]) for values in arguments])
    count = len(_sums(traced.jaxpr))

    def mutants(*values):
        return [_evaluate(traced, values, site, kept) for site in range(count) for kept in (0, 1)]

    return compiled(mutants, arguments, cpu())(*arguments) if count else []


def _inner(parameters: dict[str, Any]) -> ClosedJaxpr | None:
    """The function that an equation calls, if it calls one."""
    inner = parameters.get("jaxpr", parameters.get("call_jaxpr"))
    return inner if isinstance(inner, ClosedJaxpr) else None


def _sums(jaxpr: Jaxpr) -> list[Any]:
    """The equations that add or subtract, in the order in which `_evaluate` meets them."""
    found = []
    for equation in jaxpr.eqns:
        if inner := _inner(equation.params):
            found += _sums(inner.jaxpr)
        elif equation.primitive.name in ("add", "sub", "add_any"):
            found.append(equation)
    return found


def _evaluate(traced: ClosedJaxpr, arguments, site: int, kept: int):
    """The traced function, where the sum number `site` consists of its operand `kept` only."""
    met = iter(range(10**6))
    (result,) = _interpret(traced, list(arguments), lambda: next(met) == site, kept)
    return result


def _interpret(traced: ClosedJaxpr, arguments: list[Any], here: Callable[[], bool], kept: int) -> list[Any]:
    values = dict(zip(traced.jaxpr.constvars, traced.consts, strict=True))
    values |= dict(zip(traced.jaxpr.invars, arguments, strict=True))

    def read(variable):
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in traced.jaxpr.eqns:
        operands = [read(variable) for variable in equation.invars]
        inner = _inner(equation.params)
        if inner and equation.primitive.name == "scan":  # whose body is mutated, and not unrolled
            body = jax.make_jaxpr(lambda *values, inner=inner: _interpret(inner, list(values), here, kept))
            parameters = equation.params | {"jaxpr": body(*inner.in_avals)}
            outputs = equation.primitive.bind(*operands, **parameters)
        elif inner:
            outputs = _interpret(inner, operands, here, kept)
        elif equation.primitive.name in ("add", "sub", "add_any") and here():
            outputs = [jnp.broadcast_to(operands[kept], equation.outvars[0].aval.shape)]
        else:
            outputs = equation.primitive.bind(*operands, **equation.params)
            outputs = outputs if equation.primitive.multiple_results else [outputs]
        values |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in traced.jaxpr.outvars]
