"""The mean squared error of a linear model, its gradient and its Hessian, each at the speed of memory."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian
from identities.checking import checked
from identities.sources import notes

Parameters = Float[Array, " p"]
Design = Float[Array, "n p"]
Targets = Float[Array, " n"]


def _leaves_the_caches(X: Design) -> bool:
    """Whether X is of the size and the shape for which reductions beat XLA's matrix products on a CPU.

    They are spread over its cores, which a product with a vector is not; but they lose where X is in the caches,
    where it is not tall, and in float32 by a factor of six where its rows are shorter than a vector register or two.
    """
    n, p = X.shape
    return n * p >= 1 << 22 and n >= 64 * p and p >= 32


def multipliable(n: int, dtype: Any) -> tuple[float, float]:
    """From which to which length columns of n entries have products with all their digits.

    Products do not overflow; nor do those with a residual underflow that is as small as the rounding of a column.
    """
    limits = jnp.finfo(dtype)
    return math.sqrt(n * float(limits.tiny)) / float(limits.eps), math.sqrt(float(limits.max))


def residual(theta: Float[Array, " p *m"], X: Design, Y: Float[Array, " n *m"]) -> Float[Array, " n *m"]:
    """Y - X theta, for one target or several columns of them."""
    if Y.ndim > 1 or not _leaves_the_caches(X):
        return Y - X @ theta
    # What follows must not compute the residual anew for every column of X.
    return jax.lax.optimization_barrier(Y - (X * theta).sum(axis=1))


def pull_back(X: Design, r: Float[Array, " n *m"]) -> Float[Array, " p *m"]:
    """X^T r, for one column or several of them."""
    if r.ndim > 1:
        return X.T @ r
    return (r[:, None] * X).sum(axis=0) if _leaves_the_caches(X) else r @ X


def gram(X: Design) -> Float[Array, "p p"]:
    """X^T X; of a large X as a sum over quarters of its rows, which run side by side."""
    n, p = X.shape
    if n % 4 or not _leaves_the_caches(X):
        return X.T @ X
    quarters = X.reshape(4, n // 4, p)
    return jnp.einsum("kni,knj->kij", quarters, quarters).sum(axis=0)


@checked
@jax.jit
def mean_squared_error(theta: Parameters, X: Design, Y: Targets) -> Float[Array, ""]:
    """J = ||Y - X theta||^2 / n; X, shape (n, p), holds its column of ones if there is to be an intercept."""
    residual = X @ theta - Y
    return residual @ residual / X.shape[0]


@jacobian(
    mean_squared_error,
    wrt="theta",
    states=r"\frac{\partial J}{\partial \theta} = -\frac{2}{n} (Y - X \theta)^\top X",
    source=notes(
        "regression",
        erratum="printed as 2 (Y - X theta)^T (-X), without the 1/n of the loss; the stationary point is unaffected",
    ),
)
@jax.jit
def mean_squared_error_jacobian_theta(theta, X, Y):
    """The gradient as a row, shape (p,)."""
    return (-2 / X.shape[0]) * pull_back(X, residual(theta, X, Y))


@hessian(
    mean_squared_error,
    wrt="theta",
    states=r"\frac{\partial^2 J}{\partial \theta^2} = \frac{2}{n} X^\top X",
    source=notes("regression"),
)
@jax.jit
def mean_squared_error_hessian_theta(theta, X, Y):
    """Constant in theta, shape (p, p)."""
    return (2 / X.shape[0]) * gram(X)
