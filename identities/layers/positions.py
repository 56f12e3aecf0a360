"""Positions of tokens: as rotations of queries and keys, or as biases of scores."""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.options import Choice, Tried
from identities.sources import paper

_few = Drawn(largest=4)

Pairs = Annotated[Float[Array, "... t 2*d"], _few]
Scores = Annotated[Float[Array, "... h t s"], _few]


def _rotated(x, base, interleaved, direction):
    """Pair j of the vector at place t, turned by t * base^(-j / pairs)."""
    t, pairs = x.shape[-2], x.shape[-1] // 2
    wide = jnp.promote_types(x.dtype, jnp.float32)
    angles = direction * jnp.arange(t, dtype=wide)[:, None] * base ** (-jnp.arange(pairs, dtype=wide) / pairs)
    axis = -1 if interleaved else -2
    cos, sin = (jnp.expand_dims(w.astype(x.dtype), axis) for w in (jnp.cos(angles), jnp.sin(angles)))
    sides = jnp.array([-1, 1], x.dtype).reshape((2,) if interleaved else (2, 1))
    points = x.reshape(*x.shape[:-1], *((pairs, 2) if interleaved else (2, pairs)))
    # Stacked from two halves, neighbours would be written one by one.
    return (points * cos + jnp.flip(points, axis) * (sides * sin)).reshape(x.shape)


@checked
def rotary_embedding(
    x: Pairs,
    base: Annotated[float, Tried(10_000.0, 4.0)] = 10_000.0,
    interleaved: Annotated[bool, Choice(True, False)] = True,
) -> Pairs:
    """Pairs of entries as points of a plane, turned by angles that grow with the place in the sequence.

    Pairs are neighbours if they are interleaved, as in the paper; else an entry of the first half and one of the
    second, as in the weights of LLaMA and its kin.
    """
    return _rotated(x, base, interleaved, 1)


@vjp(
    rotary_embedding,
    wrt="x",
    states=r"R_t^\top \delta_t, \quad R_t = \bigoplus_j \begin{pmatrix} \cos t \theta_j & -\sin t \theta_j \\"
    r" \sin t \theta_j & \cos t \theta_j \end{pmatrix}, \quad \theta_j = \text{base}^{-2j/d}",
    source=paper("RoFormer", "15"),
)
def rotary_embedding_vjp(delta, x, base=10_000.0, interleaved=True):
    """Turned back by the same angles."""
    return _rotated(delta, base, interleaved, -1)


def _distances(s):
    """How much earlier a key comes than a query."""
    return (jnp.arange(s.shape[-2])[:, None] - jnp.arange(s.shape[-1])).astype(s.dtype)


@checked
def alibi(s: Scores, slopes: Float[Array, " h"]) -> Scores:
    """Scores, less the distance of query and key times the slope of their head."""
    return s - slopes[:, None, None] * _distances(s)


@vjp(
    alibi,
    wrt=("s", "slopes"),
    states=(r"\delta", r"-\textstyle\sum_{ij} (i - j) \delta_{ij}"),
    source=paper("ALiBi", "3"),
)
def alibi_vjp(delta, s, slopes):
    """The gradient by a slope is the sum of its head's cotangents, times distances."""
    by_head = (delta * _distances(s)).sum((-2, -1))
    return delta, -by_head.reshape(-1, len(slopes)).sum(0)
