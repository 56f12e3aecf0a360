"""Functions of each entry by itself, and of entries of several arrays."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from identities.domains import Domain
from identities.oracle.asking import claim
from tests.reports.corpus import of_claim, vjp


def modulated(x, y):
    return jnp.sin(x) * y


by_amplitude = vjp("jax-ml/jax#3213", modulated, "y", "(n),(n)->(n)", lambda g, x, y: g * np.sin(x))
by_amplitude.wrong("sign", lambda g, x, y: -g * np.sin(x))

pushed = of_claim(
    "jax-ml/jax#3213",
    claim("jvp", modulated, ("x", "y"), "(n),(n)->(n)", None),
    lambda x, y, dx, dy: y * np.cos(x) * dx + np.sin(x) * dy,
)
pushed.wrong("sign", lambda x, y, dx, dy: y * np.cos(x) * dx - np.sin(x) * dy)


def squared_difference(x, y):
    return (x - y) ** 2


difference = vjp(
    "SciSharp/TensorFlow.NET#787", squared_difference, "x", "(n),(n)->(n)", lambda g, x, y: 2 * (x - y) * g
)
difference.wrong("returned", lambda g, x, y: x)

relu = of_claim("haifengl/smile#528", "relu_vjp", lambda g, x: np.where(x > 0, g, 0))
relu.wrong("cotangent", lambda g, x: (x > 0).astype(x.dtype))


def elu(x):
    return jnp.where(x > 0, x, 1.5 * jnp.expm1(x))


by_output = vjp("mlpack/mlpack#1540", elu, "x", "(n)->(n)", lambda g, x: g * np.where(x > 0, 1, 1.5 * np.exp(x)))
by_output.wrong("other-argument", lambda g, x: g * np.where(x > 0, 1, x + 1.5))


def mish(x):
    return x * jnp.tanh(jax.nn.softplus(x))


def mish_backward(with_cube):
    """The quotient of two polynomials in exp(x), for positive x in exp(-x)."""

    def backward(g, x):
        e = np.exp(-np.abs(x))
        below = e * (4 * (x + 1) + (4 * x + 6) * e + 4 * e**2 + with_cube * e**3) / (2 + 2 * e + e**2) ** 2
        above = (4 * (x + 1) * e**3 + (4 * x + 6) * e**2 + 4 * e + with_cube) / (1 + 2 * e + 2 * e**2) ** 2
        return g * np.where(x > 0, above, below)

    return backward


def mish_backward_that_overflows(g, x):
    e = np.exp(x)
    return g * e * (4 * (x + 1) + (4 * x + 6) * e + 4 * e**2 + e**3) / (2 + 2 * e + e**2) ** 2


quotient = vjp("explosion/thinc#578", mish, "x", "(n)->(n)", mish_backward(1))
quotient.wrong("missing-term", mish_backward(0))
quotient.wrong("non-finite", mish_backward_that_overflows)  # which is how the report was mended


def cube(x):
    return x**3


def by_logarithms(g, x):
    with np.errstate(all="ignore"):
        return np.where(x > 0, 3 * g * np.exp(2 * np.log(x)), np.inf)


power = vjp("tenstorrent/tt-metal#54440", cube, "x", "(n)->(n)", lambda g, x: 3 * x**2 * g)
power.wrong("non-finite", by_logarithms)


def hardswish(x):
    return x * jnp.clip(x + 3, 0, 6) / 6


kinks = vjp(
    "pytorch/pytorch#147801",
    hardswish,
    "x",
    "(n)->(n)",
    lambda g, x: g * np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1)),
)
kinks.convention(
    "at a kink the slope of either side is as good: the report is of -1/2 at -3, and of 3/2 at 3",
    lambda g, x: g * np.where(x < -3, 0, np.where(x <= 3, x / 3 + 0.5, 1)),
)


def swiglu(e, g):
    return jax.nn.silu(e) * g


gated = vjp(
    "unslothai/unsloth#3314", swiglu, "e", "(n),(n)->(n)", lambda d, e, g: d * g * expit(e) * (1 + e * expit(-e))
)
gated.wrong("other-argument", lambda d, e, g: d * e * expit(e))


def moved_exponential(z, c):
    return jnp.exp(z) + c


broadcast = vjp("pytorch/pytorch#13669", moved_exponential, "z", "(),(n)->(n)", lambda g, z, c: g.sum() * np.exp(z))
broadcast.wrong("reduction", lambda g, z, c: g * np.exp(z))


def doubled_in_place(g, x):
    g *= 2 * x
    return g


square = of_claim("unslothai/unsloth#4550", "square_vjp", lambda g, x: 2 * x * g, strict=True)
square.wrong("mutates-arguments", doubled_in_place)


def sigmoid(x):
    return jax.nn.sigmoid(x)


def in_steps(g, x):
    """Rounded after every step, so that 1 - y is nothing where y is nearly 1."""
    y = (1 / (1 + np.exp(-x))).astype(x.dtype)
    return (g * (y * (1 - y)).astype(x.dtype)).astype(x.dtype)


def rounded_once(g, x):
    wide = x.astype(np.float64)
    return (g * expit(wide) * expit(-wide)).astype(x.dtype)


seven_and_more = Domain("every entry at least seven", lambda z: 7 + np.abs(z), lambda x: (x >= 7).all())
saturated = of_claim(
    "tenstorrent/tt-metal#56358",
    claim("vjp", sigmoid, "x", "(n)->(n)", {"x": seven_and_more}),
    rounded_once,
    dtypes=("bfloat16",),
)
saturated.convention("JAX's own derivative is y (1 - y) too, and 0 in bfloat16 from 7 on", in_steps)
