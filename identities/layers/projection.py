"""Linear and bilinear maps of rows, and what adapts them by a product of low rank."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.rows import outer_over_rows, over_rows
from identities.options import Tried
from identities.sources import paper, torch

Inputs: TypeAlias = Float[Array, "... m"]
Outputs: TypeAlias = Float[Array, "... n"]
Weights: TypeAlias = Float[Array, "n m"]


@checked
def linear(x: Inputs, W: Weights, b: Float[Array, " n"]) -> Outputs:
    """z = x W^T + b, for every row x."""
    return x @ W.T + b


@vjp(
    linear,
    wrt=("x", "W", "b"),
    states=(r"\delta W", r"\sum \delta^\top x", r"\sum \delta"),
    source=torch("linear"),
    exact=True,
)
def linear_vjp(delta, x, W, b):
    """A sum over all rows for what they share."""
    return delta @ W, outer_over_rows(delta, x), over_rows(delta)


def _between(A: Array, x2: Array) -> Array:
    """A x2, each (k, n) for a row x2."""
    return jnp.einsum("knm,...m->...kn", A, x2)


@checked
def bilinear(
    x1: Float[Array, "... n"], x2: Float[Array, "... m"], A: Float[Array, "k n m"], b: Float[Array, " k"]
) -> Float[Array, "... k"]:
    """z_k = x1^T A_k x2 + b_k, for every pair of rows."""
    return jnp.einsum("...kn,...n->...k", _between(A, x2), x1) + b


@vjp(
    bilinear,
    wrt=("x1", "x2", "A", "b"),
    states=(
        r"\textstyle\sum_k \delta_k A_k x_2",
        r"\textstyle\sum_k \delta_k A_k^\top x_1",
        r"\sum \delta \otimes x_1 \otimes x_2",
        r"\sum \delta",
    ),
    source=torch("bilinear"),
)
def bilinear_vjp(delta, x1, x2, A, b):
    """Each factor of the product is missing in turn; only over A is there a sum over all rows."""
    dx1 = jnp.einsum("...k,...kn->...n", delta, _between(A, x2))
    left = delta[..., :, None] * x1[..., None, :]
    return dx1, jnp.einsum("...kn,knm->...m", left, A), outer_over_rows(left, x2), over_rows(delta)


@checked
def lora(
    x: Inputs,
    W: Weights,
    A: Float[Array, "r m"],
    B: Float[Array, "n r"],
    scale: Annotated[float, Tried(1.0, 0.5)] = 1.0,
) -> Outputs:
    """z = x (W + scale B A)^T, for every row x, where B A is never formed."""
    return x @ W.T + scale * (x @ A.T) @ B.T


@vjp(
    lora,
    wrt=("x", "W", "A", "B"),
    states=(
        r"\delta W + \bar{h} A, \quad \bar{h} = s \delta B",
        r"\sum \delta^\top x",
        r"\sum \bar{h}^\top x",
        r"s \sum \delta^\top h, \quad h = x A^\top",
    ),
    source=paper("LoRA", "3"),
    saves=r"h",
)
def lora_vjp(delta, x, W, A, B, scale=1.0):
    """Through the few numbers h. Under `jit`, the gradient of a W that is held costs nothing if nobody asks for it."""
    scaled = scale * delta
    dh = scaled @ B
    return delta @ W + dh @ A, outer_over_rows(delta, x), outer_over_rows(dh, x), outer_over_rows(scaled, x @ A.T)
