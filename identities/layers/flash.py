"""Attention by blocks of queries and keys, which never holds all scores: FlashAttention.

The forward pass goes through the keys with a running maximum and a running sum of exponentials, and keeps the
logarithm of that sum. The backward pass makes each block of weights again, instead of reading it. Blocks in which
nothing is seen are not visited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.heads import Attended, Causal, Keys, Queries, Scale, Values, grouped, like, wide
from identities.layers.scores import (
    K,
    Q,
    Rows,
    S,
    Scores,
    Seen,
    exponentials,
    gathered,
    largest,
    or_one,
    products,
    row_sums,
    weighted,
)
from identities.options import Static
from identities.sources import paper

BLOCK = 256
"""Queries and keys of a block, whose scores in float32 are a quarter of a MiB: caches hold that."""


@dataclass(frozen=True)
class _Blocks:
    """Of t queries and s keys, with zeros behind the last so that blocks come out even."""

    scores: Scores
    t: int
    s: int
    size: int

    def padded(self, *arrays: Array) -> list[Array]:
        return [jnp.pad(a, [(0, 0)] * (a.ndim - 2) + [(0, -a.shape[-2] % self.size), (0, 0)]) for a in arrays]

    def of(self, i: Array, *arrays: Array) -> list[Array]:
        return [jax.lax.dynamic_slice_in_dim(a, i * self.size, self.size, axis=-2) for a in arrays]

    def put(self, a: Array, i: Array, block: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(a, block, i * self.size, axis=-2)

    def add(self, a: Array, i: Array, block: Array) -> Array:
        return self.put(a, i, self.of(i, a)[0] + block)

    def scored(self, q: Q, k: K, i: Array, j: Array) -> tuple[S, Seen]:
        """The scores of queries of block i and keys of block j, and which of them are seen."""
        within = jnp.arange(self.size)
        keys = j * self.size + within
        seen = self.scores.sees(i * self.size + within[:, None] - keys) & (keys < self.s)
        return self.scores(q, k), seen

    def visit(self, step: Callable[..., Any], carry: tuple[Array, ...]) -> tuple[Array, ...]:
        """Every pair of blocks, of queries and of keys, in which something is seen."""
        reach = np.arange(1 - self.size, self.size)
        counts = (-(-self.t // self.size), -(-self.s // self.size))
        pairs = [(i, j) for i, j in np.ndindex(*counts) if self.scores.sees((i - j) * self.size + reach).any()]
        pairs = jnp.asarray(pairs, jnp.int32).reshape(-1, 2)
        return jax.lax.scan(lambda carry, pair: (step(carry, *pair), None), carry, pairs)[0]


def attend(q: Q, k: K, v: K, scores: Scores, size: int, sinks: Rows | float = -jnp.inf) -> tuple[Q, Rows]:
    """What queries gather, and the logarithms of their sums of exponentials, by blocks of a size.

    `sinks` are the scores of a key without a value, one for each query.
    """
    t, blocks = q.shape[-2], _Blocks(scores, q.shape[-2], k.shape[-2], size)
    q, k, v = blocks.padded(q, k, v)

    def step(carry, i, j):
        (q_i, m, sums, o), (k_j, v_j) = blocks.of(i, q, *carry), blocks.of(j, k, v)
        s, seen = blocks.scored(q_i, k_j, i, j)
        higher = largest(s, seen, m)
        e, fade = exponentials(s, higher, seen), jnp.exp(m - higher)
        now = higher, fade * sums + row_sums(e), fade * o + weighted(e, v_j)
        return tuple(blocks.put(a, i, block) for a, block in zip(carry, now, strict=True))

    m = jnp.broadcast_to(jnp.maximum(jax.lax.stop_gradient(sinks), jnp.finfo(q.dtype).min), (*q.shape[:-1], 1))
    o = jnp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    m, sums, o = blocks.visit(step, (m, jnp.exp(sinks - m), o))
    return (o / or_one(sums))[..., :t, :], (m + jnp.log(or_one(sums)))[..., :t, :]


def pull(
    delta: Q, q: Q, k: K, v: K, scores: Scores, size: int, sinks: Rows | float = -jnp.inf
) -> tuple[tuple[Q, K, K], Rows]:
    """Gradients by queries, keys and values; and for each query that by its sink."""
    t, s = q.shape[-2], k.shape[-2]
    blocks = _Blocks(scores, t, s, size)
    o, lse = attend(q, k, v, scores, size, sinks)
    common = row_sums(delta * o)  # of the cotangent of each weight, times the weight
    dsinks = -jnp.exp(sinks - lse) * common
    delta, q, k, v, lse, common = blocks.padded(delta, q, k, v, lse, common)

    def step(carry, i, j):
        dq, dk, dv = carry
        (delta_i, q_i, lse_i, common_i), (k_j, v_j) = blocks.of(i, delta, q, lse, common), blocks.of(j, k, v)
        s, seen = blocks.scored(q_i, k_j, i, j)
        p = exponentials(s, lse_i, seen)
        by_q, by_k = scores.pull(p * (products(delta_i, v_j) - common_i), s, q_i, k_j)
        return blocks.add(dq, i, by_q), blocks.add(dk, j, by_k), blocks.add(dv, j, gathered(p, delta_i))

    dq, dk, dv = blocks.visit(step, (jnp.zeros_like(q), jnp.zeros_like(k), jnp.zeros_like(v)))
    return (dq[..., :t, :], dk[..., :s, :], dv[..., :s, :]), dsinks


@checked
def flash_attention(
    q: Queries,
    k: Keys,
    v: Values,
    is_causal: Causal = False,
    scale: Scale = None,
    block: Annotated[int, Static(1, 2)] = BLOCK,
) -> Attended:
    """As `scaled_dot_product_attention`, without ever holding all scores."""
    o, _ = attend(grouped(q, k), k, v, Scores(scale, is_causal), block)
    return o.reshape(*q.shape[:-1], v.shape[-1])


@vjp(
    flash_attention,
    wrt=("q", "k", "v"),
    states=(
        r"c \textstyle\sum_j S'_{ij} k_j, \quad S'_{ij} = P_{ij} (\delta_i^\top v_j - D_i),"
        r"\quad P_{ij} = e^{c q_i^\top k_j - L_i}, \quad D_i = \delta_i^\top z_i",
        r"c \textstyle\sum_i S'_{ij} q_i",
        r"\textstyle\sum_i P_{ij} \delta_i",
    ),
    source=paper("FlashAttention-2", "Algorithm 2"),
    saves="z, L",
)
def flash_attention_vjp(delta, q, k, v, is_causal=False, scale=None, block=BLOCK):
    """By blocks of weights that are made again; L is the logarithm of a query's sum of exponentials, c the scale."""
    delta_, q_, k_, v_ = wide(grouped(delta, k), grouped(q, k), k, v)
    gradients, _ = pull(delta_, q_, k_, v_, Scores(scale, is_causal), block)
    return like(gradients, q, k, v)
