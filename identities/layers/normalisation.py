"""Normalisation of rows: to mean zero and variance one, or to mean square one.

Besides backward and forward passes there are Hessian-vector products: of J = <delta, z>, which is what the gradients
do along tangents. They are jvps of the functions that give the gradients, in the arguments that these depend on.

What the signs in the statements mean stands in `normalised`.
"""

from typing import TypeAlias

from jaxtyping import Array, Float

from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.layers.normalised import SAVES, Epsilon, Normalised, normalised
from identities.layers.rows import over_rows
from identities.sources import paper, torch

Rows: TypeAlias = Float[Array, "... c"]
Channels: TypeAlias = Float[Array, " c"]

_LAYER_NORM = (torch("layer_norm"), paper("Layer Normalization", "4"))
_RMS_NORM = (torch("rms_norm"), paper("Root Mean Square Layer Normalization", "RMSNorm"))


def _gradients(delta: Array, w: Array, row: Normalised) -> tuple[Array, Array]:
    return row.moved(delta * w), over_rows(delta * row.xhat)


def _hessian_times(dx: Array, dw: Array, delta: Array, w: Array, row: Normalised) -> tuple[Array, Array]:
    return row.moved_along(dx, delta * w, delta * dw), over_rows(delta * row.moved(dx))


_HESSIAN_TIMES = (
    r"d \frac{\partial J}{\partial x} = \frac{1}{\sigma} P (\delta \circ dw) - \frac{1}{\sigma^2}"
    r" \left(\mu(\hat{x} \circ dx) P g + \mu(\hat{x} \circ g) P dx + \mu(dx \circ P g) \hat{x}\right),"
    r" \quad g = \delta \circ w, \quad d \frac{\partial J}{\partial w} = \sum \delta \circ \frac{1}{\sigma} P dx"
)


@checked
def layer_norm(x: Rows, w: Channels, b: Channels, eps: Epsilon = 1e-5) -> Rows:
    """Each row to mean zero and variance one, times w, plus b."""
    return normalised(x, eps, -1).xhat * w + b


@vjp(
    layer_norm,
    wrt=("x", "w", "b"),
    states=(
        r"\frac{1}{\sigma} \left(g - \mu(g) - \hat{x} \, \mu(g \circ \hat{x})\right), \quad g = \delta \circ w",
        r"\sum \delta \circ \hat{x}",
        r"\sum \delta",
    ),
    source=_LAYER_NORM,
    saves=SAVES,
)
def layer_norm_vjp(delta, x, w, b, eps=1e-5):
    """What is left of the cotangent without its mean and its part along the normalised row."""
    return *_gradients(delta, w, normalised(x, eps, -1)), over_rows(delta)


@jvp(
    layer_norm,
    wrt=("x", "w", "b"),
    states=r"dz = \frac{1}{\sigma} \left(dx - \mu(dx) - \hat{x} \, \mu(\hat{x} \circ dx)\right) \circ w"
    r" + \hat{x} \circ dw + db",
    source=_LAYER_NORM,
)
def layer_norm_jvp(x, w, b, dx, dw, db, eps=1e-5):
    """The same projection of the tangent."""
    row = normalised(x, eps, -1)
    return row.moved(dx) * w + row.xhat * dw + db


@checked
def layer_norm_gradient(x: Rows, w: Channels, delta: Rows, eps: Epsilon = 1e-5) -> tuple[Rows, Channels]:
    """The gradients by x and w of <delta, z>, z the normalised rows; that by b depends on none of them."""
    return _gradients(delta, w, normalised(x, eps, -1))


@jvp(layer_norm_gradient, wrt=("x", "w"), states=_HESSIAN_TIMES, source=_LAYER_NORM)
def layer_norm_gradient_jvp_x_w(x, w, delta, dx, dw, eps=1e-5):
    """The Hessian of <delta, z> times a tangent, in the time of three backward passes."""
    return _hessian_times(dx, dw, delta, w, normalised(x, eps, -1))


@checked
def rms_norm(x: Rows, w: Channels, eps: Epsilon = 1e-5) -> Rows:
    """Each row to mean square one, times w. PyTorch's epsilon, left out, is that of the dtype."""
    return normalised(x, eps, -1, centred=False).xhat * w


@vjp(
    rms_norm,
    wrt=("x", "w"),
    states=(
        r"\frac{1}{\sigma} \left(g - \hat{x} \, \mu(g \circ \hat{x})\right), \quad g = \delta \circ w",
        r"\sum \delta \circ \hat{x}",
    ),
    source=_RMS_NORM,
    saves=SAVES,
)
def rms_norm_vjp(delta, x, w, eps=1e-5):
    """What is left of the cotangent without its part along the normalised row."""
    return _gradients(delta, w, normalised(x, eps, -1, centred=False))


@jvp(
    rms_norm,
    wrt=("x", "w"),
    states=r"dz = \frac{1}{\sigma} \left(dx - \hat{x} \, \mu(\hat{x} \circ dx)\right) \circ w + \hat{x} \circ dw",
    source=_RMS_NORM,
)
def rms_norm_jvp(x, w, dx, dw, eps=1e-5):
    """The same projection of the tangent."""
    row = normalised(x, eps, -1, centred=False)
    return row.moved(dx) * w + row.xhat * dw


@checked
def rms_norm_gradient(x: Rows, w: Channels, delta: Rows, eps: Epsilon = 1e-5) -> tuple[Rows, Channels]:
    """The gradients of <delta, z>, z the normalised rows."""
    return _gradients(delta, w, normalised(x, eps, -1, centred=False))


@jvp(rms_norm_gradient, wrt=("x", "w"), states=_HESSIAN_TIMES, source=_RMS_NORM)
def rms_norm_gradient_jvp_x_w(x, w, delta, dx, dw, eps=1e-5):
    """The Hessian of <delta, z> times a tangent, in the time of three backward passes."""
    return _hessian_times(dx, dw, delta, w, normalised(x, eps, -1, centred=False))
