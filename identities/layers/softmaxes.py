"""Kin of softmax, along the last axis."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.options import Tried
from identities.softmax import pulled_back
from identities.sources import paper, torch

Rows: TypeAlias = Float[Array, "... n"]


@checked
def softmin(x: Rows) -> Rows:
    """z = softmax(-x)."""
    return jax.nn.softmax(-x)


@vjp(
    softmin,
    states=r"\frac{\partial J}{\partial x} = z \circ (\langle \delta, z \rangle - \delta)",
    source=torch("softmin"),
    saves="z",
)
def softmin_vjp(delta, x):
    """That of softmax, on the other side and of the other sign."""
    e = jnp.exp(x.min(-1, keepdims=True) - x)
    total = e.sum(-1, keepdims=True)
    return e * ((delta * e).sum(-1, keepdims=True) / total - delta) / total


@checked
def gumbel_softmax(x: Rows, g: Rows, tau: Annotated[float, Tried(1.0, 0.5)] = 1.0) -> Rows:
    """z = softmax((x + g) / tau), g being noise of the standard Gumbel distribution.

    Hard samples, PyTorch's `hard=True`, are one-hot where z is largest, which has no derivative but zero; what is taken
    for it, straight through, is that of z.
    """
    return jax.nn.softmax((x + g) / tau)


@vjp(
    gumbel_softmax,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = \frac{1}{\tau} z \circ (\delta - \langle \delta, z \rangle)",
    source=torch("gumbel_softmax"),
    saves="z",
)
def gumbel_softmax_vjp_x(delta, x, g, tau=1.0):
    """That of softmax, over the temperature; of hard samples too, by their convention."""
    return pulled_back(delta / tau, (x + g) / tau)


def _support(x):
    """Which entries the projection on the simplex leaves above zero: those above the threshold, whose sum becomes one.

    Of all k, the k largest entries less one, over k, is the greatest for the right one. With narrow floating-point
    numbers, the sums are in float32.
    """
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    x = jax.lax.stop_gradient(x - x.max(-1, keepdims=True))
    sums = jnp.cumsum(jnp.sort(x, descending=True), -1)
    return x > ((sums - 1) / jnp.arange(1, x.shape[-1] + 1)).max(-1, keepdims=True)


@checked
def sparsemax(x: Rows) -> Rows:
    """z = max(x - tau, 0), tau such that it sums to one: the nearest point of the simplex."""
    support = _support(x)
    x = x - x.max(-1, keepdims=True)
    tau = (jnp.where(support, x, 0).sum(-1, keepdims=True) - 1) / support.sum(-1, keepdims=True)
    return jnp.where(support, x - tau, 0)


@vjp(
    sparsemax,
    states=r"\frac{\partial J}{\partial x} = s \circ \left(\delta - \frac{\langle s, \delta \rangle}{|s|}\right),"
    r"\quad s = [z > 0]",
    source=paper("Sparsemax", "2.5"),
    saves="s",
)
def sparsemax_vjp(delta, x):
    """On the support, the cotangent less its mean there."""
    support = _support(x)
    mean = jnp.where(support, delta, 0).sum(-1, keepdims=True) / support.sum(-1, keepdims=True)
    return jnp.where(support, delta - mean, 0)


@jvp(
    sparsemax,
    states=r"dz = s \circ \left(dx - \frac{\langle s, dx \rangle}{|s|}\right), \quad s = [z > 0]",
    source=paper("Sparsemax", "2.5"),
)
def sparsemax_jvp(x, v):
    """The Jacobian is symmetric."""
    return sparsemax_vjp(v, x)
