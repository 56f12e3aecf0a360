"""A classifier's last layer and its loss in one, which never holds the logits: only those of a few rows at a time.

One pass over the rows makes their logits, the loss and both gradients, so that nothing is computed twice.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import index
from identities.options import Static
from identities.sources import paper

Rows: TypeAlias = Float[Array, "n d"]
Classes: TypeAlias = Float[Array, "v d"]
Labels: TypeAlias = Annotated[Int[Array, " n"], index("v")]
Chunk: TypeAlias = Annotated[int, Static(1, 2)]


def _in_chunks(chunk, *arrays):
    """Arrays of rows, so many at a time, and which of them are there: the last ones may be made up."""
    n = len(arrays[0])
    missing = -n % chunk

    def chunked(a):
        return jnp.pad(a, [(0, missing)] + [(0, 0)] * (a.ndim - 1)).reshape(-1, chunk, *a.shape[1:])

    return chunked(jnp.ones(n, bool)), *map(chunked, arrays)


def _logits(x, W):
    """In float32 at least, whatever is multiplied."""
    return jnp.matmul(x, W.T, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32))


@checked
def linear_cross_entropy(x: Rows, W: Classes, y: Labels, chunk: Chunk = 64) -> Float[Array, ""]:
    """The mean cross entropy of labels y and logits x W^T, of `chunk` rows at a time."""

    def total(of_chunk):
        there, x, y = of_chunk
        logits = _logits(x, W)
        of_label = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
        return jnp.where(there, jax.nn.logsumexp(logits, axis=1) - of_label, 0).sum()

    return (jax.lax.map(total, _in_chunks(chunk, x, y)).sum() / len(x)).astype(x.dtype)


@vjp(
    linear_cross_entropy,
    wrt=("x", "W"),
    states=(r"G W", r"G^\top x, \quad G = \frac{\delta}{n} (\operatorname{softmax}(x W^\top) - Y)"),
    source=paper("Cut Cross-Entropy", "3"),
)
def linear_cross_entropy_vjp(delta, x, W, y, chunk=64):
    """Of each chunk of rows prediction minus target, G, which gives the rows' gradient and is added to the classes'."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    scale = (delta / len(x)).astype(wide)

    def step(W_bar, of_chunk):
        there, x, y = of_chunk
        p = jax.nn.softmax(_logits(x, W), axis=1)
        is_label = jnp.arange(len(W)) == y[:, None]
        G = jnp.where(there, scale, 0)[:, None] * (p - is_label)
        G = G.astype(x.dtype)
        return W_bar + jnp.matmul(G.T, x, preferred_element_type=wide), G @ W

    W_bar, x_bar = jax.lax.scan(step, jnp.zeros(W.shape, wide), _in_chunks(chunk, x, y))
    return x_bar.reshape(-1, x.shape[1])[: len(x)], W_bar.astype(W.dtype)
