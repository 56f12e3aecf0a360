"""Attention: for each query, the mean of the keys' values, weighted by the softmax of its scores.

In the statements, z is the result, P the weights, S' the cotangent of the scores, c the scale, and D the mean of the
weights' cotangents: D_i = sum_j P_ij (delta_i' v_j), which is delta_i' z_i.
"""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.layers import flash
from identities.layers.heads import (
    Attended,
    Biases,
    Causal,
    Kept,
    Keys,
    Queries,
    Scale,
    Values,
    few,
    grouped,
    like,
    several_keys,
    wide,
)
from identities.layers.scores import Scores, exponentials, gathered, largest, or_one, products, row_sums, weighted
from identities.options import Tried
from identities.sources import paper, torch

_MANY = 1 << 18
"""From so many scores of a head on, blocks of them that are made twice are quicker than all of them held at once."""


def _unnormalised(s, seen, sinks: Array | float = -jnp.inf):
    """Exponentials of what is seen, and of each query's sink; and the sums of both, by which they are to be divided."""
    m = largest(s, seen, jnp.maximum(sinks, jnp.finfo(s.dtype).min))
    e, of_sinks = exponentials(s, m, seen), jnp.exp(sinks - m)
    return e, of_sinks, or_one(row_sums(e) + of_sinks)


def _weights(s, seen, sinks: Array | float = -jnp.inf):
    """The softmax of what is seen; and for each query, what goes to its sink."""
    e, of_sinks, sums = _unnormalised(s, seen, sinks)
    return e / sums, of_sinks / sums


def _attended(
    q,
    k,
    v,
    scores,
    mask: Array | bool = True,
    bias: Array | float = 0.0,
    kept: Array | float = 1.0,
    sinks: Array | float = -jnp.inf,
):
    """Grouped queries, with options that other attentions have."""
    p, _ = _weights(scores(q, k) + bias, scores.seen(q.shape[-2], k.shape[-2]) & mask, sinks)
    return weighted(p * kept, v)


def _pulled_back(
    delta,
    q,
    k,
    v,
    scores,
    mask: Array | bool = True,
    bias: Array | float = 0.0,
    kept: Array | float = 1.0,
    sinks: Array | float = -jnp.inf,
):
    """Gradients by queries, keys and values; by scores with their bias; and for each query by its sink."""
    s = scores(q, k)
    p, of_sinks = _weights(s + bias, scores.seen(q.shape[-2], k.shape[-2]) & mask, sinks)
    dp = products(delta, v) * kept
    common = row_sums(p * dp)
    ds = p * (dp - common)
    return (*scores.pull(ds, s, q, k), gathered(p * kept, delta)), ds, -of_sinks * common


def _quickly(delta, q, k, v, scores, sinks: Array | float = -jnp.inf):
    """The same without that by scores, which are not held where they are many and more than what they come of."""
    (t, d), s = q.shape[-2:], k.shape[-2]
    if t * s >= max(_MANY, 2 * (t + s) * d):
        return flash.pull(delta, q, k, v, scores, flash.BLOCK, sinks)
    gradients, _, dsinks = _pulled_back(delta, q, k, v, scores, sinks=sinks)
    return gradients, dsinks


_BY_QKV = (r"c \textstyle\sum_j S'_{ij} k_j", r"c \textstyle\sum_i S'_{ij} q_i", r"\textstyle\sum_i P_{ij} \delta_i")
_S = r", \quad S'_{ij} = P_{ij} (\delta_i^\top v_j - D_i), \quad D_i = \delta_i^\top z_i"


@checked
def scaled_dot_product_attention(
    q: Queries, k: Keys, v: Values, is_causal: Causal = False, scale: Scale = None
) -> Attended:
    """softmax(c QK^T) V, in every head; c is one over the root of d, if scale is None.

    If it is causal, query i sees the keys up to number i. Query heads may be a multiple of those of keys, and share
    them in turn: grouped-query attention, for which PyTorch asks with `enable_gqa`.
    """
    o = _attended(grouped(q, k), k, v, Scores(scale, is_causal))
    return o.reshape(*q.shape[:-1], v.shape[-1])


@vjp(
    scaled_dot_product_attention,
    wrt=("q", "k", "v"),
    states=(_BY_QKV[0] + _S, *_BY_QKV[1:]),
    source=(
        torch("scaled_dot_product_attention"),
        paper("Attention Is All You Need", "1"),
        paper("GQA", "2.2"),
        paper("FlashAttention-2", "Algorithm 2"),
    ),
    saves=r"z, \quad L_i = \ln \textstyle\sum_j e^{c q_i^\top k_j}",
)
def scaled_dot_product_attention_vjp(delta, q, k, v, is_causal=False, scale=None):
    """The scores of long sequences are never held: it goes by blocks, as `flash_attention_vjp` does."""
    given = wide(grouped(delta, k), grouped(q, k), k, v)
    gradients, _ = _quickly(*given, scores=Scores(scale, is_causal))
    return like(gradients, q, k, v)


@jvp(
    scaled_dot_product_attention,
    wrt=("q", "k", "v"),
    states=r"dz_i = \textstyle\sum_j dP_{ij} v_j + P_{ij} dv_j,"
    r" \quad dP_{ij} = P_{ij} (dS_{ij} - \textstyle\sum_k P_{ik} dS_{ik}),"
    r" \quad dS_{ij} = c (dq_i^\top k_j + q_i^\top dk_j)",
    source=paper("Attention Is All You Need", "1"),
)
def scaled_dot_product_attention_jvp(q, k, v, dq, dk, dv, is_causal=False, scale=None):
    """The softmax's tangent weights the values, and the softmax theirs; both are divided by its sums at the end."""
    scores = Scores(scale, is_causal)
    q_, k_, v_, dq_, dk_, dv_ = wide(grouped(q, k), k, v, grouped(dq, k), dk, dv)
    s = scores(q_, k_)
    e, _, sums = _unnormalised(s, scores.seen(q.shape[-2], k.shape[-2]))
    moved = e * scores.push(s, q_, k_, dq_, dk_)
    de = moved - e * (row_sums(moved) / sums)
    o = (weighted(de, v_) + weighted(e, dv_)) / sums
    return o.reshape(*q.shape[:-1], v.shape[-1]).astype(q.dtype)


@checked
def masked_attention(q: Queries, k: Keys, v: Values, mask: Bool[Array, "t s"], scale: Scale = None) -> Attended:
    """The softmax over those keys alone of which the mask says that the query sees them.

    A query that sees nothing gathers nothing, and gets zeros.
    """
    o = _attended(grouped(q, k), k, v, Scores(scale), mask)
    return o.reshape(*q.shape[:-1], v.shape[-1])


@vjp(
    masked_attention,
    wrt=("q", "k", "v"),
    states=(_BY_QKV[0] + _S, *_BY_QKV[1:]),
    source=(torch("scaled_dot_product_attention"), paper("Attention Is All You Need", "1")),
    saves="P, z",
)
def masked_attention_vjp(delta, q, k, v, mask, scale=None):
    """As without a mask, where the weights of what is not seen are zero."""
    gradients, *_ = _pulled_back(*wide(grouped(delta, k), grouped(q, k), k, v), scores=Scores(scale), mask=mask)
    return like(gradients, q, k, v)


@checked
def biased_attention(
    q: Queries, k: Keys, v: Values, bias: Biases, is_causal: Causal = False, scale: Scale = None
) -> Attended:
    """softmax(c QK^T + bias) V: positions that are learned, or a mask of minus infinities."""
    o = _attended(grouped(q, k), k, v, Scores(scale, is_causal), bias=grouped(bias, k))
    return o.reshape(*q.shape[:-1], v.shape[-1])


@vjp(
    biased_attention,
    wrt=("q", "k", "v", "bias"),
    states=(_BY_QKV[0] + _S, *_BY_QKV[1:], "S'"),
    source=(torch("scaled_dot_product_attention"), paper("Attention Is All You Need", "1")),
    saves="P, z",
)
def biased_attention_vjp(delta, q, k, v, bias, is_causal=False, scale=None):
    """The gradient by the bias is that by the scores."""
    *given, bias_ = wide(grouped(delta, k), grouped(q, k), k, v, grouped(bias, k))
    gradients, ds, _ = _pulled_back(*given, scores=Scores(scale, is_causal), bias=bias_)
    return like((*gradients, ds), q, k, v, bias)


@checked
def attention_with_dropout(
    q: Queries,
    k: Keys,
    v: Values,
    keep: Kept,
    is_causal: Causal = False,
    dropout_p: Annotated[float, Tried(0.25, 0.5)] = 0.0,
    scale: Scale = None,
) -> Attended:
    """Of the weights, those that are kept, divided by how many that are on average: 1 - dropout_p."""
    kept = _kept(keep, k, dropout_p, q.dtype)
    o = _attended(grouped(q, k), k, v, Scores(scale, is_causal), kept=kept)
    return o.reshape(*q.shape[:-1], v.shape[-1])


def _kept(keep, k, dropout_p, dtype):
    return grouped(keep, k).astype(dtype) / (1 - dropout_p)


@vjp(
    attention_with_dropout,
    wrt=("q", "k", "v"),
    states=(
        _BY_QKV[0] + r", \quad S'_{ij} = P_{ij} (M_{ij} \delta_i^\top v_j - D_i), \quad D_i = \delta_i^\top z_i",
        _BY_QKV[1],
        r"\textstyle\sum_i M_{ij} P_{ij} \delta_i, \quad M = \frac{\text{keep}}{1 - p}",
    ),
    source=(torch("scaled_dot_product_attention"), paper("Attention Is All You Need", "1")),
    saves="P, z",
)
def attention_with_dropout_vjp(delta, q, k, v, keep, is_causal=False, dropout_p=0.0, scale=None):
    """Cotangents of weights that are dropped are zero."""
    given = wide(grouped(delta, k), grouped(q, k), k, v)
    gradients, *_ = _pulled_back(
        *given, scores=Scores(scale, is_causal), kept=_kept(keep, k, dropout_p, given[0].dtype)
    )
    return like(gradients, q, k, v)


@checked
def sliding_window_attention(
    q: Queries,
    k: Keys,
    v: Values,
    window: Annotated[int, Tried(2, 3)],
    softcap: Annotated[float | None, Tried(None, 2.0)] = None,
    scale: Scale = None,
) -> Attended:
    """Causal, of the last few keys only: as many as the window is long, the query's own among them.

    With a `softcap`, scores are bounded: softcap * tanh(score / softcap).
    """
    o = _attended(grouped(q, k), k, v, Scores(scale, True, window, softcap))
    return o.reshape(*q.shape[:-1], v.shape[-1])


@vjp(
    sliding_window_attention,
    wrt=("q", "k", "v"),
    states=(
        _BY_QKV[0] + r", \quad S'_{ij} = P_{ij} (\delta_i^\top v_j - D_i) (1 - T_{ij}^2),"
        r" \quad D_i = \delta_i^\top z_i, \quad T_{ij} = \tanh \frac{c q_i^\top k_j}{\text{softcap}}",
        *_BY_QKV[1:],
    ),
    source=(paper("Longformer", "3.1"), paper("Gemma 2", "2, Logit soft-capping")),
    saves="z, L",
)
def sliding_window_attention_vjp(delta, q, k, v, window, softcap=None, scale=None):
    """As causal attention, and through the hyperbolic tangent; blocks outside of the window are not visited."""
    given = wide(grouped(delta, k), grouped(q, k), k, v)
    gradients, _ = _quickly(*given, scores=Scores(scale, True, window, softcap))
    return like(gradients, q, k, v)


@checked
def attention_with_sinks(
    q: Annotated[Float[Array, "h*groups t d"] | Float[Array, "b h*groups t d"], few],
    k: Annotated[Float[Array, "h s d"] | Float[Array, "b h s d"], several_keys],
    v: Annotated[Float[Array, "h s e"] | Float[Array, "b h s e"], few],
    sinks: Float[Array, " h*groups"],
    window: Annotated[int | None, Tried(None, 2)] = None,
    scale: Scale = None,
) -> Float[Array, "h*groups t e"] | Float[Array, "b h*groups t e"]:
    """Causal, with one more key in every head, of a score that is learned and without a value."""
    o = _attended(grouped(q, k), k, v, Scores(scale, True, window), sinks=_by_rows(sinks, k))
    return o.reshape(*q.shape[:-1], v.shape[-1])


def _by_rows(sinks, k):
    return sinks.reshape(k.shape[-3], -1, 1, 1)


@vjp(
    attention_with_sinks,
    wrt=("q", "k", "v", "sinks"),
    states=(_BY_QKV[0] + _S, *_BY_QKV[1:], r"-\textstyle\sum_i P_{i\,\text{sink}} D_i"),
    source=(paper("gpt-oss", "Attention"), paper("Attention sinks", "3.3")),
    saves="z, L",
)
def attention_with_sinks_vjp(delta, q, k, v, sinks, window=None, scale=None):
    """As causal attention, whose weights do not sum to one; what goes to the sinks is of value zero."""
    *given, sinks_ = wide(grouped(delta, k), grouped(q, k), k, v, sinks)
    gradients, dsinks = _quickly(*given, scores=Scores(scale, True, window), sinks=_by_rows(sinks_, k))
    by_head = dsinks.sum(-2).reshape(-1, *sinks.shape).sum(0)
    return like((*gradients, by_head), q, k, v, sinks)
