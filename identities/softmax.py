"""Softmax, the logarithm of its denominator, and the cross entropy of its output.

All of it stays right for logits of any size: exponentials are only taken of differences from the
largest logit, and logarithms never of a softmax.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian, jvp, vjp
from identities.checking import checked
from identities.domains import distribution, row_by_row
from identities.sources import notes, torch

Vector: TypeAlias = Float[Array, " n"]
Rows: TypeAlias = Annotated[Float[Array, "... n"], row_by_row]
Distribution: TypeAlias = Annotated[Vector, distribution]


@checked
def softmax(x: Rows) -> Rows:
    """z = e^x / sum(e^x), along the last axis."""
    return jax.nn.softmax(x)


@jacobian(softmax, states=r"\frac{\partial z}{\partial x} = \operatorname{diag}(z) - z z^\top", source=notes(7))
def softmax_jacobian(x: Vector):
    """With z the softmax of x, shape (n, n): symmetric, each row sums to zero."""
    z = jax.nn.softmax(x)
    return jnp.diag(z) - jnp.outer(z, z)


def pulled_back(delta, x):
    """z * (delta - <delta, z>), along the last axis; the cotangent may be the same for all rows."""
    e = jnp.exp(x - x.max(-1, keepdims=True))  # z = e / sum(e); left undivided, one pass gives both sums
    total = e.sum(-1, keepdims=True)
    return e * (delta - (delta * e).sum(-1, keepdims=True) / total) / total


@vjp(
    softmax,
    states=r"\frac{\partial J}{\partial x} = z \circ (\delta - \langle \delta, z \rangle)",
    source=(notes(7), torch("softmax")),
    saves="z",
)
def softmax_vjp(delta, x):
    """The Jacobian applied to a cotangent in O(n), row by row."""
    return pulled_back(delta, x)


@jvp(softmax, states=r"dz = z \circ (dx - \langle z, dx \rangle)", source=(notes(7), torch("softmax")))
def softmax_jvp(x, v):
    """The Jacobian applied to a tangent in O(n), row by row."""
    return pulled_back(v, x)


@checked
def log_softmax(x: Rows) -> Rows:
    """z = ln softmax(x), along the last axis."""
    return jax.nn.log_softmax(x)


@vjp(
    log_softmax,
    states=r"\frac{\partial J}{\partial x} = \delta - e^z \textstyle\sum_i \delta_i",
    source=torch("log_softmax"),
    saves="z",
)
def log_softmax_vjp(delta, x):
    """The cotangent less its sum times the softmax, row by row."""
    return delta - delta.sum(-1, keepdims=True) * jax.nn.softmax(x)


@jvp(log_softmax, states=r"dz = dx - \langle e^z, dx \rangle", source=torch("log_softmax"))
def log_softmax_jvp(x, v):
    """The tangent less its mean, weighted with the softmax, row by row."""
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return v - (e * v).sum(-1, keepdims=True) / e.sum(-1, keepdims=True)


@checked
def logsumexp(x: Vector) -> Float[Array, ""]:
    """z = ln sum(e^x)."""
    return jax.nn.logsumexp(x)


@jacobian(
    logsumexp,
    states=r"\frac{\partial}{\partial x} \ln \textstyle\sum_i e^{x_i} = \operatorname{softmax}(x)^\top",
    source=notes(7),
)
def logsumexp_jacobian(x):
    """The softmax, shape (n,)."""
    return jax.nn.softmax(x)


@hessian(
    logsumexp,
    states=r"\frac{\partial^2}{\partial x^2} \ln \textstyle\sum_i e^{x_i}"
    r" = \operatorname{diag}(z) - z z^\top",
    source=notes(7),
)
def logsumexp_hessian(x):
    """The Jacobian of the softmax z, shape (n, n)."""
    return softmax_jacobian(x)


@checked
def softmax_cross_entropy(theta: Vector, y: Vector) -> Float[Array, ""]:
    """J = -sum(y ln yhat), where yhat is the softmax of the logits theta and y the target.

    The target is usually a probability distribution, often one-hot, but need not be.
    """
    return -(y @ jax.nn.log_softmax(theta))


@jacobian(
    softmax_cross_entropy,
    wrt="theta",
    states=r"\frac{\partial J}{\partial \theta} = (\hat{y} - y)^\top",
    source=notes(7),
)
def softmax_cross_entropy_jacobian_theta(theta, y: Distribution):
    """Prediction minus target, shape (n,); only for a target that sums to one.

    The derivative is (sum(y) yhat - y)^T, which `softmax_cross_entropy_jacobian_theta_any_y` gives
    for every target. Under `jit`, where the sum cannot be checked, a target of another sum gets yhat - y.
    """
    return jax.nn.softmax(theta) - y


@jacobian(
    softmax_cross_entropy,
    wrt="theta",
    states=r"\frac{\partial J}{\partial \theta} = \left(\textstyle\sum_i y_i \hat{y} - y\right)^\top",
    source=notes(7),
)
def softmax_cross_entropy_jacobian_theta_any_y(theta, y):
    """Prediction, weighted with the sum of the target, minus target, shape (n,)."""
    return y.sum() * jax.nn.softmax(theta) - y


@jacobian(
    softmax_cross_entropy, wrt="y", states=r"\frac{\partial J}{\partial y} = -(\ln \hat{y})^\top", source=notes(7)
)
def softmax_cross_entropy_jacobian_y(theta, y):
    """Minus the log-probabilities, shape (n,)."""
    return -jax.nn.log_softmax(theta)


@hessian(
    softmax_cross_entropy,
    wrt="theta",
    states=r"\frac{\partial^2 J}{\partial \theta^2} = \operatorname{diag}(\hat{y}) - \hat{y} \hat{y}^\top",
    source=notes(7),
)
def softmax_cross_entropy_hessian_theta(theta, y: Distribution):
    """The Jacobian of the softmax, shape (n, n), whatever the target; for one that sums to one."""
    return softmax_jacobian(theta)
