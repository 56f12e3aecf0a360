"""Normalisation of channels, over the batch, the axes of space, or neighbouring channels.

Inputs are batch first, then channels, then any axes of space. What the signs in the statements mean stands in
`normalised`; sums and means are over all that shares a channel's weight, and over what is normalised together.
"""

import math
from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, not_negative
from identities.layers.normalised import SAVES, Epsilon, Normalised, normalised
from identities.options import OneOf, Static, Tried
from identities.sources import paper, torch

Channels: TypeAlias = Float[Array, " c"]
Variances: TypeAlias = Annotated[Channels, not_negative, Drawn(np.exp2)]
# A single value, which PyTorch refuses to normalise, has no derivative but zero.
_several = Drawn(admits=lambda shape: shape[0] * math.prod(shape[2:]) > 1, entries=96)
_several_in_space = Drawn(admits=lambda shape: math.prod(shape[2:]) > 1, entries=96)

Images: TypeAlias = Float[Array, "b c t"] | Float[Array, "b c t h"] | Float[Array, "b c t h u"]
Batch: TypeAlias = Float[Array, "b c"] | Images
Grouped: TypeAlias = (
    Float[Array, "b num_groups*c"]
    | Float[Array, "b num_groups*c t"]
    | Float[Array, "b num_groups*c t h"]
    | Float[Array, "b num_groups*c t h u"]
)
GroupedChannels: TypeAlias = Float[Array, " num_groups*c"]
Groups: TypeAlias = Annotated[int, Static(1, 2)]

_STATES = (
    r"\frac{1}{\sigma} \left(g - \mu(g) - \hat{x} \, \mu(g \circ \hat{x})\right), \quad g = \delta \circ w",
    r"\sum \delta \circ \hat{x}",
    r"\sum \delta",
)


def _space(x: Array) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def _of_channels(a: Array, x: Array) -> Array:
    """One number a channel, to go with every value of it."""
    return a.reshape(-1, *[1] * (x.ndim - 2))


def _scaled(xhat: Array, w: Array, b: Array) -> Array:
    return xhat * _of_channels(w, xhat) + _of_channels(b, xhat)


def _gradients(delta: Array, w: Array, x: Normalised) -> tuple[Array, Array, Array]:
    """By what has been normalised, by the scales and by the shifts of channels."""
    each = (0, *_space(delta))
    g, xhat = (delta * _of_channels(w, delta)).reshape(x.xhat.shape), x.xhat.reshape(delta.shape)
    return x.moved(g).reshape(delta.shape), (delta * xhat).sum(each), delta.sum(each)


@checked
def batch_norm(
    x: Annotated[Batch, _several],
    mean: Channels,
    var: Variances,
    w: Channels,
    b: Channels,
    training: Annotated[bool, OneOf(True, False)] = False,
    eps: Epsilon = 1e-5,
) -> Batch:
    """Each channel to mean zero and variance one over the batch, times w, plus b.

    In training by the statistics of the batch, and otherwise by those that are given, which are arguments as others.
    """
    if training:
        xhat = normalised(x, eps, (0, *_space(x))).xhat
    else:
        xhat = (x - _of_channels(mean, x)) * jax.lax.rsqrt(_of_channels(var, x) + eps)
    return _scaled(xhat, w, b)


@vjp(
    batch_norm,
    wrt=("x", "mean", "var", "w", "b"),
    states=(
        r"\frac{1}{\sigma} \left(g - \mu(g) - \hat{x} \, \mu(g \circ \hat{x})\right)"
        r" \text{ or, by given statistics, } \frac{g}{\sigma}, \quad g = \delta \circ w",
        r"0 \text{ or } -\frac{1}{\sigma} \sum g",
        r"0 \text{ or } -\frac{1}{2 \sigma^2} \sum g \circ \hat{x}",
        *_STATES[1:],
    ),
    source=(torch("batch_norm"), paper("Batch Normalization", "Normalization via Mini-Batch Statistics")),
    saves=SAVES,
)
def batch_norm_vjp(delta, x, mean, var, w, b, training=False, eps=1e-5):
    """In training, what is left of the cotangent without its mean and its part along the normalised channel.

    By given statistics each value is for itself, and they have gradients of their own, which PyTorch leaves out.
    """
    each = (0, *_space(x))
    if training:
        dx, dw, db = _gradients(delta, w, normalised(x, eps, each))
        return dx, jnp.zeros_like(mean), jnp.zeros_like(var), dw, db
    rsigma = jax.lax.rsqrt(var + eps)
    dw, db = (delta * (x - _of_channels(mean, x))).sum(each) * rsigma, delta.sum(each)
    scale = w * rsigma
    return delta * _of_channels(scale, x), -scale * db, -0.5 * rsigma * scale * dw, dw, db


@checked
def instance_norm(x: Annotated[Images, _several_in_space], w: Channels, b: Channels, eps: Epsilon = 1e-5) -> Images:
    """Each channel of each example to mean zero and variance one over space, times w, plus b.

    By given statistics it is `batch_norm`.
    """
    return _scaled(normalised(x, eps, _space(x)).xhat, w, b)


@vjp(
    instance_norm,
    wrt=("x", "w", "b"),
    states=_STATES,
    source=(torch("instance_norm"), paper("Instance Normalization", "Method")),
    saves=SAVES,
)
def instance_norm_vjp(delta, x, w, b, eps=1e-5):
    """What is left of the cotangent without its mean and its part along the normalised channel of an example."""
    return _gradients(delta, w, normalised(x, eps, _space(x)))


def _by_groups(x: Array, num_groups: int, eps: float) -> Normalised:
    return normalised(x.reshape(len(x), num_groups, -1), eps, -1)


@checked
def group_norm(
    x: Annotated[Grouped, _several], w: GroupedChannels, b: GroupedChannels, num_groups: Groups, eps: Epsilon = 1e-5
) -> Grouped:
    """Each group of channels of each example to mean zero and variance one, times w, plus b, channel by channel."""
    return _scaled(_by_groups(x, num_groups, eps).xhat.reshape(x.shape), w, b)


@vjp(
    group_norm,
    wrt=("x", "w", "b"),
    states=_STATES,
    source=(torch("group_norm"), paper("Group Normalization", "Group Norm")),
    saves=SAVES,
)
def group_norm_vjp(delta, x, w, b, num_groups, eps=1e-5):
    """What is left of the cotangent without its mean and its part along the normalised group."""
    return _gradients(delta, w, _by_groups(x, num_groups, eps))


def _mean_of_neighbours(a: Array, below: int, above: int) -> Array:
    """Over so many channels before and after each one and itself, where what is missing counts as zero."""
    size, space = below + 1 + above, [1] * (a.ndim - 2)
    padding = [(0, 0), (below, above), *[(0, 0)] * len(space)]
    total = jax.lax.reduce_window(a, np.zeros((), a.dtype), jax.lax.add, (1, size, *space), (1,) * a.ndim, padding)
    return total / size


def _response(x: Array, size: int, alpha: float, k: float) -> Array:
    return k + alpha * _mean_of_neighbours(x * x, size // 2, (size - 1) // 2)


@checked
def local_response_norm(
    x: Annotated[Images, Drawn(entries=96)],
    size: Annotated[int, Static(1, 3)],
    alpha: Annotated[float, Tried(1e-4, 0.5)] = 1e-4,
    beta: Annotated[float, Tried(0.75, 0.5)] = 0.75,
    k: Annotated[float, Tried(1.0, 2.0)] = 1.0,
) -> Images:
    """x / (k + alpha m)^beta, m the mean of the squares of `size` neighbouring channels."""
    return x * _response(x, size, alpha, k) ** -beta


@vjp(
    local_response_norm,
    states=r"\frac{\partial J}{\partial x} = \delta s^{-\beta}"
    r" - 2 \alpha \beta x \circ \mu^\top (\delta \circ x s^{-\beta - 1}), \quad s = k + \alpha \mu (x^2)",
    source=(torch("local_response_norm"), paper("ImageNet Classification", "Local Response Normalization")),
    saves=r"s",
)
def local_response_norm_vjp(delta, x, size, alpha=1e-4, beta=0.75, k=1.0):
    """With mu the mean of neighbours: its transpose has as many of them above as that has below."""
    s = _response(x, size, alpha, k)
    direct = delta * s**-beta
    through = _mean_of_neighbours(direct * x / s, (size - 1) // 2, size // 2)
    return direct - 2 * alpha * beta * x * through
