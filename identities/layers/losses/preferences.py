"""Losses of what is preferred: of log-probabilities that a model gives to answers, beside those of a reference."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import integers
from identities.layers.reduction import Reduced, Reduction, each, reduced
from identities.options import Tried
from identities.sources import paper

Answers: TypeAlias = Float[Array, "... n"]
Beta: TypeAlias = Annotated[float, Tried(0.1, 1.0)]


def _reward(x, x2, r, r2, beta):
    """By how much more the model prefers the better answer than the reference does, in units of 1 / beta."""
    return beta * ((x - x2) - (r - r2))


@checked
def dpo_loss(
    x: Answers, x2: Answers, r: Answers, r2: Answers, beta: Beta = 0.1, reduction: Reduction = "mean"
) -> Reduced:
    """-ln sigma(h), h = beta ((x - x2) - (r - r2)).

    x and x2 are the log-probabilities of the better and the worse answer, r and r2 those that the reference gives them.
    """
    return reduced(jax.nn.softplus(-_reward(x, x2, r, r2, beta)), reduction)


@vjp(
    dpo_loss,
    wrt=("x", "x2", "r", "r2"),
    states=(
        r"-\delta \beta \sigma(-h)",
        r"\delta \beta \sigma(-h)",
        r"\delta \beta \sigma(-h)",
        r"-\delta \beta \sigma(-h)",
    ),
    source=paper("DPO", "7"),
)
def dpo_loss_vjp(delta, x, x2, r, r2, beta=0.1, reduction="mean"):
    """How probable the model finds it that the worse answer is the better one, to the one side or the other."""
    g = each(delta, x, reduction) * beta * jax.nn.sigmoid(-_reward(x, x2, r, r2, beta))
    return -g, g, g, -g


Tokens: TypeAlias = Float[Array, "g t"]
Lengths: TypeAlias = Annotated[Int[Array, " g"], integers(1, "t")]


def _weights(x, lengths):
    """What each token weighs in the mean over a group of the means over answers, of which the rest is padding."""
    within = jnp.arange(x.shape[1]) < lengths[:, None]
    return jnp.where(within, 1 / (len(x) * lengths.astype(x.dtype))[:, None], 0)


def _clipped(x, x_old, a, eps):
    """The ratio of probabilities, held where it moves further in the advantage's direction; and whether it is not."""
    ratio, a = jnp.exp(x - x_old), a[:, None]
    free = jnp.where(a > 0, ratio < 1 + eps, ratio > 1 - eps)
    return jnp.where(free, ratio, jnp.where(a > 0, 1 + eps, 1 - eps)), free


@checked
def grpo_loss(
    x: Tokens,
    x_old: Tokens,
    x_ref: Tokens,
    a: Float[Array, " g"],
    lengths: Lengths,
    eps: Annotated[float, Tried(0.2, 0.1)] = 0.2,
    beta: Annotated[float, Tried(0.04, 1.0)] = 0.04,
) -> Float[Array, ""]:
    """Minus the mean over a group of answers of min(rho a, clip(rho) a) - beta (e^d - d - 1), averaged over tokens.

    a is the advantage of an answer, rho = e^(x - x_old) the ratio of a token's probability to what it was when the
    answer was sampled, clipped to 1 - eps and 1 + eps, and d = x_ref - x how far the reference is.
    """
    ratio, _ = _clipped(x, x_old, a, eps)
    d = x_ref - x
    return (_weights(x, lengths) * (beta * (jnp.expm1(d) - d) - ratio * a[:, None])).sum()


@vjp(
    grpo_loss,
    wrt=("x", "x_old", "x_ref", "a"),
    states=(r"-w (f \rho a + \beta (e^d - 1))", r"w f \rho a", r"w \beta (e^d - 1)", r"-\sum w \rho"),
    source=paper("GRPO", "3"),
)
def grpo_loss_vjp(delta, x, x_old, x_ref, a, lengths, eps=0.2, beta=0.04):
    """The advantage where the ratio is free, f, to move, and the pull of the reference; w is delta for each token.

    A token is pulled by (e^d - 1), which is the slope of the estimate of the divergence.
    """
    w = delta * _weights(x, lengths)
    ratio, free = _clipped(x, x_old, a, eps)
    gained = jnp.where(free, w * ratio * a[:, None], 0)
    pulled = w * beta * jnp.expm1(x_ref - x)
    return -gained - pulled, gained, pulled, -(w * ratio).sum(1)
