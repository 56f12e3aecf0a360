"""Distances between rows, in p-norms for p from one to infinity.

Where two rows are equal, a distance has no derivative, and these give zero.
"""

import math
from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.rows import p_norm, p_norm_gradient
from identities.options import FormOf, OneOf, Tried
from identities.sources import torch

Rows: TypeAlias = Float[Array, "... d"]
P: TypeAlias = Annotated[float, Tried(2.0, 1.0, 3.0, math.inf)]
Distances: TypeAlias = Annotated[Float[Array, "..."] | Float[Array, "... 1"], FormOf("keepdim", {False: 0, True: 1})]


@checked
def pairwise_distance(
    x1: Rows,
    x2: Rows,
    p: P = 2.0,
    eps: Annotated[float, Tried(1e-6, 0.1)] = 1e-6,
    keepdim: Annotated[bool, OneOf(False, True)] = False,
) -> Distances:
    """||x1 - x2 + eps||_p, for every pair of rows; epsilon is added to each entry."""
    distance = p_norm(x1 - x2 + eps, p)
    return distance if keepdim else distance[..., 0]


@vjp(
    pairwise_distance,
    wrt=("x1", "x2"),
    states=(
        r"\delta u, \quad u_i = \operatorname{sign}(d_i) \left(\frac{|d_i|}{\lVert d \rVert_p}\right)^{p - 1},"
        r" \quad d = x_1 - x_2 + \epsilon",
        r"-\delta u",
    ),
    source=torch("pairwise_distance"),
    saves=r"\lVert d \rVert_p",
)
def pairwise_distance_vjp(delta, x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Along the difference, for p = 2."""
    d = x1 - x2 + eps
    dx = (delta if keepdim else delta[..., None]) * p_norm_gradient(d, p_norm(d, p), p)
    return dx, -dx


def _differences(x: Array) -> Array:
    """Between all rows, in both directions: fused into what is done with them, and never stored."""
    return x[:, None] - x


@checked
def pdist(x: Float[Array, "n d"], p: P = 2.0) -> Float[Array, " n*(n-1)//2"]:
    """The p-norms of the differences between all rows i < j of x, in the order of i, then of j."""
    i, j = np.triu_indices(len(x), 1)
    return p_norm(x[i] - x[j], p)[:, 0]


@vjp(
    pdist,
    states=r"\frac{\partial J}{\partial x_i} = \sum_j \delta_{ij} u_{ij}, \quad u_{ij} ="
    r" \operatorname{sign}(d) \circ \left(\frac{|d|}{\lVert d \rVert_p}\right)^{p - 1}, \quad d = x_i - x_j",
    source=torch("pdist"),
    saves=r"\lVert d \rVert_p",
)
def pdist_vjp(delta, x, p=2.0):
    """Each pair counts for both of its rows; delta is symmetric, and zero on the diagonal."""
    n = len(x)
    i, j = np.triu_indices(n, 1)
    symmetric = jnp.zeros((n, n), delta.dtype).at[i, j].set(delta).at[j, i].set(delta)
    norm = p_norm(_differences(x), p)
    return (symmetric[..., None] * p_norm_gradient(_differences(x), norm, p)).sum(1)
