"""Linear regression by hand-derived formulas: loss, gradient, Hessian, closed form, gradient descent."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from identities.catalog import hessian, jacobian
from identities.signature import arguments, check, checked
from identities.sources import notes

Parameters = Float[Array, "p"]
Design = Float[Array, "n p"]
Targets = Float[Array, "n"]


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


@checked
@jax.jit
def closed_form(X: Design, Y: Targets) -> Parameters:
    """The parameters of least loss, (X^T X)^-1 X^T Y, shape (p,); X needs full column rank.

    Computed by an orthogonal factorisation, X = QR, which squares no condition number.
    """
    Q, R = jnp.linalg.qr(X)
    return jax.scipy.linalg.solve_triangular(R, Y @ Q)


class Descent(NamedTuple):
    """Where gradient descent ended.

    **Fields:**

    - `theta`: the parameters, shape (p,).
    - `steps`: how many were taken.
    - `gradient_norm`: the Euclidean norm of the loss's gradient at `theta`.
    - `converged`: whether that norm came down to the tolerance.
    """

    theta: Float[Array, "p"]
    steps: Int[Array, ""]
    gradient_norm: Float[Array, ""]
    converged: Bool[Array, ""]


def gradient_descent(
    X: Float[Array, "n p"], Y: Float[Array, "n"], *, tol: float | None = None, max_steps: int = 100_000
) -> Descent:
    """The parameters of least loss by gradient descent from zero, theta <- theta - g / L.

    L, the largest eigenvalue of the Hessian, is the steepest slope that the gradient g can have; the
    step 1/L therefore never overshoots. The error of the result is at most its gradient norm over the
    Hessian's smallest eigenvalue.

    **Arguments:**

    - `tol`: stop when the gradient's norm is at most `tol` times what it is at zero; by default 32
      times the spacing of the dtype.
    - `max_steps`: stop then anyway, with `converged` false.
    """
    check("gradient_descent", arguments(closed_form), {"X": X, "Y": Y})
    if tol is None:
        tol = 32 * float(jnp.finfo(jnp.result_type(X, Y)).eps)
    return _descend(X, Y, tol, max_steps)


@jax.jit
def _descend(X: Design, Y: Targets, tol: Float[Array, ""], max_steps: Int[Array, ""]) -> Descent:
    hessian = mean_squared_error_hessian_theta(jnp.zeros_like(X[0]), X, Y)
    at_zero = mean_squared_error_jacobian_theta(jnp.zeros_like(X[0]), X, Y)
    step = 1 / jnp.linalg.eigvalsh(hessian)[-1]
    enough = tol * jnp.linalg.norm(at_zero)

    def unfinished(state):
        _, gradient, steps = state
        return (jnp.linalg.norm(gradient) > enough) & (steps < max_steps)

    def descend(state):
        theta, gradient, steps = state
        theta = theta - step * gradient
        # On the Hessian, a step costs O(p^2) where on X it would cost O(np).
        return theta, at_zero + hessian @ theta, steps + 1

    theta, gradient, steps = jax.lax.while_loop(unfinished, descend, (jnp.zeros_like(X[0]), at_zero, jnp.int32(0)))
    norm = jnp.linalg.norm(gradient)
    return Descent(theta, steps, norm, norm <= enough)
