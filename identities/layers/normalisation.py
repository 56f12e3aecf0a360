"""Normalisation of activations: each row, group or channel to mean zero and variance one.

In the statements, a hat is what has been normalised, sigma the root of the variance plus epsilon, and a bar the mean
over what is normalised together. Each backward pass needs the normalised values again, and one reciprocal root.
"""

from typing import Annotated, TypeAlias

import jax
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.signature import Tried
from identities.sources import paper, torch

Epsilon: TypeAlias = Annotated[float, Tried(1e-5, 0.1)]
Rows: TypeAlias = Float[Array, "... c"]
Channels: TypeAlias = Float[Array, " c"]


def _normalised(x, eps, axes):
    """Mean zero and variance one over some axes, and the reciprocal root that made it so."""
    centred = x - x.mean(axes, keepdims=True)
    rsigma = jax.lax.rsqrt((centred * centred).mean(axes, keepdims=True) + eps)
    return centred * rsigma, rsigma


def _pulled_back(dxhat, xhat, rsigma, axes):
    """A cotangent of the normalised values, pulled back to what was normalised."""
    return rsigma * (dxhat - dxhat.mean(axes, keepdims=True) - xhat * (dxhat * xhat).mean(axes, keepdims=True))


def _over_rows(a):
    """The sum over all axes but the last."""
    return a.sum(tuple(range(a.ndim - 1)))


@checked
def layer_norm(x: Rows, w: Channels, b: Channels, eps: Epsilon = 1e-5) -> Rows:
    """Each row to mean zero and variance one, times w, plus b."""
    return _normalised(x, eps, -1)[0] * w + b


@vjp(
    layer_norm,
    wrt=("x", "w", "b"),
    states=(
        r"\frac{1}{\sigma} \left(g - \bar{g} - \hat{x} \, \overline{g \hat{x}}\right), \quad g = \delta \circ w",
        r"\sum \delta \circ \hat{x}",
        r"\sum \delta",
    ),
    source=(torch("layer_norm"), paper("Layer Normalization", "4")),
    saves=r"\hat{x}, \frac{1}{\sigma}",
)
def layer_norm_vjp(delta, x, w, b, eps=1e-5):
    """What is left of the cotangent without its mean and its part along the normalised row."""
    xhat, rsigma = _normalised(x, eps, -1)
    return _pulled_back(delta * w, xhat, rsigma, -1), _over_rows(delta * xhat), _over_rows(delta)
