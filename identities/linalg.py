"""Factorisations in every dtype: bfloat16 and float16, which LAPACK does not have, go through float32 and back."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def _in_every_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arrays):
        dtype = jnp.result_type(*arrays)
        wide = jnp.promote_types(dtype, jnp.float32)
        if wide == dtype:
            return function(*arrays)
        result = function(*(a.astype(wide) for a in arrays))
        return jax.tree.map(lambda a: a.astype(dtype), result)

    return call


det = _in_every_dtype(jnp.linalg.det)
eigvalsh = _in_every_dtype(jnp.linalg.eigvalsh)
inv = _in_every_dtype(jnp.linalg.inv)
log_abs_det = _in_every_dtype(lambda X: jnp.linalg.slogdet(X)[1])
solve = _in_every_dtype(jnp.linalg.solve)
