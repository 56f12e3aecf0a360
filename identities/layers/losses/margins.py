"""Hinges: losses that are zero as soon as there is enough of a margin.

Where the margin is met exactly there is none left to gain, and the derivative is taken to be zero.
"""

from functools import partial
from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, index, integers, sign
from identities.layers.reduction import Reduced, ReducedRows, Reduction, each, each_row, reduced
from identities.options import OneOf, Tried
from identities.sources import torch

Entries: TypeAlias = Float[Array, "... n"]
Signs: TypeAlias = Annotated[Int[Array, "... n"], sign]
Scores: TypeAlias = Float[Array, "... c"]
Label: TypeAlias = Annotated[Int[Array, "..."], index("c")]
Labels: TypeAlias = Annotated[Int[Array, "... c"], integers(-1, "c-1"), Drawn(largest=4)]
Margin: TypeAlias = Annotated[float, Tried(1.0, 0.3)]


def hinge(x: Array) -> Array:
    """The positive part, flat at zero."""
    return jnp.where(x > 0, x, 0)


@checked
def hinge_embedding_loss(x: Entries, y: Signs, margin: Margin = 1.0, reduction: Reduction = "mean") -> Reduced:
    """x itself for a target of one, and max(0, margin - x) for one of minus one: x is a distance."""
    return reduced(jnp.where(y > 0, x, hinge(margin - x)), reduction)


@vjp(hinge_embedding_loss, wrt="x", states=r"\delta ([y = 1] - [y = -1][x < m])", source=torch("hinge_embedding_loss"))
def hinge_embedding_loss_vjp(delta, x, y, margin=1.0, reduction="mean"):
    """The target, as long as the distance is less than the margin m or ought to be small."""
    return each(delta, x, reduction) * jnp.where((y > 0) | (margin - x > 0), y, 0)


@checked
def margin_ranking_loss(
    x: Entries, x2: Entries, y: Signs, margin: Annotated[float, Tried(0.0, 0.3)] = 0.0, reduction: Reduction = "mean"
) -> Reduced:
    """max(0, margin - y (x - x2)): x should be the larger one for a target of one."""
    return reduced(hinge(margin - y * (x - x2)), reduction)


@vjp(
    margin_ranking_loss,
    wrt=("x", "x2"),
    states=(r"-\delta y [y (x - x_2) < m]", r"\delta y [y (x - x_2) < m]"),
    source=torch("margin_ranking_loss"),
)
def margin_ranking_loss_vjp(delta, x, x2, y, margin=0.0, reduction="mean"):
    """The target, where the two are less than the margin m apart, or in the wrong order."""
    y = y.astype(x.dtype)
    dx2 = jnp.where(margin - y * (x - x2) > 0, each(delta, x, reduction) * y, 0)
    return -dx2, dx2


def _short_of(x, y, margin):
    """By how much the score of the label falls short of being larger than each other score by the margin."""
    of_label = jnp.take_along_axis(x, y[..., None], -1)
    return jnp.where(jnp.arange(x.shape[-1]) == y[..., None], 0, hinge(margin - of_label + x))


@checked
def multi_margin_loss(
    x: Scores,
    y: Label,
    w: Float[Array, " c"],
    p: Annotated[int, OneOf(1, 2)] = 1,
    margin: Margin = 1.0,
    reduction: Reduction = "mean",
) -> ReducedRows:
    """The mean over all classes of w_y max(0, margin - x_y + x)^p, but for the label's own, which is zero."""
    return reduced(w[y] * (_short_of(x, y, margin) ** p).mean(-1), reduction)


@vjp(
    multi_margin_loss,
    wrt="x",
    states=r"g - [y] \textstyle\sum g, \quad g = \frac{p w_y}{c} \delta \max(0, m - x_y + x)^{p - 1} [x_y - x < m]",
    source=torch("multi_margin_loss"),
)
def multi_margin_loss_vjp_x(delta, x, y, w, p=1, margin=1.0, reduction="mean"):
    """Every class that comes too near is lowered by g, and the label raised by all of that; [y] is one at the label."""
    short = _short_of(x, y, margin)
    slope = (short > 0).astype(x.dtype) if p == 1 else 2 * short
    g = each_row(delta, x, reduction) * (w[y] / x.shape[-1])[..., None] * slope
    return jnp.put_along_axis(g, y[..., None], -g.sum(-1, keepdims=True), -1, inplace=False)


@partial(jnp.vectorize, signature="(c),(c)->(c)")
def _added_up(numbers, y):
    """The numbers of all labels, added up for each class."""
    return jnp.zeros_like(numbers).at[y].add(numbers)


def _targets(x, y):
    """How many times each class is among the labels, which end at the first that is negative."""
    return _added_up((jnp.cumprod(y >= 0, axis=-1) > 0).astype(x.dtype), y)


def _pairs(x, y):
    """Of each label, in rows, and each other class, in columns: how often they count, and what they are short of."""
    targets = _targets(x, y)
    return targets[..., :, None] * (targets == 0)[..., None, :], hinge(1 - x[..., :, None] + x[..., None, :])


@checked
def multilabel_margin_loss(x: Scores, y: Labels, reduction: Reduction = "mean") -> ReducedRows:
    """The sum of max(0, 1 - x_i + x_j) over all labels i and other classes j, by the number of all classes."""
    counts, short = _pairs(x, y)
    return reduced((counts * short).sum((-2, -1)) / x.shape[-1], reduction)


@vjp(
    multilabel_margin_loss,
    wrt="x",
    states=r"\frac{\delta}{c} \left(\sum_i P_{ij} - \sum_j P_{ij}\right), \quad P_{ij} = t_i [t_j = 0] [x_i - x_j < 1]",
    source=torch("multilabel_margin_loss"),
)
def multilabel_margin_loss_vjp(delta, x, y, reduction="mean"):
    """Other classes are lowered and labels raised, by how many of the other kind come too near; t counts labels."""
    counts, short = _pairs(x, y)
    near = jnp.where(short > 0, counts, 0)
    return each_row(delta, x, reduction) / x.shape[-1] * (near.sum(-2) - near.sum(-1))
