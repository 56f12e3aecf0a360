"""Distances between distributions, and a student that learns its teacher's."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, positive
from identities.layers.reduction import Reduced, ReducedRows, Reduction, each, each_row, reduced
from identities.options import OneOf, Tried
from identities.sources import paper, torch

Entries: TypeAlias = Float[Array, "... n"]
Logits: TypeAlias = Float[Array, "... c"]
Probabilities: TypeAlias = Annotated[Float[Array, "... n"], positive]
Targets: TypeAlias = Annotated[Float[Array, "... n"], Drawn(lambda z: 0.25 + np.abs(z))]
Rows: TypeAlias = Float[Array, "..."]


@checked
def kl_div(
    x: Entries,
    y: Targets,
    reduction: Annotated[str, OneOf("mean", "sum", "none", "batchmean")] = "mean",
    log_target: Annotated[bool, OneOf(False, True)] = False,
) -> Reduced:
    """y (ln y - x), entry by entry, where x is a log-probability; with `log_target`, y is one too: e^y (y - x).

    The sum over the first axis alone is what is divided in a `batchmean`, and the sum over all axes in a mean.
    """
    return reduced(jnp.exp(y) * (y - x) if log_target else y * (jnp.log(y) - x), reduction)


@vjp(
    kl_div,
    wrt=("x", "y"),
    states=(r"-\delta q", r"\delta (\ln q - x + 1) \text{ or } \delta q (\ln q - x + 1)"),
    source=torch("kl_div"),
)
def kl_div_vjp(delta, x, y, reduction="mean", log_target=False):
    """Minus the target probability q; and what it is surprised by, by q itself or by its logarithm."""
    delta = each(delta, x, reduction)
    if log_target:
        weighted = delta * jnp.exp(y)
        return -weighted, weighted * (y - x + 1)
    return -delta * y, delta * (jnp.log(y) - x + 1)


@checked
def jensen_shannon(p: Probabilities, q: Probabilities) -> Rows:
    """The mean of the relative entropies of p and of q to their mean m."""
    m = 0.5 * (p + q)
    return 0.5 * (p * jnp.log(p / m) + q * jnp.log(q / m)).sum(-1)


@vjp(
    jensen_shannon,
    wrt=("p", "q"),
    states=(r"\frac{\delta}{2} \ln \frac{p}{m}", r"\frac{\delta}{2} \ln \frac{q}{m}"),
    source=paper("Lin", "generalised Jensen-Shannon divergence"),
)
def jensen_shannon_vjp(delta, p, q):
    """Half the logarithm of each over their mean, which itself is where the divergence is least."""
    half, m = 0.5 * delta[..., None], 0.5 * (p + q)
    return half * jnp.log(p / m), half * jnp.log(q / m)


@checked
def total_variation(p: Entries, q: Entries) -> Rows:
    """sum |p - q| / 2: the most by which two distributions differ over any event."""
    d = p - q
    return 0.5 * (d * jnp.sign(d)).sum(-1)


@vjp(
    total_variation,
    wrt=("p", "q"),
    states=(r"\frac{\delta}{2} \operatorname{sign}(p - q)", r"-\frac{\delta}{2} \operatorname{sign}(p - q)"),
    source=paper("Levin and Peres", "4.1"),
)
def total_variation_vjp(delta, p, q):
    """Half the sign of the difference, which is zero where there is none, and its negative."""
    dp = 0.5 * delta[..., None] * jnp.sign(p - q)
    return dp, -dp


@checked
def distillation_loss(
    x: Logits, y: Logits, temperature: Annotated[float, Tried(1.0, 4.0)] = 1.0, reduction: Reduction = "mean"
) -> ReducedRows:
    """T^2 KL(q | p), where q and p are the softmax of the teacher's logits y and of the student's x, over T."""
    log_p, log_q = jax.nn.log_softmax(x / temperature), jax.nn.log_softmax(y / temperature)
    return reduced(temperature**2 * (jnp.exp(log_q) * (log_q - log_p)).sum(-1), reduction)


@vjp(
    distillation_loss,
    wrt=("x", "y"),
    states=(r"\delta T (p - q)", r"\delta q \circ (y - x - \langle q, y - x \rangle)"),
    source=paper("Distillation", "2"),
)
def distillation_loss_vjp(delta, x, y, temperature=1.0, reduction="mean"):
    """Student minus teacher; and for the teacher, what softmax pulls back of its logits beyond the student's."""
    rows = each_row(delta, x, reduction)
    p, q, d = jax.nn.softmax(x / temperature), jax.nn.softmax(y / temperature), y - x
    return rows * temperature * (p - q), rows * q * (d - (q * d).sum(-1, keepdims=True))
