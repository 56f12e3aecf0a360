"""Losses that move embeddings towards each other or apart, by their distances or by their products.

Distances and cosines are PyTorch's: with a little added, so that they have a derivative everywhere.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, sign
from identities.layers.losses.margins import hinge
from identities.layers.reduction import ReducedRows, Reduction, each, reduced
from identities.layers.rows import p_norm, p_norm_gradient
from identities.options import OneOf, Tried
from identities.sources import paper, torch

Embeddings: TypeAlias = Float[Array, "... n"]
LongerThanOne: TypeAlias = Annotated[Embeddings, Drawn(admits=lambda shape: shape[-1] > 1)]
"""A cosine of single entries does not move, and has nothing but rounding for a derivative."""

RowSigns: TypeAlias = Annotated[Int[Array, "..."], sign]


def _cosine(x, x2):
    """The cosine of two embeddings, and the squares of their lengths; a little more than that."""
    xx, yy = (x * x).sum(-1) + 1e-12, (x2 * x2).sum(-1) + 1e-12
    return (x * x2).sum(-1) / jnp.sqrt(xx * yy), xx, yy


@checked
def cosine_embedding_loss(
    x: LongerThanOne,
    x2: LongerThanOne,
    y: RowSigns,
    margin: Annotated[float, Tried(0.0, 0.3)] = 0.0,
    reduction: Reduction = "mean",
) -> ReducedRows:
    """1 - cos for a target of one, and max(0, cos - margin) for one of minus one."""
    cosine, _, _ = _cosine(x, x2)
    return reduced(jnp.where(y > 0, 1 - cosine, hinge(cosine - margin)), reduction)


@vjp(
    cosine_embedding_loss,
    wrt=("x", "x2"),
    states=(
        r"g \left(\frac{x_2}{|x| |x_2|} - \cos \frac{x}{|x|^2}\right)",
        r"g \left(\frac{x}{|x| |x_2|} - \cos \frac{x_2}{|x_2|^2}\right),"
        r" \quad g = -\delta y [y = 1 \text{ or } \cos > m]",
    ),
    source=torch("cosine_embedding_loss"),
)
def cosine_embedding_loss_vjp(delta, x, x2, y, margin=0.0, reduction="mean"):
    """What is left of the one embedding without its part along the other, where the margin m is not met."""
    cosine, xx, yy = _cosine(x, x2)
    g = -each(delta, cosine, reduction) * jnp.where((y > 0) | (cosine - margin > 0), y, 0)
    across, along, along2 = ((g * a)[..., None] for a in (jax.lax.rsqrt(xx * yy), cosine / xx, cosine / yy))
    return across * x2 - along * x, across * x - along2 * x2


def _distance(x, x2, p, eps):
    """The p-norm of the difference, and the gradient of that by its first argument."""
    d = x - x2 + eps
    norm = p_norm(d, p)
    return norm[..., 0], p_norm_gradient(d, norm, p)


def _triplet(anchor, positive, negative, margin, p, eps, swap):
    """By how much the margin is missed; whether the negative is nearer to the positive; gradients of distances."""
    near, of_near = _distance(anchor, positive, p, eps)
    far, of_far = _distance(anchor, negative, p, eps)
    swapped, of_swapped = jnp.zeros_like(far, bool), of_far
    if swap:
        other, of_swapped = _distance(positive, negative, p, eps)
        swapped = other < far
        far = jnp.where(swapped, other, far)
    return margin + near - far, swapped, (of_near, of_far, of_swapped)


@checked
def triplet_margin_loss(
    anchor: Embeddings,
    positive: Embeddings,
    negative: Embeddings,
    margin: Annotated[float, Tried(1.0, 0.3)] = 1.0,
    p: Annotated[float, Tried(2.0, 3.0)] = 2.0,
    eps: Annotated[float, Tried(1e-6)] = 1e-6,
    swap: Annotated[bool, OneOf(False, True)] = False,
    reduction: Reduction = "mean",
) -> ReducedRows:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), where d is the p-norm of the difference plus eps.

    With `swap`, the negative's distance is that from the positive, where that is less.
    """
    missed, _, _ = _triplet(anchor, positive, negative, margin, p, eps, swap)
    return reduced(hinge(missed), reduction)


@vjp(
    triplet_margin_loss,
    wrt=("anchor", "positive", "negative"),
    states=(
        r"g (\nabla d(a, b) - \nabla d(a, c))",
        r"-g \nabla d(a, b)",
        r"g \nabla d(a, c), \quad g = \delta [m + d(a, b) > d(a, c)]",
    ),
    source=(torch("triplet_margin_loss"), torch("triplet_margin_with_distance_loss")),
)
def triplet_margin_loss_vjp(
    delta, anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"
):
    """Anchor a, positive b and negative c along unit vectors between them, where they miss the margin m.

    Where swapped, b is in the place of a in the distance from c.
    """
    missed, swapped, gradients = _triplet(anchor, positive, negative, margin, p, eps, swap)
    g = jnp.where(missed > 0, each(delta, missed, reduction), 0)[..., None]
    of_near, of_far, of_swapped = (g * gradient for gradient in gradients)
    if not swap:
        return of_near - of_far, -of_near, of_far
    swapped = swapped[..., None]
    from_anchor, from_positive = jnp.where(swapped, 0, of_far), jnp.where(swapped, of_swapped, 0)
    return of_near - from_anchor, -of_near - from_positive, from_anchor + from_positive


_moderate = Drawn(lambda z: 0.5 * z)
Batch: TypeAlias = Annotated[Float[Array, "n d"], _moderate]
LogScale: TypeAlias = Annotated[Float[Array, ""], _moderate]


def _own(logits):
    """What each row has of the column of the same number, as the difference of logarithms from its whole."""
    return jax.nn.logsumexp(logits, axis=-1) - jnp.diagonal(logits)


@checked
def info_nce(q: Batch, k: Batch, temperature: Annotated[float, Tried(1.0, 0.5)] = 1.0) -> Float[Array, ""]:
    """The mean cross entropy of each query's own key among all keys, by products over the temperature."""
    return _own(q @ k.T / temperature).mean()


@vjp(
    info_nce,
    wrt=("q", "k"),
    states=(r"\frac{\delta}{n \tau} (P - I) k", r"\frac{\delta}{n \tau} (P - I)^\top q"),
    source=paper("CPC", "4"),
)
def info_nce_vjp(delta, q, k, temperature=1.0):
    """Every query from the keys that it takes for its own to the one that is; P has what it takes each for."""
    g = delta / (len(q) * temperature) * (jax.nn.softmax(q @ k.T / temperature) - jnp.eye(len(q), dtype=q.dtype))
    return g @ k, g.T @ q


@checked
def contrastive_loss(x: Batch, y: Batch, t: LogScale) -> Float[Array, ""]:
    """The mean of both cross entropies of pairs of embeddings: of their products, times e^t, by rows and columns.

    The embeddings of a batch are matched: row i of x belongs to row i of y.
    """
    logits = jnp.exp(t) * (x @ y.T)
    return 0.5 * (_own(logits) + _own(logits.T)).mean()


@vjp(
    contrastive_loss,
    wrt=("x", "y", "t"),
    states=(r"e^t G y", r"e^t G^\top x", r"\langle G, e^t x y^\top \rangle, \quad G = \frac{\delta}{2n} (P + Q - 2I)"),
    source=paper("CLIP", "2.3"),
)
def contrastive_loss_vjp(delta, x, y, t):
    """Each tower towards the other; P has the softmax by rows, and Q by columns."""
    products, scale = x @ y.T, jnp.exp(t)
    logits = scale * products
    both = jax.nn.softmax(logits, -1) + jax.nn.softmax(logits, 0) - 2 * jnp.eye(len(x), dtype=x.dtype)
    g = 0.5 * delta / len(x) * scale * both
    return g @ y, g.T @ x, (g * products).sum()
