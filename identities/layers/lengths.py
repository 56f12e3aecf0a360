"""Rows brought to length one, alone and to compare them with each other.

In the statements, a hat is what has been divided by its length, or by epsilon if it is shorter than that: then the
length is a constant, and its derivative u counts as zero.
"""

import math
from typing import Annotated, NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.rows import p_norm, p_norm_gradient, wide
from identities.options import Tried
from identities.sources import paper, torch

Tables: TypeAlias = Float[Array, "n m"] | Float[Array, "n m k"]
Rows: TypeAlias = Float[Array, "... c"]


class _Directed(NamedTuple):
    """What is divided by its length, the quotient, the reciprocal of that length, whether it moves, its derivative."""

    x: Array
    xhat: Array
    rlength: Array
    moves: Array
    u: Array
    axis: int

    def pulled_back(self, g: Array) -> Array:
        # Of x, not of its quotient: so the sum is taken beside that of the length, in one pass.
        along = self.rlength * (wide(g) * self.x).sum(self.axis, keepdims=True).astype(g.dtype)
        return self.rlength * (g - jnp.where(self.moves, along, 0) * self.u)


def _directed(x: Array, eps: float, p: float = 2, axis: int = -1) -> _Directed:
    norm = p_norm(x, p, axis)
    rlength = 1 / jnp.maximum(norm, eps)
    xhat = x * rlength
    return _Directed(x, xhat, rlength, norm > eps, xhat if p == 2 else p_norm_gradient(x, norm, p, axis), axis)


def _direction(x: Array, eps: float, p: float = 2, axis: int = -1) -> Array:
    return x / jnp.maximum(p_norm(x, p, axis), eps)


@checked
def normalize(
    x: Tables,
    p: Annotated[float, Tried(2.0, 1.0, 3.0, math.inf)] = 2.0,
    dim: Annotated[int, Tried(1, 0)] = 1,
    eps: Annotated[float, Tried(1e-12, 0.5)] = 1e-12,
) -> Tables:
    """x divided by its p-norm along an axis, or by epsilon if that is larger; p from one to infinity."""
    return _direction(x, eps, p, dim)


@vjp(
    normalize,
    states=r"\frac{\partial J}{\partial x} = \frac{1}{\max(\lVert x \rVert_p, \epsilon)}"
    r" \left(\delta - \langle \delta, \hat{x} \rangle u\right),"
    r" \quad u_i = \operatorname{sign}(x_i) \left(\frac{|x_i|}{\lVert x \rVert_p}\right)^{p - 1}",
    source=torch("normalize"),
    saves=r"\lVert x \rVert_p",
)
def normalize_vjp(delta, x, p=2.0, dim=1, eps=1e-12):
    """What is left of the cotangent without its part along x, for p = 2: then u is x divided by its norm."""
    return _directed(x, eps, p, dim).pulled_back(delta)


@checked
def cosine_similarity(x1: Rows, x2: Rows, eps: Annotated[float, Tried(1e-8, 0.5)] = 1e-8) -> Float[Array, "..."]:
    """The cosine of the angle between rows: the inner product of each divided by its length, or by epsilon."""
    return (_direction(x1, eps) * _direction(x2, eps)).sum(-1)


@vjp(
    cosine_similarity,
    wrt=("x1", "x2"),
    states=(
        r"\frac{\delta}{\lVert x_1 \rVert} \left(\hat{x}_2 - z \hat{x}_1\right)",
        r"\frac{\delta}{\lVert x_2 \rVert} \left(\hat{x}_1 - z \hat{x}_2\right)",
    ),
    source=torch("cosine_similarity"),
    saves=r"z, \lVert x_1 \rVert, \lVert x_2 \rVert",
)
def cosine_similarity_vjp(delta, x1, x2, eps=1e-8):
    """Of each, what the other has beside it; where a row is shorter than epsilon, all that the other has."""
    a, b, delta = _directed(x1, eps), _directed(x2, eps), delta[..., None]
    return delta * a.pulled_back(b.xhat), delta * b.pulled_back(a.xhat)


@checked
def qk_norm(
    q: Float[Array, "... t d"],
    k: Float[Array, "... s d"],
    g: Float[Array, ""],
    eps: Annotated[float, Tried(1e-12, 0.5)] = 1e-12,
) -> Float[Array, "... t s"]:
    """The logits of attention between queries and keys of length one, times g."""
    return g * _direction(q, eps) @ _direction(k, eps).swapaxes(-1, -2)


@vjp(
    qk_norm,
    wrt=("q", "k", "g"),
    states=(
        r"\frac{g}{\lVert q \rVert} \left(r - \langle r, \hat{q} \rangle \hat{q}\right), \quad r = \delta \hat{k}",
        r"\frac{g}{\lVert k \rVert} \left(r - \langle r, \hat{k} \rangle \hat{k}\right),"
        r" \quad r = \delta^\top \hat{q}",
        r"\langle \delta, \hat{q} \hat{k}^\top \rangle",
    ),
    source=paper("Query-Key Normalization", "QKNorm"),
    saves=r"\lVert q \rVert, \lVert k \rVert",
)
def qk_norm_vjp(delta, q, k, g, eps=1e-12):
    """That by g needs no logits: it is the sum over queries of what is pulled back to them, times them."""
    query, key = _directed(q, eps), _directed(k, eps)
    to_query, to_key = delta @ key.xhat, delta.swapaxes(-1, -2) @ query.xhat
    return g * query.pulled_back(to_query), g * key.pulled_back(to_key), (to_query * query.xhat).sum()
