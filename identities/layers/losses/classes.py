"""Losses of a choice among classes, by their logits or log-probabilities; classes lie along the last axis.

A negative label says that a row has no class, as -100 does: neither such a row nor one labelled `ignore_index`
counts. The mean is over the weights of those that do, and is not a number where none does. Weights of labels are
constants, as in PyTorch.

In the statements p is the softmax, q the target as a distribution, w_y the weight of a row's class, and r what a row
counts: delta, over all weights in a mean.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.domains import label, powers_of_two
from identities.layers.reduction import ReducedRows, Reduction, each_row, reduced
from identities.layers.rows import over_rows
from identities.options import Tried
from identities.sources import paper, torch

Logits: TypeAlias = Float[Array, "... c"]
Labels: TypeAlias = Annotated[Int[Array, "..."], label("c")]
Weights: TypeAlias = Annotated[Float[Array, " c"], powers_of_two]
IgnoreIndex: TypeAlias = Annotated[int, Tried(-100, 1)]
Smoothing: TypeAlias = Annotated[float, Tried(0.0, 0.1)]


def _counts(y, ignore_index):
    """Which rows count."""
    return (y >= 0) & (y != ignore_index)


def _weights(w, y, counts):
    """What each row weighs: nothing if it does not count."""
    return jnp.where(counts, w[y], 0)


def _of_label(a, y):
    """The entry of each row that its label means; any, where it means none."""
    return jnp.take_along_axis(a, jnp.maximum(y, 0)[..., None], -1)[..., 0]


def _reduced(losses, weights, reduction):
    """The losses as they are asked for, of rows of such weights."""
    return losses.sum() / weights.sum() if reduction == "mean" else reduced(losses, reduction)


def _is_label(x, y):
    """Where each row has its label."""
    return jnp.arange(x.shape[-1]) == y[..., None]


def _of_rows(delta, weights, reduction):
    """What each row counts in the gradient."""
    return delta / weights.sum() if reduction == "mean" else delta


@checked
def nll_loss(
    x: Logits, y: Labels, w: Weights, ignore_index: IgnoreIndex = -100, reduction: Reduction = "mean"
) -> ReducedRows:
    """-w_y x_y, of log-probabilities x."""
    weights = _weights(w, y, _counts(y, ignore_index))
    return _reduced(-weights * _of_label(x, y), weights, reduction)


@vjp(nll_loss, wrt="x", states=r"-r w_y q", source=torch("nll_loss"))
def nll_loss_vjp_x(delta, x, y, w, ignore_index=-100, reduction="mean"):
    """Minus the weight where the label is."""
    weights = _weights(w, y, _counts(y, ignore_index))
    rows = -_of_rows(delta, weights, reduction) * weights
    return jnp.put_along_axis(jnp.zeros_like(x), jnp.maximum(y, 0)[..., None], rows[..., None], -1, inplace=False)


@checked
def cross_entropy(
    x: Logits,
    y: Labels,
    w: Weights,
    ignore_index: IgnoreIndex = -100,
    reduction: Reduction = "mean",
    label_smoothing: Smoothing = 0.0,
) -> ReducedRows:
    """-sum(w q ln p), where q is one at the label, but for the smoothing, which is spread evenly over all classes."""
    counts = _counts(y, ignore_index)
    log_p, weights = jax.nn.log_softmax(x), _weights(w, y, counts)
    losses = -(1 - label_smoothing) * weights * _of_label(log_p, y)
    if label_smoothing:
        losses -= label_smoothing / x.shape[-1] * jnp.where(counts, log_p @ w, 0)
    return _reduced(losses, weights, reduction)


@vjp(
    cross_entropy,
    wrt="x",
    states=r"r \left(\langle w, q \rangle p - w \circ q\right)",
    source=torch("cross_entropy"),
    saves=r"\ln \sum e^x",
)
def cross_entropy_vjp_x(delta, x, y, w, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Prediction minus target, weighted."""
    counts = _counts(y, ignore_index)
    weights = _weights(w, y, counts)
    rows = _of_rows(delta, weights, reduction)
    total = (1 - label_smoothing) * rows * weights
    target = jnp.where(_is_label(x, y), total[..., None], 0)
    if label_smoothing:
        smoothed = label_smoothing * jnp.where(counts, rows, 0)
        total += smoothed * w.mean()
        target += (smoothed / x.shape[-1])[..., None] * w
    return total[..., None] * jax.nn.softmax(x) - target


@jvp(
    cross_entropy,
    wrt="x",
    states=r"\sum r \langle \langle w, q \rangle p - w \circ q, dx \rangle",
    source=torch("cross_entropy"),
)
def cross_entropy_jvp_x(x, y, w, dx, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """How far the expected tangent is from that of the target; here r has no delta."""
    counts = _counts(y, ignore_index)
    weights = _weights(w, y, counts)
    expected = (jax.nn.softmax(x) * dx).sum(-1)
    losses = (1 - label_smoothing) * weights * (expected - _of_label(dx, y))
    if label_smoothing:
        losses += label_smoothing * jnp.where(counts, w.mean() * expected - (dx * w).mean(-1), 0)
    return _reduced(losses, weights, reduction)


@checked
def cross_entropy_gradient(x: Logits, y: Labels) -> Logits:
    """p - q: prediction minus target, of every row that has a label; the gradient of the sum of cross entropies."""
    difference = jax.nn.softmax(x) - _is_label(x, y)
    return jnp.where(y[..., None] < 0, 0, difference)


@jvp(cross_entropy_gradient, wrt="x", states=r"p \circ (dx - \langle p, dx \rangle)", source=torch("cross_entropy"))
def cross_entropy_gradient_jvp(x, y, dx):
    """The Hessian of the cross entropy times a vector: of every row that has a label, what softmax pushes forward."""
    e = jnp.exp(x - x.max(-1, keepdims=True))  # p = e / sum(e); left undivided, one pass gives both sums
    total = e.sum(-1, keepdims=True)
    pushed = e * (dx - (e * dx).sum(-1, keepdims=True) / total) / total
    return jnp.where(y[..., None] < 0, 0, pushed)


def _smoothed(of_target, of_class, smoothing):
    """What the target has, but for the smoothing, of which all classes have the same."""
    return (1 - smoothing) * of_target + smoothing * of_class if smoothing else of_target


@checked
def cross_entropy_with_probabilities(
    x: Logits, y: Logits, w: Weights, reduction: Reduction = "mean", label_smoothing: Smoothing = 0.0
) -> ReducedRows:
    """-sum(w q ln p), where the target q is y, but for the smoothing, which is spread evenly over all classes."""
    q = _smoothed(y, 1 / y.shape[-1], label_smoothing)
    return reduced(-(q * jax.nn.log_softmax(x)) @ w, reduction)


@vjp(
    cross_entropy_with_probabilities,
    wrt=("x", "y", "w"),
    states=(
        r"r \left(\langle w, q \rangle p - w \circ q\right)",
        r"-(1 - \epsilon) r w \circ \ln p",
        r"-\sum r q \circ \ln p",
    ),
    source=torch("cross_entropy"),
    saves=r"\ln \sum e^x",
)
def cross_entropy_with_probabilities_vjp(delta, x, y, w, reduction="mean", label_smoothing=0.0):
    """Prediction, as much of it as there is of the target, minus target; epsilon is the smoothing."""
    rows = each_row(delta, x, reduction)
    shifted = x - x.max(-1, keepdims=True)
    e = jnp.exp(shifted)
    sum_of_e = e.sum(-1, keepdims=True)
    log_p = shifted - jnp.log(sum_of_e)
    q, cost = _smoothed(y, 1 / y.shape[-1], label_smoothing), -rows * log_p
    total = q @ w
    dx = rows * ((total[..., None] / sum_of_e) * e - q * w)
    return dx, (1 - label_smoothing) * w * cost, over_rows(q * cost)


@checked
def z_loss(x: Logits, reduction: Reduction = "mean") -> ReducedRows:
    """(ln sum(e^x))^2, which keeps logits from growing."""
    return reduced(jnp.square(jax.nn.logsumexp(x, axis=-1)), reduction)


@vjp(z_loss, states=r"2 \delta p \ln \textstyle\sum e^x", source=paper("ST-MoE", "router z-loss"))
def z_loss_vjp(delta, x, reduction="mean"):
    """The softmax, times twice the logarithm of its denominator."""
    largest = x.max(-1, keepdims=True)
    e = jnp.exp(x - largest)
    total = e.sum(-1, keepdims=True)
    return 2 * each_row(delta, x, reduction) * (jnp.log(total) + largest) / total * e
