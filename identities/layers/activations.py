"""Activations, applied entry by entry, each with its derivative; `identities.elementwise` has the older ones.

At a kink the derivative is that of one side, as in PyTorch.
"""

import math
from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import Source, jvp, vjp
from identities.checking import checked
from identities.diagonal import Kinked, Real, closed_forms_of, elementwise
from identities.domains import Drawn, nonzero
from identities.options import Tried
from identities.sources import paper, torch

__getattr__ = closed_forms_of(__name__)

Slope: TypeAlias = Annotated[float, Tried(0.01, 0.2)]
Scale: TypeAlias = Annotated[float, Tried(1.0, 0.5)]
Width: TypeAlias = Annotated[float, Tried(0.5, 1.3)]
Images: TypeAlias = Annotated[
    Float[Array, "b c"] | Float[Array, "b c t"] | Float[Array, "b c t h"],
    Drawn(nonzero.project, admits=lambda shape: math.prod(shape) <= 16),
]


def activation(function, states: str, source: Source | None = None):
    """Declare a derivative, in a vjp and a jvp: nobody wants the diagonal matrix of a layer."""
    return elementwise(function, states, source or torch(function.__name__), (vjp, jvp))


def _between(x, least, most, inside):
    """Of least and most, where x is beyond them, or else what is inside."""
    return jnp.where(x <= least, least, jnp.where(x >= most, most, inside))


@checked
def threshold(
    x: Kinked, threshold: Annotated[float, Tried(0.3, -0.7)], value: Annotated[float, Tried(0.0, 20.0)]
) -> Real:
    """z = x where it is above the threshold, and the given value elsewhere."""
    return jnp.where(x > threshold, x, value)


@activation(threshold, r"[x > \theta]")
def threshold_derivative(x, threshold, value):
    """One above the threshold, zero elsewhere."""
    return (x > threshold).astype(x.dtype)


@checked
def hardtanh(
    x: Kinked, min_val: Annotated[float, Tried(-1.0, -0.3)] = -1.0, max_val: Annotated[float, Tried(1.0, 1.5)] = 1.0
) -> Real:
    """z = x, cut off at the least and the greatest value."""
    return _between(x, min_val, max_val, x)


@activation(hardtanh, r"[l < x < u]")
def hardtanh_derivative(x, min_val=-1.0, max_val=1.0):
    """One strictly between the least and the greatest value, zero elsewhere."""
    return ((x > min_val) & (x < max_val)).astype(x.dtype)


@checked
def relu6(x: Kinked) -> Real:
    """z = min(max(x, 0), 6)."""
    return _between(x, 0, 6, x)


@activation(relu6, r"[0 < x < 6]")
def relu6_derivative(x):
    """One strictly between zero and six, zero elsewhere."""
    return hardtanh_derivative(x, 0, 6)


@checked
def hardsigmoid(x: Kinked) -> Real:
    """z = (x + 3) / 6, cut off at zero and one."""
    return jnp.where(jnp.abs(x) < 3, x / 6 + 0.5, jnp.where(x > 0, 1, 0))


@activation(hardsigmoid, r"\frac{1}{6} [-3 < x < 3]")
def hardsigmoid_derivative(x):
    """A sixth strictly between minus three and three, zero elsewhere."""
    return jnp.where(jnp.abs(x) < 3, 1 / 6, 0).astype(x.dtype)


@checked
def hardswish(x: Kinked) -> Real:
    """z = x times the hard sigmoid of x."""
    return jnp.where(jnp.abs(x) < 3, x * (x / 6 + 0.5), jnp.where(x > 0, x, 0))


@activation(hardswish, r"\left(\frac{x}{3} + \frac{1}{2}\right) [-3 < x < 3] + [x \ge 3]")
def hardswish_derivative(x):
    """The product rule strictly between minus three and three; zero below, and one above."""
    return jnp.where(jnp.abs(x) < 3, x / 3 + 0.5, jnp.where(x > 0, 1, 0))


def _nonpositive(x):
    """x where it is not above zero, and zero elsewhere, so that what is not chosen there does not overflow."""
    return jnp.where(x > 0, 0, x)


@checked
def elu(x: Kinked, alpha: Scale = 1.0) -> Real:
    """z = x where it is positive, and alpha (e^x - 1) elsewhere."""
    return jnp.where(x > 0, x, alpha * jnp.expm1(_nonpositive(x)))


@activation(elu, r"[x > 0] + \alpha e^x [x \le 0]")
def elu_derivative(x, alpha=1.0):
    """One where x is positive, alpha e^x elsewhere."""
    return jnp.where(x > 0, 1, alpha * jnp.exp(_nonpositive(x)))


_ALPHA, _LAMBDA = 1.6732632423543772, 1.0507009873554805


@checked
def selu(x: Kinked) -> Real:
    """z = lambda elu(x, alpha), with the two constants that keep mean zero and variance one."""
    return _LAMBDA * elu(x, _ALPHA)


@activation(selu, r"\lambda ([x > 0] + \alpha e^x [x \le 0])")
def selu_derivative(x):
    """lambda times the derivative of elu."""
    return _LAMBDA * elu_derivative(x, _ALPHA)


@checked
def celu(x: Real, alpha: Scale = 1.0) -> Real:
    """z = x where it is positive, and alpha (e^(x/alpha) - 1) elsewhere."""
    return jnp.where(x > 0, x, alpha * jnp.expm1(_nonpositive(x) / alpha))


@activation(celu, r"e^{\min(x, 0) / \alpha}")
def celu_derivative(x, alpha=1.0):
    """One where x is positive, e^(x/alpha) elsewhere: it has no kink."""
    return jnp.exp(_nonpositive(x) / alpha)


@checked
def leaky_relu(x: Kinked, negative_slope: Slope = 0.01) -> Real:
    """z = x where it is positive, and the slope times x elsewhere."""
    return jnp.where(x > 0, x, negative_slope * x)


@activation(leaky_relu, r"[x > 0] + s \, [x \le 0]")
def leaky_relu_derivative(x, negative_slope=0.01):
    """One where x is positive, the slope elsewhere."""
    return jnp.where(x > 0, 1, negative_slope).astype(x.dtype)


@checked
def squared_relu(x: Kinked) -> Real:
    """z = max(x, 0)^2."""
    return jnp.square(jax.nn.relu(x))


@activation(squared_relu, r"2 \max(x, 0)", paper("Primer", "3"))
def squared_relu_derivative(x):
    """Twice the rectified argument."""
    return 2 * jax.nn.relu(x)


@checked
def mish(x: Real) -> Real:
    """z = x tanh(softplus(x))."""
    return x * jnp.tanh(jnp.logaddexp(x, 0))


@activation(mish, r"\tau + x (1 - \tau^2) \sigma(x), \quad \tau = \tanh(\ln(1 + e^x))")
def mish_derivative(x):
    """The product rule, tanh and sigma as quotients of one exponential, which is never above one.

    With w = e^-|x|, tau = p / q where p = 1 + 2w, or w (2 + w) left of zero, and q = p + 2w^2, or p + 2.
    """
    right = x > 0
    w = jnp.exp(jnp.where(right, -x, x))
    p = jnp.where(right, 1 + 2 * w, w * (2 + w))
    q = p + jnp.where(right, 2 * w * w, 2)
    return (p + x * (4 * jnp.where(right, w * w, w) * (1 + w) / q)) / q


@checked
def logsigmoid(x: Real) -> Real:
    """z = ln sigma(x)."""
    return jax.nn.log_sigmoid(x)


@activation(logsigmoid, r"\sigma(-x)")
def logsigmoid_derivative(x):
    """The logistic sigmoid, on the other side."""
    return jax.nn.sigmoid(-x)


@checked
def hardshrink(x: Kinked, lambd: Width = 0.5) -> Real:
    """z = x where it is beyond lambda, on either side, and zero elsewhere."""
    return jnp.where(jnp.abs(x) > lambd, x, 0)


@activation(hardshrink, r"[|x| > \lambda]")
def hardshrink_derivative(x, lambd=0.5):
    """One beyond lambda, on either side; zero elsewhere."""
    return (jnp.abs(x) > lambd).astype(x.dtype)


@checked
def softshrink(x: Kinked, lambd: Width = 0.5) -> Real:
    """z = x, nearer to zero by lambda; zero within lambda of it."""
    return jnp.where(jnp.abs(x) > lambd, x - lambd * jnp.sign(x), 0)


@activation(softshrink, r"[|x| > \lambda]")
def softshrink_derivative(x, lambd=0.5):
    """One beyond lambda, on either side; zero elsewhere."""
    return hardshrink_derivative(x, lambd)


@checked
def tanhshrink(x: Real) -> Real:
    """z = x - tanh x."""
    return x - jnp.tanh(x)


@activation(tanhshrink, r"\tanh^2 x")
def tanhshrink_derivative(x):
    """The square of the hyperbolic tangent."""
    return jnp.square(jnp.tanh(x))


@checked
def softsign(x: Real) -> Real:
    """z = x / (1 + |x|)."""
    return x / (1 + jnp.abs(x))


@activation(softsign, r"\frac{1}{(1 + |x|)^2}")
def softsign_derivative(x):
    """The reciprocal of 1 + |x|, squared."""
    return 1 / jnp.square(1 + jnp.abs(x))


def _slopes(x, w):
    """Of each channel, the second axis, along the axes of x."""
    return w.reshape(-1, *[1] * (x.ndim - 2))


@checked
def prelu(x: Images, weight: Float[Array, " c"]) -> Images:
    """z = x where it is positive, and the weight of its channel times x elsewhere."""
    return jnp.where(x > 0, x, _slopes(x, weight) * x)


@vjp(
    prelu,
    wrt=("x", "weight"),
    states=(r"\delta \circ ([x > 0] + w \, [x \le 0])", r"\sum \delta \circ \min(x, 0)"),
    source=torch("prelu"),
)
def prelu_vjp(delta, x, weight):
    """The second is summed over all axes but that of the channels."""
    others = (0, *range(2, x.ndim))
    return jnp.where(x > 0, delta, _slopes(x, weight) * delta), (delta * _nonpositive(x)).sum(others)


@checked
def rrelu(x: Kinked, a: Real) -> Real:
    """z = x where it is positive, and a x elsewhere, a slope for each entry.

    In training it is drawn uniformly, between 1/8 and 1/3 as a rule; in evaluation it is the mean of the two.
    """
    return jnp.where(x > 0, x, a * x)


@vjp(
    rrelu,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = \delta \circ ([x > 0] + a \, [x \le 0])",
    source=torch("rrelu"),
)
def rrelu_vjp_x(delta, x, a):
    """The cotangent where x is positive, a times it elsewhere."""
    return jnp.where(x > 0, delta, a * delta)
