"""Functions applied entry by entry, each with its derivative, a plain function that works on arrays of any shape."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp

from identities.checking import checked
from identities.diagonal import Kinked, Real, closed_forms_of, elementwise
from identities.domains import above_minus_one, nonzero, positive
from identities.options import OneOf, Tried
from identities.sources import notes, torch

Positive: TypeAlias = Annotated[Real, positive]
Nonzero: TypeAlias = Annotated[Real, nonzero]
AboveMinusOne: TypeAlias = Annotated[Real, above_minus_one]
Beta: TypeAlias = Annotated[float, Tried(1.0, 2.0)]
Threshold: TypeAlias = Annotated[float, Tried(20.0, 3.25)]
Approximate: TypeAlias = Annotated[str, OneOf("none", "tanh")]

__getattr__ = closed_forms_of(__name__)


@checked
def exp(x: Real) -> Real:
    """z = e^x."""
    return jnp.exp(x)


@elementwise(exp, r"e^x", notes(4))
def exp_derivative(x):
    """The function itself."""
    return jnp.exp(x)


@checked
def expm1(x: Real) -> Real:
    """z = e^x - 1."""
    return jnp.expm1(x)


@elementwise(expm1, r"e^x", notes(4))
def expm1_derivative(x):
    """That of the exponential function."""
    return jnp.exp(x)


@checked
def log(x: Positive) -> Real:
    """z = ln x."""
    return jnp.log(x)


@elementwise(log, r"\frac{1}{x}", notes(4))
def log_derivative(x):
    """The reciprocal."""
    return 1 / x


@checked
def log1p(x: AboveMinusOne) -> Real:
    """z = ln(1 + x)."""
    return jnp.log1p(x)


@elementwise(log1p, r"\frac{1}{1 + x}", notes(4))
def log1p_derivative(x):
    """The reciprocal of 1 + x."""
    return 1 / (1 + x)


@checked
def sqrt(x: Positive) -> Real:
    """z = the square root of x."""
    return jnp.sqrt(x)


@elementwise(sqrt, r"\frac{1}{2 \sqrt{x}}", notes(4))
def sqrt_derivative(x):
    """Half the reciprocal of the square root."""
    return 0.5 / jnp.sqrt(x)


@checked
def rsqrt(x: Positive) -> Real:
    """z = the reciprocal of the square root of x."""
    return jax.lax.rsqrt(x)


@elementwise(rsqrt, r"-\frac{1}{2 x \sqrt{x}}", notes(4))
def rsqrt_derivative(x):
    """x^(-3/2), times minus one half."""
    return -0.5 * jax.lax.rsqrt(x) / x


@checked
def reciprocal(x: Nonzero) -> Real:
    """z = 1/x."""
    return 1 / x


@elementwise(reciprocal, r"-\frac{1}{x^2}", notes(4))
def reciprocal_derivative(x):
    """Minus the square of the reciprocal."""
    return -1 / (x * x)


@checked
def square(x: Real) -> Real:
    """z = x^2."""
    return x * x


@elementwise(square, r"2x", notes(4), exact=True)
def square_derivative(x):
    """Twice the argument."""
    return 2 * x


@checked
def sin(x: Real) -> Real:
    """z = sin x."""
    return jnp.sin(x)


@elementwise(sin, r"\cos x", notes(4))
def sin_derivative(x):
    """The cosine."""
    return jnp.cos(x)


@checked
def cos(x: Real) -> Real:
    """z = cos x."""
    return jnp.cos(x)


@elementwise(cos, r"-\sin x", notes(4))
def cos_derivative(x):
    """Minus the sine."""
    return -jnp.sin(x)


@checked
def arctan(x: Real) -> Real:
    """z = arctan x."""
    return jnp.arctan(x)


@elementwise(arctan, r"\frac{1}{1 + x^2}", notes(4))
def arctan_derivative(x):
    """The reciprocal of 1 + x^2."""
    return 1 / (1 + x * x)


@checked
def sinh(x: Real) -> Real:
    """z = sinh x."""
    return jnp.sinh(x)


@elementwise(sinh, r"\cosh x", notes(4))
def sinh_derivative(x):
    """The hyperbolic cosine."""
    return jnp.cosh(x)


@checked
def cosh(x: Real) -> Real:
    """z = cosh x."""
    return jnp.cosh(x)


@elementwise(cosh, r"\sinh x", notes(4))
def cosh_derivative(x):
    """The hyperbolic sine."""
    return jnp.sinh(x)


@checked
def tanh(x: Real) -> Real:
    """z = tanh x."""
    return jnp.tanh(x)


@elementwise(tanh, r"1 - \tanh^2 x", (notes(4), torch("tanh")))
def tanh_derivative(x):
    """One minus the square of the function, by the half angle.

    Which takes a quarter more time than (1 - tanh x)(1 + tanh x), and has half its error in the tails.
    """
    t = jnp.tanh(0.5 * x)
    q = (1 - t * t) / (1 + t * t)
    return q * q


@checked
def sigmoid(x: Real) -> Real:
    """z = 1 / (1 + e^-x), written sigma(x)."""
    return jax.nn.sigmoid(x)


@elementwise(sigmoid, r"\sigma(x) (1 - \sigma(x))", (notes(4), torch("sigmoid")))
def sigmoid_derivative(x):
    """The function times one minus the function."""
    z = jax.nn.sigmoid(x)
    return z * (1 - z)


@checked
def softplus(x: Real, beta: Beta = 1.0, threshold: Threshold = 20.0) -> Real:
    """z = ln(1 + e^(beta x)) / beta; where beta x is above the threshold, x itself."""
    return jnp.where(beta * x > threshold, x, jnp.logaddexp(beta * x, 0) / beta)


@elementwise(softplus, r"\sigma(\beta x)", (notes(4), torch("softplus")))
def softplus_derivative(x, beta=1.0, threshold=20.0):
    """The logistic sigmoid of beta x; above the threshold, one."""
    return jnp.where(beta * x > threshold, 1, jax.nn.sigmoid(beta * x))


@checked
def silu(x: Real) -> Real:
    """z = x sigma(x), also known as swish."""
    return jax.nn.silu(x)


@elementwise(silu, r"\sigma(x) (1 + x (1 - \sigma(x)))", (notes(4), torch("silu")))
def silu_derivative(x):
    """The product rule on x times the logistic sigmoid.

    1 - sigma, which x multiplies, is a quotient, since the difference cancels where x is large; at a tenth more time.
    """
    right = x >= 0
    e = jnp.exp(jnp.where(right, -x, x))
    larger = 1 / (1 + e)
    smaller = e * larger
    return jnp.where(right, larger, smaller) + x * (smaller * larger)


@checked
def erf(x: Real) -> Real:
    """z = the error function of x."""
    return jax.lax.erf(x)


@elementwise(erf, r"\frac{2}{\sqrt{\pi}} e^{-x^2}", notes(4))
def erf_derivative(x):
    """The Gaussian under the error function's integral."""
    return 2 / jnp.sqrt(jnp.pi).astype(x.dtype) * jnp.exp(-x * x)


def _logit(x):
    """Of the approximation of Phi: 2 sqrt(2 / pi) (x + 0.044715 x^3)."""
    return x * (1.5957691216057308 + 0.07135481627260025 * x * x)


def _near(x):
    """Beyond 32, where x^3 may overflow, Phi is zero or one in every dtype."""
    return jnp.clip(x, -32, 32)


@checked
def gelu(x: Real, approximate: Approximate = "none") -> Real:
    """z = x Phi(x), Phi the standard normal distribution function; approximately, by tanh, if asked for."""
    if approximate == "tanh":  # by way of a logarithm, so that nothing cancels in either tail, when differentiated too
        return x * jnp.exp(jax.nn.log_sigmoid(_logit(_near(x))))
    return jax.nn.gelu(x, approximate=False)


@elementwise(gelu, r"\Phi(x) + x \varphi(x)", (notes(4), torch("gelu")))
def gelu_derivative(x, approximate="none"):
    """The product rule on x Phi(x), where phi = Phi' is the standard normal density, or that of the approximation.

    That is Phi(x) = (1 + tanh u) / 2 = sigma(2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    if approximate == "tanh":
        x = _near(x)
        slope = 1.5957691216057308 + 0.21406444881780076 * x * x
        return jax.nn.sigmoid(_logit(x)) * (1 + x * jax.nn.sigmoid(-_logit(x)) * slope)
    s = -0.7071067811865476 * x  # 1 / sqrt(2)
    density = 0.3989422804014327 * jnp.exp(-(s * s))  # 1 / sqrt(2 pi)
    distribution = 0.5 * jax.lax.erfc(s)
    return distribution + x * density


@checked
def relu(x: Kinked) -> Real:
    """z = max(x, 0)."""
    return jax.nn.relu(x)


@elementwise(relu, r"[x > 0]", (notes(4), torch("relu")))
def relu_derivative(x):
    """One where x is positive, zero where it is negative; at zero, where there is none, zero."""
    return (x > 0).astype(x.dtype)


@checked
def absolute(x: Nonzero) -> Real:
    """z = |x|."""
    return jnp.abs(x)


@elementwise(absolute, r"\operatorname{sign} x", notes(4))
def absolute_derivative(x):
    """The sign; at zero, where there is no derivative, zero."""
    return jnp.sign(x)
