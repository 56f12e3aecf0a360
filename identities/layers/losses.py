"""Losses of every entry, by how far it is from its target."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.reduction import Reduced, Reduction, each, reduced
from identities.sources import torch

Entries = Float[Array, "... n"]


@checked
def mse_loss(x: Entries, y: Entries, reduction: Reduction = "mean") -> Reduced:
    """(x - y)^2."""
    return reduced(jnp.square(x - y), reduction)


@vjp(mse_loss, wrt=("x", "y"), states=(r"2 \delta (x - y)", r"-2 \delta (x - y)"), source=torch("mse_loss"))
def mse_loss_vjp(delta, x, y, reduction="mean"):
    """Twice the difference, and its negative."""
    dx = 2 * each(delta, x, reduction) * (x - y)
    return dx, -dx
