"""Losses of questions that are answered with yes or no, one by one: by probabilities, or by their logits.

Of logits, probabilities are never formed where their logarithms are wanted: -ln sigma(x) is softplus(-x).
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, between_zero_and_one, sign
from identities.layers.reduction import Reduced, ReducedRows, Reduction, each, each_row, reduced
from identities.layers.rows import over_rows
from identities.options import Tried
from identities.sources import paper, torch

Entries: TypeAlias = Float[Array, "... n"]
Probabilities: TypeAlias = Annotated[Float[Array, "... n"], between_zero_and_one]
Signs: TypeAlias = Annotated[Int[Array, "... n"], sign]
Targets: TypeAlias = Annotated[Float[Array, "... n"], Drawn(between_zero_and_one.project)]
OfClasses: TypeAlias = Float[Array, " n"]


def _log_complement(x):
    """ln(1 - x), of small x too; XLA's log1p loses two digits in float64 between -1/2 and -1/4, and none above zero."""
    return -jnp.log1p(x / (1 - x))


@checked
def binary_cross_entropy(x: Probabilities, y: Targets, w: Entries, reduction: Reduction = "mean") -> Reduced:
    """-w (y ln x + (1 - y) ln(1 - x)), where x is the probability of one, y the target and w a weight."""
    return reduced(-w * (y * jnp.log(x) + (1 - y) * _log_complement(x)), reduction)


@vjp(
    binary_cross_entropy,
    wrt=("x", "y", "w"),
    states=(
        r"\delta w \frac{x - y}{x (1 - x)}",
        r"\delta w (\ln(1 - x) - \ln x)",
        r"-\delta (y \ln x + (1 - y) \ln(1 - x))",
    ),
    source=torch("binary_cross_entropy"),
)
def binary_cross_entropy_vjp(delta, x, y, w, reduction="mean"):
    """The difference in units of the variance; minus the logit; and the loss without its weight."""
    delta = each(delta, x, reduction)
    log_x, log_rest = jnp.log(x), _log_complement(x)
    weighted = delta * w
    dx = weighted * (x - y) / (x * (1 - x))
    return dx, weighted * (log_rest - log_x), -delta * (y * log_x + (1 - y) * log_rest)


def _surprise(x):
    """-ln sigma(x) and -ln sigma(-x): what the answers yes and no cost."""
    positive = x >= 0
    rest = jnp.log1p(jnp.exp(jnp.where(positive, -x, x)))
    return jnp.where(positive, 0, -x) + rest, jnp.where(positive, x, 0) + rest


def _probabilities(x):
    """sigma(x) and sigma(-x), none of them a difference."""
    positive = x >= 0
    e = jnp.exp(jnp.where(positive, -x, x))
    likely = 1 / (1 + e)
    return jnp.where(positive, likely, e * likely), jnp.where(positive, e * likely, likely)


@checked
def binary_cross_entropy_with_logits(
    x: Entries, y: Entries, w: Entries, p: OfClasses, reduction: Reduction = "mean"
) -> Reduced:
    """-w (p y ln sigma(x) + (1 - y) ln sigma(-x)), where p weighs what is positive, for each class."""
    yes, no = _surprise(x)
    return reduced(w * (p * y * yes + (1 - y) * no), reduction)


@vjp(
    binary_cross_entropy_with_logits,
    wrt=("x", "y", "w", "p"),
    states=(
        r"\delta w ((1 - y) \sigma(x) - p y \sigma(-x))",
        r"\delta w (p \ln(1 + e^{-x}) - \ln(1 + e^x))",
        r"\delta (p y \ln(1 + e^{-x}) + (1 - y) \ln(1 + e^x))",
        r"\sum \delta w y \ln(1 + e^{-x})",
    ),
    source=torch("binary_cross_entropy_with_logits"),
)
def binary_cross_entropy_with_logits_vjp(delta, x, y, w, p, reduction="mean"):
    """By logits, targets and weights, and by what weighs positive ones: of both answers, what they cost."""
    delta = each(delta, x, reduction)
    weighted = delta * w
    (yes, no), (likely, unlikely) = _surprise(x), _probabilities(x)
    dx = weighted * ((1 - y) * likely - p * y * unlikely)
    return dx, weighted * (p * yes - no), delta * (p * y * yes + (1 - y) * no), over_rows(weighted * y * yes)


@checked
def soft_margin_loss(x: Entries, y: Signs, reduction: Reduction = "mean") -> Reduced:
    """ln(1 + e^(-yx)), for targets of one and minus one."""
    return reduced(jax.nn.softplus(-y * x), reduction)


@vjp(soft_margin_loss, wrt="x", states=r"-\delta y \sigma(-y x)", source=torch("soft_margin_loss"))
def soft_margin_loss_vjp(delta, x, y, reduction="mean"):
    """The probability of the other sign, towards the right one."""
    return -each(delta, x, reduction) * y * jax.nn.sigmoid(-y * x)


@checked
def multilabel_soft_margin_loss(x: Entries, y: Entries, w: OfClasses, reduction: Reduction = "mean") -> ReducedRows:
    """The mean over classes of -w (y ln sigma(x) + (1 - y) ln sigma(-x))."""
    yes, no = _surprise(x)
    return reduced((w * (y * yes + (1 - y) * no)).mean(-1), reduction)


@vjp(
    multilabel_soft_margin_loss,
    wrt=("x", "y", "w"),
    states=(
        r"\frac{\delta w}{n} (\sigma(x) - y)",
        r"-\frac{\delta w}{n} x",
        r"\frac{1}{n} \sum \delta (y \ln(1 + e^{-x}) + (1 - y) \ln(1 + e^x))",
    ),
    source=torch("multilabel_soft_margin_loss"),
)
def multilabel_soft_margin_loss_vjp(delta, x, y, w, reduction="mean"):
    """The error of every class; minus the logit, which is what two logarithms differ by; and the loss itself."""
    delta = each_row(delta, x, reduction) / x.shape[-1]
    (yes, no), (likely, unlikely) = _surprise(x), _probabilities(x)
    dx = delta * w * ((1 - y) * likely - y * unlikely)
    return dx, -delta * w * x, over_rows(delta * (y * yes + (1 - y) * no))


@checked
def focal_loss(
    x: Entries,
    y: Signs,
    alpha: Annotated[float, Tried(0.25, 0.5)] = 0.25,
    gamma: Annotated[float, Tried(2.0, 0.5)] = 2.0,
    reduction: Reduction = "mean",
) -> Reduced:
    """-a (1 - p)^gamma ln p, where p = sigma(yx) is how probable the right answer is.

    The weight a is alpha for a target of one, and 1 - alpha for one of minus one.
    """
    weight = jnp.where(y > 0, alpha, 1 - alpha).astype(x.dtype)
    return reduced(weight * jax.nn.sigmoid(-y * x) ** gamma * jax.nn.softplus(-y * x), reduction)


@vjp(
    focal_loss, wrt="x", states=r"-\delta a y (1 - p)^\gamma (1 - p - \gamma p \ln p)", source=paper("Focal Loss", "5")
)
def focal_loss_vjp(delta, x, y, alpha=0.25, gamma=2.0, reduction="mean"):
    """As that of the cross entropy, and what the factor adds, which counts most while the answer is in doubt."""
    weight = jnp.where(y > 0, alpha, 1 - alpha).astype(x.dtype)
    right, wrong = _probabilities(y * x)
    return -each(delta, x, reduction) * y * weight * wrong**gamma * (wrong + gamma * right * _surprise(y * x)[0])
