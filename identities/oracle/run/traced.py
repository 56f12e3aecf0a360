"""Functions traced once, however many ways they are then differentiated, batched and compiled."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from identities.caching import cached


@cached
def traced_once(function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """The function, of arrays, as the program that it makes for their shapes and dtypes.

    Every transformation runs a function's Python again, which takes longer than what it does with the program.
    """

    def run(*arrays: Any) -> tuple[Any, ...]:
        structures = tuple(jax.ShapeDtypeStruct(jax.numpy.shape(a), jax.numpy.result_type(a)) for a in arrays)
        return tuple(jaxpr_as_fun(program(structures))(*arrays))

    @functools.lru_cache(maxsize=64)
    def program(structures: tuple[jax.ShapeDtypeStruct, ...]) -> ClosedJaxpr:
        return jax.make_jaxpr(function)(*structures)

    return run
