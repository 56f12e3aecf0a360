"""Losses of numbers, entry by entry: by how far each is from its target, or by how likely the target is."""

import math
from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, positive
from identities.layers.reduction import Reduced, Reduction, each, reduced
from identities.options import OneOf, Tried
from identities.sources import torch

Entries: TypeAlias = Float[Array, "... n"]
Counts: TypeAlias = Annotated[Float[Array, "... n"], positive]
Variances: TypeAlias = Annotated[Float[Array, "... n"], positive]
Flag: TypeAlias = Annotated[bool, OneOf(False, True)]


@checked
def mse_loss(x: Entries, y: Entries, reduction: Reduction = "mean") -> Reduced:
    """(x - y)^2."""
    return reduced(jnp.square(x - y), reduction)


@vjp(mse_loss, wrt=("x", "y"), states=(r"2 \delta (x - y)", r"-2 \delta (x - y)"), source=torch("mse_loss"))
def mse_loss_vjp(delta, x, y, reduction="mean"):
    """Twice the difference, and its negative."""
    dx = 2 * each(delta, x, reduction) * (x - y)
    return dx, -dx


@checked
def l1_loss(x: Entries, y: Entries, reduction: Reduction = "mean") -> Reduced:
    """|x - y|."""
    d = x - y
    return reduced(d * jnp.sign(d), reduction)  # which JAX takes to be flat at zero, and an absolute value to rise


@vjp(
    l1_loss,
    wrt=("x", "y"),
    states=(r"\delta \operatorname{sign}(x - y)", r"-\delta \operatorname{sign}(x - y)"),
    source=torch("l1_loss"),
)
def l1_loss_vjp(delta, x, y, reduction="mean"):
    """The sign of the difference, which is zero where there is none, and its negative."""
    dx = each(delta, x, reduction) * jnp.sign(x - y)
    return dx, -dx


def _within(d, most):
    """Differences, and in place of those beyond `most` that many of their sign."""
    return jnp.where(jnp.abs(d) < most, d, most * jnp.sign(d))


@checked
def huber_loss(
    x: Entries, y: Entries, reduction: Reduction = "mean", delta: Annotated[float, Tried(1.0, 0.3)] = 1.0
) -> Reduced:
    """(x - y)^2 / 2 up to a difference of delta, and from there on straight."""
    d = x - y
    a = jnp.abs(d)
    return reduced(jnp.where(a < delta, 0.5 * d * d, delta * (a - 0.5 * delta)), reduction)


@vjp(
    huber_loss,
    wrt=("x", "y"),
    states=(r"\bar{\delta} \max(-\delta, \min(\delta, x - y))", r"-\bar{\delta} \max(-\delta, \min(\delta, x - y))"),
    source=torch("huber_loss"),
)
def huber_loss_vjp(delta_, x, y, reduction="mean", delta=1.0):
    """The difference, held within delta, and its negative; the cotangent has a bar."""
    dx = each(delta_, x, reduction) * _within(x - y, delta)
    return dx, -dx


@checked
def smooth_l1_loss(
    x: Entries, y: Entries, reduction: Reduction = "mean", beta: Annotated[float, Tried(1.0, 0.3)] = 1.0
) -> Reduced:
    """(x - y)^2 / (2 beta) up to a difference of beta, and from there on |x - y| - beta / 2."""
    d = x - y
    a = jnp.abs(d)
    return reduced(jnp.where(a < beta, 0.5 * d * d / beta, a - 0.5 * beta), reduction)


@vjp(
    smooth_l1_loss,
    wrt=("x", "y"),
    states=(r"\delta \max(-1, \min(1, \frac{x - y}{\beta}))", r"-\delta \max(-1, \min(1, \frac{x - y}{\beta}))"),
    source=torch("smooth_l1_loss"),
)
def smooth_l1_loss_vjp(delta, x, y, reduction="mean", beta=1.0):
    """The difference in units of beta, held within one, and its negative."""
    dx = each(delta, x, reduction) * _within((x - y) / beta, 1)
    return dx, -dx


Rates: TypeAlias = Annotated[Float[Array, "... n"], Drawn(lambda z: 0.5 + np.abs(z))]
"""Of which only a logarithm may be negative."""


@checked
def poisson_nll_loss(
    x: Rates,
    y: Counts,
    log_input: Flag = True,
    full: Flag = False,
    eps: Annotated[float, Tried(1e-8, 0.1)] = 1e-8,
    reduction: Reduction = "mean",
) -> Reduced:
    """Minus the log-likelihood of a count y, where x is its rate or the logarithm of it.

    Without what does not depend on the rate, or in `full` with Stirling's approximation of it, for counts above one.
    """
    losses = jnp.exp(x) - y * x if log_input else x - y * jnp.log(x + eps)
    stirling = y * jnp.log(y) - y + 0.5 * jnp.log(2 * math.pi * y) if full else 0
    return reduced(losses + jnp.where(y > 1, stirling, 0), reduction)


@vjp(
    poisson_nll_loss,
    wrt=("x", "y"),
    states=(
        r"\delta (e^x - y) \text{ or } \delta \left(1 - \frac{y}{x + \epsilon}\right)",
        r"\delta \left(\ln y + \frac{1}{2y} - \ln \lambda\right)",
    ),
    source=torch("poisson_nll_loss"),
)
def poisson_nll_loss_vjp(delta, x, y, log_input=True, full=False, eps=1e-8, reduction="mean"):
    """By the logarithm of the rate lambda or by the rate itself, and by the count."""
    delta = each(delta, x, reduction)
    dx, log_rate = (jnp.exp(x) - y, x) if log_input else (1 - y / (x + eps), jnp.log(x + eps))
    of_stirling = jnp.where(y > 1, jnp.log(y) + 0.5 / y, 0) if full else 0
    return delta * dx, delta * (of_stirling - log_rate)


@checked
def gaussian_nll_loss(
    x: Entries,
    y: Entries,
    v: Variances,
    full: Flag = False,
    eps: Annotated[float, Tried(1e-6, 0.1)] = 1e-6,
    reduction: Reduction = "mean",
) -> Reduced:
    """Minus the log-likelihood of y, where x is its mean and v its variance, but eps at least.

    Without the constant, or in `full` with it.
    """
    v = jnp.where(v > eps, v, eps)
    constant = 0.5 * math.log(2 * math.pi) if full else 0
    return reduced(0.5 * (jnp.log(v) + jnp.square(x - y) / v) + constant, reduction)


@vjp(
    gaussian_nll_loss,
    wrt=("x", "y", "v"),
    states=(
        r"\delta \frac{x - y}{v}",
        r"-\delta \frac{x - y}{v}",
        r"\frac{\delta}{2 v} \left(1 - \frac{(x - y)^2}{v}\right)",
    ),
    source=torch("gaussian_nll_loss"),
)
def gaussian_nll_loss_vjp(delta, x, y, v, full=False, eps=1e-6, reduction="mean"):
    """The difference in units of the variance; and nothing for a variance that is less than eps."""
    above = v > eps
    v = jnp.where(above, v, eps)
    d, delta = x - y, each(delta, x, reduction)
    dx = delta * d / v
    return dx, -dx, jnp.where(above, 0.5 * (delta / v) * (1 - d * d / v), 0)
