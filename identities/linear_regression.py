"""Linear regression by hand-derived formulas: loss, gradient, Hessian, closed form, gradient descent."""


import jax
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian
from identities.signature import checked
from identities.sources import notes

Parameters = Float[Array, "p"]
Design = Float[Array, "n p"]
Targets = Float[Array, "n"]


@checked
def mean_squared_error(theta: Parameters, X: Design, Y: Targets) -> Float[Array, ""]:
    """J = ||Y - X theta||^2 / n; X of shape (n, p) holds its column of ones, if it is to have an intercept."""
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
    return (2 / X.shape[0]) * ((X @ theta - Y) @ X)


@hessian(
    mean_squared_error,
    wrt="theta",
    states=r"\frac{\partial^2 J}{\partial \theta^2} = \frac{2}{n} X^\top X",
    source=notes("regression"),
)
@jax.jit
def mean_squared_error_hessian_theta(theta, X, Y):
    """Constant in theta, shape (p, p)."""
    return (2 / X.shape[0]) * (X.T @ X)
