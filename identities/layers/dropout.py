"""Dropout: entries or whole channels are left out, and what is kept makes up for it.

The mask, which says what is kept, is an argument: each entry is True with probability 1 - p, for p below one. Without
training there is nothing to differentiate.
"""

import math
from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.options import Tried
from identities.sources import torch

Entries: TypeAlias = Float[Array, "... n"]
Kept: TypeAlias = Bool[Array, "... n"]
Images: TypeAlias = Annotated[
    Float[Array, "b c t"] | Float[Array, "b c t h"] | Float[Array, "b c t h u"],
    Drawn(admits=lambda shape: math.prod(shape) <= 64),
]
KeptChannels: TypeAlias = Bool[Array, "b c"]
Probability: TypeAlias = Annotated[float, Tried(0.5, 0.1)]


def _of_channels(mask, x):
    """The mask of the first two axes, along the others."""
    return mask.reshape(*mask.shape, *[1] * (x.ndim - 2))


@checked
def dropout(x: Entries, mask: Kept, p: Probability = 0.5) -> Entries:
    """z = x / (1 - p) where it is kept, zero elsewhere."""
    return jnp.where(mask, x / (1 - p), 0)


@vjp(
    dropout, states=r"\frac{\partial J}{\partial x} = \frac{1}{1 - p} \delta \circ m", wrt="x", source=torch("dropout")
)
def dropout_vjp(delta, x, mask, p=0.5):
    """The same entries of the cotangent are kept."""
    return dropout(delta, mask, p)


@checked
def feature_dropout(x: Images, mask: KeptChannels, p: Probability = 0.5) -> Images:
    """z = x / (1 - p) in the channels that are kept, zero in the others; over one, two or three axes of space."""
    return jnp.where(_of_channels(mask, x), x / (1 - p), 0)


@vjp(
    feature_dropout,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = \frac{1}{1 - p} \delta \circ m",
    source=(torch("dropout1d"), torch("dropout2d"), torch("dropout3d")),
)
def feature_dropout_vjp(delta, x, mask, p=0.5):
    """The same channels of the cotangent are kept."""
    return feature_dropout(delta, mask, p)


_LEAST = -1.7580993408473766
"""What selu tends to, far left of zero."""


def _scale(p):
    """What keeps the variance of what had variance one."""
    return ((1 - p) * (1 + p * _LEAST**2)) ** -0.5


def _alpha_dropout(x, mask, p):
    return _scale(p) * (jnp.where(mask, x, _LEAST) - p * _LEAST)


@checked
def alpha_dropout(x: Entries, mask: Kept, p: Probability = 0.5) -> Entries:
    """z = a x + b where it is kept, what selu tends to in place of x elsewhere; mean zero and variance one stay."""
    return _alpha_dropout(x, mask, p)


@vjp(alpha_dropout, wrt="x", states=r"\frac{\partial J}{\partial x} = a \delta \circ m", source=torch("alpha_dropout"))
def alpha_dropout_vjp(delta, x, mask, p=0.5):
    """With a = ((1 - p) (1 + p alpha^2))^(-1/2), alpha = 1.758..."""
    return jnp.where(mask, _scale(p) * delta, 0)


@checked
def feature_alpha_dropout(x: Images, mask: KeptChannels, p: Probability = 0.5) -> Images:
    """As `alpha_dropout`, of whole channels."""
    return _alpha_dropout(x, _of_channels(mask, x), p)


@vjp(
    feature_alpha_dropout,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = a \delta \circ m",
    source=torch("feature_alpha_dropout"),
)
def feature_alpha_dropout_vjp(delta, x, mask, p=0.5):
    """With a = ((1 - p) (1 + p alpha^2))^(-1/2), alpha = 1.758..."""
    return jnp.where(_of_channels(mask, x), _scale(p) * delta, 0)
