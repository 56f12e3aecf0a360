"""Weights that are given by other parameters: by their length and direction, or divided by their largest stretch."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import vjp
from identities.checking import checked
from identities.domains import distinct_singular_values, no_zero_row, powers_of_two
from identities.layers.rows import wide
from identities.sources import paper

Matrix: TypeAlias = Float[Array, "n m"]


def _length(v: Array) -> Array:
    return jnp.linalg.norm(wide(v), axis=-1, keepdims=True).astype(v.dtype)


@checked
def weight_norm(v: Annotated[Matrix, no_zero_row], g: Float[Array, " n"]) -> Matrix:
    """W, each row of which has the direction of that of v, and the length g."""
    return g[:, None] / _length(v) * v


@vjp(
    weight_norm,
    wrt=("v", "g"),
    states=(
        r"\frac{g}{\lVert v \rVert} \left(\delta - \langle \delta, u \rangle u\right),"
        r" \quad u = \frac{v}{\lVert v \rVert}",
        r"\langle \delta, u \rangle",
    ),
    source=paper("Weight Normalization", "3"),
    saves=r"\lVert v \rVert",
)
def weight_norm_vjp(delta, v, g):
    """By v, what is left of the cotangent without its part along v."""
    rlength = 1 / _length(v)
    dg = rlength * (wide(delta) * v).sum(-1, keepdims=True).astype(v.dtype)  # beside the sum of the length, in one pass
    return g[:, None] * rlength * (delta - dg * (v * rlength)), dg[:, 0]


@checked
def spectral_normalisation(
    W: Annotated[Matrix, powers_of_two],
    u: Annotated[Float[Array, " n"], powers_of_two],
    v: Annotated[Float[Array, " m"], powers_of_two],
) -> Matrix:
    """W / sigma, sigma = u^T W v, which must not be zero; u and v are near the first singular vectors, and given."""
    return W / (u @ W @ v)


@vjp(
    spectral_normalisation,
    wrt=("W", "u", "v"),
    states=(
        r"\frac{1}{\sigma} \left(\delta - \lambda u v^\top\right), \quad"
        r" \lambda = \frac{\langle \delta, W \rangle}{\sigma}",
        r"-\frac{\lambda}{\sigma} W v",
        r"-\frac{\lambda}{\sigma} W^\top u",
    ),
    source=paper("Spectral Normalization", "Gradient Analysis of the Spectrally Normalized Weights"),
    saves=r"\sigma",
)
def spectral_normalisation_vjp(delta, W, u, v):
    """By W, with u and v held; those by u and v are what power iteration would add if it were differentiated."""
    Wv = W @ v
    rsigma = 1 / (u @ Wv)
    along = (delta * W).sum() * rsigma * rsigma
    return delta * rsigma - along * u[:, None] * v, -along * Wv, -along * (u @ W)


@checked
def spectral_normalisation_converged(W: Annotated[Matrix, distinct_singular_values]) -> Matrix:
    """W / sigma, sigma the largest singular value: what is reached where u and v have converged."""
    return W / linalg.svdvals(W)[0]


@vjp(
    spectral_normalisation_converged,
    states=r"\frac{\partial J}{\partial W} = \frac{1}{\sigma}"
    r" \left(\delta - \frac{\langle \delta, W \rangle}{\sigma} u v^\top\right)",
    source=paper("Spectral Normalization", "Gradient Analysis of the Spectrally Normalized Weights"),
    saves=r"\sigma, u, v",
)
def spectral_normalisation_converged_vjp(delta, W):
    """As if u and v were held: at the singular vectors, sigma does not change with them."""
    U, s, Vt = linalg.svd(W)
    return (delta - (delta * W).sum() / s[0] * U[:, :1] * Vt[0]) / s[0]
