"""Softmax, the logarithm of its denominator, and the notes' identity (7), the cross entropy of its output."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.derivation import derivation, derivative, equation, function


@derivation
def softmax_jacobian(x):
    """The quotient rule, twice over: for the entry itself and for the others."""
    yield function(r"z_i = \frac{e^{x_i}}{\sum_k e^{x_k}}", jnp.exp(x) / jnp.exp(x).sum())
    e = jnp.exp(x - x.max())
    s = e.sum()
    yield function(
        r"= \frac{e_i}{s}, \quad e_i = e^{x_i - m}, \quad s = \sum_k e_k",
        e / s,
        "e^-m in numerator and denominator, m the largest entry, so that nothing overflows",
    )
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = \frac{I_{ij} e_i s - e_i e_j}{s^2}",
        (I * e * s - jnp.outer(e, e)) / s**2,
        "quotient rule: e_i moves with x_i alone, and s with every x_j, by e_j",
    )
    z = e / s
    yield derivative(r"= I_{ij} z_i - z_i z_j", I * z - z[:, None] * z, "divided through by s")
    yield derivative(
        r"\frac{\partial z}{\partial x} = \operatorname{diag}(z) - z z^\top",
        jnp.diag(z) - jnp.outer(z, z),
        "as matrices",
    )


@derivation
def softmax_vjp(delta, x: Float[Array, " n"]):
    """The Jacobian times a cotangent, without the Jacobian."""
    z = jax.nn.softmax(x)
    jacobian = jnp.diag(z) - jnp.outer(z, z)
    yield derivative(
        r"\frac{\partial J}{\partial x_j} = \sum_i \delta_i \frac{\partial z_i}{\partial x_j}"
        r" = \sum_i \delta_i (I_{ij} z_i - z_i z_j)",
        delta @ jacobian,
        "chain rule over all entries of z, with the Jacobian of the softmax",
    )
    yield derivative(r"= \delta_j z_j - z_j \sum_i \delta_i z_i", delta * z - z * jnp.sum(delta * z), "two sums")
    yield derivative(
        r"\frac{\partial J}{\partial x} = z \circ (\delta - \langle \delta, z \rangle)",
        z * (delta - delta @ z),
        "factored out: one sum for all entries",
    )


@derivation
def logsumexp_jacobian(x):
    """The logarithm of the softmax's denominator, whose derivative is the softmax."""
    yield function(r"z = \ln \sum_i e^{x_i}", jnp.log(jnp.exp(x).sum()))
    m = x.max()
    e = jnp.exp(x - m)
    yield function(r"= m + \ln \sum_i e^{x_i - m}", m + jnp.log(e.sum()), "m the largest entry: nothing overflows")
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial z}{\partial x_j} = \frac{1}{\sum_k e^{x_k}} \sum_i e^{x_i} I_{ij}",
        (e @ I) / e.sum(),
        "chain rule: the derivative of a logarithm is the reciprocal; e^-m cancels",
    )
    yield derivative(r"= \frac{e^{x_j}}{\sum_k e^{x_k}}", e / e.sum(), "of the sum, the term i = j is left")
    yield derivative(r"= \operatorname{softmax}(x)_j", jax.nn.softmax(x))


@derivation
def softmax_cross_entropy_jacobian_theta(theta, y):
    """The logarithm meets the exponential, and what is left is a difference."""
    yhat = jax.nn.softmax(theta)
    yield function(
        r"J = -\sum_i y_i \ln \hat{y}_i, \quad \hat{y} = \operatorname{softmax}(\theta)", -jnp.sum(y * jnp.log(yhat))
    )
    L = jax.nn.logsumexp(theta)
    yield function(
        r"= -\sum_i y_i (\theta_i - L), \quad L = \ln \sum_k e^{\theta_k}",
        -jnp.sum(y * (theta - L)),
        "the logarithm of a quotient",
    )
    yield equation(
        r"\frac{\partial L}{\partial \theta_j} = \hat{y}_j",
        jax.grad(jax.nn.logsumexp)(theta),
        yhat,
        "see logsumexp_jacobian (the left side by automatic differentiation)",
    )
    I = jnp.eye(theta.shape[0])
    yield derivative(
        r"\frac{\partial J}{\partial \theta_j} = -\sum_i y_i (I_{ij} - \hat{y}_j)", -(y @ (I - yhat)), "term by term"
    )
    yield derivative(
        r"= \left(\sum_i y_i\right) \hat{y}_j - y_j", y.sum() * yhat - y, "of the first sum, the term i = j is left"
    )
    yield derivative(r"= \hat{y}_j - y_j", yhat - y, "y is a distribution: its entries sum to one")


@derivation
def softmax_cross_entropy_jacobian_theta_any_y(theta, y):
    """The same by way of the softmax's Jacobian; the target need not sum to one."""
    yhat = jax.nn.softmax(theta)
    yield function(r"J = -\sum_i y_i \ln \hat{y}_i", -jnp.sum(y * jnp.log(yhat)))
    I = jnp.eye(theta.shape[0])
    yield derivative(
        r"\frac{\partial J}{\partial \theta_j}"
        r" = -\sum_i \frac{y_i}{\hat{y}_i} \frac{\partial \hat{y}_i}{\partial \theta_j}"
        r" = -\sum_i \frac{y_i}{\hat{y}_i} \hat{y}_i (I_{ij} - \hat{y}_j)",
        -((y / yhat) @ (yhat[:, None] * (I - yhat))),
        "chain rule, with the Jacobian of the softmax",
    )
    yield derivative(
        r"= -\sum_i y_i (I_{ij} - \hat{y}_j)", -(y @ (I - yhat)), "the prediction cancels: nothing is divided by it"
    )
    yield derivative(r"= \left(\sum_i y_i\right) \hat{y}_j - y_j", y.sum() * yhat - y, "multiplied out")
