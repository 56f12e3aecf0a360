"""What a loss does with the losses of its examples: their mean, their sum, or nothing."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.signature import FormOf, OneOf

Reduction: TypeAlias = Annotated[str, OneOf("mean", "sum", "none")]

reduces = FormOf("reduction", mean=0, sum=0, none=1)
"""Metadata of a result that is a scalar, or else the losses themselves."""

Reduced: TypeAlias = Annotated[Float[Array, ""] | Float[Array, "... n"], reduces]
"""Of a loss of every entry."""


def reduced(losses: Array, reduction: str) -> Array:
    """The losses as they are asked for."""
    return {"mean": jnp.mean, "sum": jnp.sum, "none": jnp.asarray}[reduction](losses)


def each(delta: Array, losses: Array, reduction: str) -> Array:
    """The cotangent of each of so many losses, of that of the result: broadcast where it is the same for all."""
    return delta / losses.size if reduction == "mean" else delta
