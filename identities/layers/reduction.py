"""What a loss does with the losses of its examples: their mean, their sum, or nothing."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.options import FormOf, OneOf

Reduction: TypeAlias = Annotated[str, OneOf("mean", "sum", "none")]

reduces = FormOf("reduction", mean=0, sum=0, batchmean=0, none=1)
"""Metadata of a result that is a scalar, or else the losses themselves."""

Reduced: TypeAlias = Annotated[Float[Array, ""] | Float[Array, "... n"], reduces]
"""Of a loss of every entry."""

ReducedRows: TypeAlias = Annotated[Float[Array, ""] | Float[Array, "..."], reduces]
"""Of a loss of every row."""

_REDUCTIONS = {
    "mean": jnp.mean,
    "sum": jnp.sum,
    "batchmean": lambda losses: losses.sum() / len(losses),
    "none": jnp.asarray,
}


def reduced(losses: Array, reduction: str) -> Array:
    """The losses as they are asked for."""
    return _REDUCTIONS[reduction](losses)


def each(delta: Array, losses: Array, reduction: str) -> Array:
    """The cotangent of each of so many losses, of that of the result: broadcast where it is the same for all."""
    if reduction == "batchmean":
        return delta / len(losses)
    return delta / losses.size if reduction == "mean" else delta


def each_row(delta: Array, x: Array, reduction: str) -> Array:
    """The same where every row of `x` has one loss; with an axis for what the row consists of."""
    return each(delta, x[..., 0], reduction)[..., None]
