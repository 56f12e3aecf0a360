"""Linear regression, from the loss to the normal equations and to how their solution moves with the data."""

import jax
import jax.numpy as jnp

from identities.derivation import derivation, derivative, equation, function, misprint


@derivation
def mean_squared_error_jacobian_theta(theta, X, Y):
    """From the loss to its gradient, which is zero where the normal equations hold."""
    n, r = X.shape[0], Y - X @ theta
    yield function(
        r"J = \frac{1}{n} \sum_i \left(Y_i - \sum_j X_{ij} \theta_j\right)^2", jnp.mean(r**2), "the mean of the squares"
    )
    yield function(
        r"= \frac{1}{n} \lVert r \rVert^2, \quad r = Y - X \theta", r @ r / n, "with the residual r, as a squared norm"
    )
    yield equation(
        r"\frac{\partial r_i}{\partial \theta_j} = -X_{ij}",
        jax.jacobian(lambda theta: Y - X @ theta)(theta),
        -X,
        "identity (1): the residual is linear in theta (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial J}{\partial \theta_j} = \frac{1}{n} \sum_i 2 r_i \frac{\partial r_i}{\partial \theta_j}",
        jnp.sum(2 * r[:, None] * -X, axis=0) / n,
        "identity (8) and the chain rule",
    )
    yield derivative(
        r"\frac{\partial J}{\partial \theta} = \frac{2}{n} (Y - X \theta)^\top (-X)",
        2 / n * r @ -X,
        "a sum over the index of a row is a product with it",
    )
    yield misprint(
        derivative(
            r"\frac{\partial J}{\partial \theta} = 2 (Y - X \theta)^\top (-X)",
            2 * r @ -X,
            "as the notes print it: the 1/n of the loss is lost",
        )
    )
    yield derivative(
        r"\frac{\partial J}{\partial \theta} = -\frac{2}{n} (Y - X \theta)^\top X", -2 / n * r @ X, "the sign in front"
    )
    yield equation(
        r"-\frac{n}{2} \left(\frac{\partial J}{\partial \theta}\right)^\top = X^\top Y - X^\top X \theta",
        -n / 2 * (-2 / n * r @ X),
        X.T @ Y - X.T @ X @ theta,
        "zero where the normal equations hold, that both terms are equal; the lost factor makes no difference to that",
    )


@derivation
def mean_squared_error_hessian_theta(theta, X, Y):
    """The gradient is linear in theta."""
    n = X.shape[0]
    yield equation(
        r"\frac{\partial J}{\partial \theta_j} = -\frac{2}{n} \sum_i (Y_i - \sum_k X_{ik} \theta_k) X_{ij}",
        jax.grad(lambda theta: jnp.mean((Y - X @ theta) ** 2))(theta),
        -2 / n * (Y - X @ theta) @ X,
        "see mean_squared_error_jacobian_theta (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial^2 J}{\partial \theta_k \partial \theta_j} = \frac{2}{n} \sum_i X_{ik} X_{ij}",
        2 / n * jnp.einsum("ik,ij->jk", X, X),
        "of the residual, theta_k is in the term -X_ik theta_k alone",
    )
    yield derivative(
        r"\frac{\partial^2 J}{\partial \theta^2} = \frac{2}{n} X^\top X", 2 / n * X.T @ X, "as a matrix product"
    )


@derivation
def normal_equations_jvp_X_Y(X, Y, dX, dY):
    """Both sides of the normal equations are differentiated, and solved for the tangent of theta."""
    G, theta = X.T @ X, jnp.linalg.solve(X.T @ X, X.T @ Y)
    yield function(r"\theta = (X^\top X)^{-1} X^\top Y", theta, "X has full column rank")
    yield equation(r"X^\top X \theta = X^\top Y", G @ theta, X.T @ Y, "which theta solves: the normal equations")
    _, dtheta = jax.jvp(lambda X, Y: jnp.linalg.solve(X.T @ X, X.T @ Y), (X, Y), (dX, dY))
    yield equation(
        r"(dX^\top X + X^\top dX) \theta + X^\top X \, d\theta = dX^\top Y + X^\top dY",
        (dX.T @ X + X.T @ dX) @ theta + G @ dtheta,
        dX.T @ Y + X.T @ dY,
        "product rule on both sides (d theta by automatic differentiation)",
    )
    yield derivative(
        r"d\theta = (X^\top X)^{-1} \left(dX^\top Y + X^\top dY - dX^\top X \theta - X^\top dX \, \theta\right)",
        jnp.linalg.solve(G, dX.T @ Y + X.T @ dY - dX.T @ X @ theta - X.T @ dX @ theta),
        "solved for d theta",
    )
    yield derivative(
        r"= (X^\top X)^{-1} \left(dX^\top (Y - X \theta) + X^\top (dY - dX \, \theta)\right)",
        jnp.linalg.solve(G, dX.T @ (Y - X @ theta) + X.T @ (dY - dX @ theta)),
        "the terms with dX^T, and those with X^T",
    )


@derivation
def normal_equations_vjp_Y(delta, X, Y):
    """The solution is linear in the targets."""
    G = X.T @ X
    yield function(r"\theta = (X^\top X)^{-1} X^\top Y", jnp.linalg.solve(G, X.T @ Y))
    yield derivative(
        r"\frac{\partial J}{\partial Y} = \delta \frac{\partial \theta}{\partial Y} = \delta (X^\top X)^{-1} X^\top",
        delta @ jnp.linalg.solve(G, X.T),
        "identity (1)",
    )
    w = jnp.linalg.solve(G, delta)
    yield derivative(
        r"\left(\frac{\partial J}{\partial Y}\right)^\top = X w, \quad w = (X^\top X)^{-1} \delta^\top",
        X @ w,
        "transposed, as a symmetric matrix has a symmetric inverse: one solve instead of as many as there are targets",
    )


@derivation
def normal_equations_vjp_X(delta, X, Y):
    """The differential of the solution, for a tangent that moves one entry of X."""
    G, theta = X.T @ X, jnp.linalg.solve(X.T @ X, X.T @ Y)
    w, r = jnp.linalg.solve(G, delta), Y - X @ theta
    yield function(r"\theta = (X^\top X)^{-1} X^\top Y", theta)
    I = jnp.eye(X.shape[1])
    yield derivative(
        r"\frac{\partial J}{\partial X_{ij}} = \sum_k w_k (I_{kj} r_i - X_{ik} \theta_j),"
        r" \quad w = (X^\top X)^{-1} \delta^\top, \quad r = Y - X \theta",
        jnp.einsum("k,kj,i->ij", w, I, r) - jnp.einsum("k,ik,j->ij", w, X, theta),
        "see normal_equations_jvp_X_Y, for a dX that is one in entry ij and zero elsewhere",
    )
    yield derivative(r"= r_i w_j - (Xw)_i \theta_j", r[:, None] * w - (X @ w)[:, None] * theta, "summed over k")
    yield derivative(
        r"\frac{\partial J}{\partial X} = (Y - X \theta) w^\top - X w \theta^\top",
        jnp.outer(r, w) - jnp.outer(X @ w, theta),
        "as outer products",
    )
