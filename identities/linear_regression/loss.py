"""The mean squared error of a linear model, its gradient and its Hessian, each at the speed of memory."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian
from identities.signature import checked
from identities.sources import notes

Parameters = Float[Array, "p"]
Design = Float[Array, "n p"]
Targets = Float[Array, "n"]

# From this many entries of X on, reductions beat matrix products.
_LARGE = 1 << 20


def residual(theta: Float[Array, "p *m"], X: Design, Y: Float[Array, "n *m"]) -> Float[Array, "n *m"]:
    """Y - X theta, for one target or several columns of them.

    Products with a large X are written as reductions here, which XLA spreads over the cores of a CPU and
    runs at the speed of memory; a matrix-vector product it does not.
    """
    if X.size < _LARGE or Y.ndim > 1:
        return Y - X @ theta
    # What follows must not compute the residual anew for every column of X.
    return jax.lax.optimization_barrier(Y - (X * theta).sum(axis=1))


def pull_back(X: Design, r: Float[Array, "n *m"]) -> Float[Array, "p *m"]:
    """X^T r, as fast as `residual`."""
    if r.ndim > 1:
        return X.T @ r
    return r @ X if X.size < _LARGE else (r[:, None] * X).sum(axis=0)


def gram(X: Design) -> Float[Array, "p p"]:
    """X^T X; of a large and tall X as a sum over quarters of its rows, which run side by side."""
    n, p = X.shape
    if X.size < _LARGE or n % 4 or n < 64 * p:
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
