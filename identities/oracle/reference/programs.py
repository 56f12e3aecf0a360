"""What can be read in a derivative's own program: how long its sums are, how long it is itself, and how much work."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import complex_of
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.run.programs import full_precision
from identities.oracle.run.tape import work
from identities.oracle.run.traced import traced_once

_SHORT = 64
"""A plain loop over that many terms of one sign is off by 4.5 units: no more is allowed for it."""


def growth(claim: Claim, shape: Shape, dtype: str, equal: bool = False) -> float:
    """By how much long sums raise the unit of rounding, in a dtype; where all terms are equal, if they are.

    The rounding of a plain loop over n terms grows with the square root of n. The unit follows that from 64 terms on,
    as sqrt(n)/4, and nothing else. Half types are summed in float32, so that theirs hardly grows: sums that are kept
    in bfloat16 are a mistake.
    """
    own = float(jnp.finfo(dtype).eps)
    summed_in = min(own, float(jnp.finfo("float32").eps))
    return 1.0 + (loop_growth(claim, shape, equal) - 1.0) * summed_in / own


def loop_growth(claim: Claim, shape: Shape, equal: bool = False) -> float:
    """By how much a plain loop over the longest sum exceeds the unit of rounding of the dtype that it is kept in.

    Where terms differ, so does the direction in which each is rounded. Equal ones are all rounded in the same, so that
    n of them are off by n/2 units at most, and often by a good part of it: sixteen come within the tolerance.
    """
    terms = longest_sum(claim, shape)
    if equal:
        return max(1.0, terms / (2 * TOLERANCE))
    return math.sqrt(terms) / 4 if terms > _SHORT else 1.0


def longest_sum(claim: Claim, shape: Shape) -> int:
    """How many terms the longest sum has in the program of the function and its gradient."""
    return max((_terms(equation) for equation in _equations(_traced(claim, shape, gradient=True))), default=1)


def equations(claim: Claim, shape: Shape) -> int:
    """How many operations the function's program has at a shape: with a Python loop in it, they grow with the size."""
    return sum(1 for _ in _equations(_traced(claim, shape, gradient=False)))


def operations(claim: Claim, shape: Shape) -> int:
    """How much work the function's gradient is at a shape."""
    return work(_traced(claim, shape, gradient=True))


def holds_constants(claim: Claim, shape: Shape) -> bool:
    """Whether the function holds something constant that is not, by `jax.lax.stop_gradient`."""
    return any(e.primitive.name == "stop_gradient" for e in _equations(_traced(claim, shape, gradient=False)))


def _traced(claim: Claim, shape: Shape, gradient: bool) -> Jaxpr:
    dtypes = {"floating": np.float64, "integer": np.int64, "boolean": np.bool_, "complex": complex_of("", "float64")}
    of = tuple((shape.of(a), np.dtype(dtypes[a.values])) for a in claim.primals)
    moving = tuple(i for i, a in enumerate(claim.primals) if a.name in claim.moving)
    return _program(claim.flat(shape.static(claim)), of, moving if gradient and claim.kind.order else ())


@functools.lru_cache(maxsize=64)  # every look at a result asks anew
def _program(
    function: Callable[..., Any], of: tuple[tuple[tuple[int, ...], np.dtype], ...], by: tuple[int, ...]
) -> Jaxpr:
    """Of the function, or of its gradient by some arguments."""
    function = traced_once(function)

    def pulled(*primals):
        def at(*moved):
            everything = list(primals)
            for i, value in zip(by, moved, strict=True):
                everything[i] = value
            return function(*everything)

        results, pull = jax.vjp(at, *(primals[i] for i in by))
        return pull(results)

    with full_precision():
        return jax.make_jaxpr(pulled if by else function)(*(jax.ShapeDtypeStruct(*array) for array in of)).jaxpr


def _equations(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_program):
            if _is_program(inner):
                yield from _equations(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


def _is_program(part: Any) -> bool:
    return isinstance(part, (ClosedJaxpr, Jaxpr))


def _terms(equation: JaxprEqn) -> int:
    """How many terms an operation adds up, for one entry of what it gives; the repetitions of a loop count as such."""
    name, parameters = equation.primitive.name, equation.params
    shapes: list[Any] = [getattr(v.aval, "shape", ()) for v in equation.invars]
    if name == "dot_general":
        (axes, _), _ = parameters["dimension_numbers"]
        return math.prod(shapes[0][axis] for axis in axes)
    if name in ("reduce_sum", "reduce_prod"):
        return math.prod(shapes[0][axis] for axis in parameters["axes"])
    if name in ("cumsum", "cumprod", "cumlogsumexp"):
        return shapes[0][parameters["axis"]]
    if name == "conv_general_dilated":
        given, gives = math.prod(shapes[1]), parameters["dimension_numbers"].rhs_spec[0]
        return given // max(shapes[1][gives], 1)
    if name.startswith("scatter") and len(shapes) > 2:
        windows = parameters["dimension_numbers"].update_window_dims
        return math.prod(size for axis, size in enumerate(shapes[2]) if axis not in windows)
    if name == "reduce_window_sum":
        return math.prod(parameters["window_dimensions"])
    return parameters["length"] if name == "scan" else 1
