"""Functions traced once, however many ways they are then differentiated, batched and compiled."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from identities.spelling import name_of


@contextlib.contextmanager
def differentiating(function: Any) -> Iterator[None]:
    """While the derivative of a function, or of a claim's flat one, is traced.

    **Raises:** `ValueError` in place of what JAX raises where it has no rule for something.
    """
    try:
        yield
    except (NotImplementedError, TypeError, ValueError) as error:
        name = name_of(getattr(function, "function", function))
        raise ValueError(f"JAX cannot differentiate {name}: {error}") from error


def traced_once(function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """The function, of arrays, as the program that it makes for their shapes and dtypes.

    Every transformation runs a function's Python again, which takes longer than what it does with the program.
    """

    def run(*arrays: Any) -> tuple[Any, ...]:
        structures = tuple(jax.ShapeDtypeStruct(jax.numpy.shape(a), jax.numpy.result_type(a)) for a in arrays)
        return tuple(jaxpr_as_fun(_program(function, structures))(*arrays))

    return run


@functools.lru_cache(maxsize=32)  # the ways to one derivative follow one another
def _program(function: Callable[..., Any], structures: tuple[jax.ShapeDtypeStruct, ...]) -> ClosedJaxpr:
    return jax.make_jaxpr(function)(*structures)
