"""The notes' identity (4), functions applied entry by entry: their derivatives, on the diagonal of a matrix.

I is the identity matrix: z_i depends on x_i alone.
"""

import jax
import jax.numpy as jnp

from identities.derivation import derivation, derivative, equation, function


@derivation
def sigmoid_jacobian(x):
    """The derivative in terms of the value itself."""
    I, e = jnp.eye(x.shape[0]), jnp.exp(-x)
    yield function(r"z_i = \sigma(x_i) = \frac{1}{1 + e^{-x_i}}", 1 / (1 + e))
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = I_{ij} \frac{e^{-x_i}}{(1 + e^{-x_i})^2}",
        I * (e / (1 + e) ** 2),
        "the derivative of a reciprocal: minus that of the denominator, -e^-x, over its square",
    )
    z = 1 / (1 + e)
    yield equation(
        r"1 - z_i = \frac{e^{-x_i}}{1 + e^{-x_i}} = \frac{1}{1 + e^{x_i}} = \sigma(-x_i)",
        1 - z,
        1 / (1 + jnp.exp(x)),
        "over the common denominator",
    )
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = I_{ij} z_i (1 - z_i)", I * (z * jax.nn.sigmoid(-x)), "one factor each"
    )
    yield derivative(
        r"\frac{\partial z}{\partial x} = \operatorname{diag}(\sigma(x) (1 - \sigma(x)))",
        jnp.diag(jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)),
        "as a matrix",
    )


@derivation
def tanh_jacobian(x):
    """The quotient rule."""
    I, c, s = jnp.eye(x.shape[0]), jnp.cosh(x), jnp.sinh(x)
    yield function(r"z_i = \tanh x_i = \frac{\sinh x_i}{\cosh x_i}", s / c)
    yield equation(r"\cosh^2 x_i = 1 + \sinh^2 x_i", c**2, 1 + s**2, "their difference is a product, of e^-x and e^x")
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = I_{ij} \frac{\cosh^2 x_i - \sinh^2 x_i}{\cosh^2 x_i}"
        r" = I_{ij} \frac{1}{\cosh^2 x_i}",
        I / c**2,
        "quotient rule; each of the two is the derivative of the other",
    )
    z = s / c
    yield derivative(r"= I_{ij} (1 - z_i^2)", I * ((1 - z) * (1 + z)), "divided through")
    yield derivative(
        r"\frac{\partial z}{\partial x} = \operatorname{diag}(1 - \tanh^2 x)",
        jnp.diag((1 - jnp.tanh(x)) * (1 + jnp.tanh(x))),
        "as a matrix",
    )


@derivation
def silu_jacobian(x):
    """The product rule, and the derivative of the sigmoid."""
    I, s = jnp.eye(x.shape[0]), jax.nn.sigmoid(x)
    yield function(r"z_i = x_i \sigma(x_i)", x * s)
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = I_{ij} (\sigma(x_i) + x_i \sigma'(x_i))",
        I * (s + x * jax.vmap(jax.grad(jax.nn.sigmoid))(x)),
        "product rule (the derivative of the sigmoid by automatic differentiation)",
    )
    yield derivative(
        r"= I_{ij} (\sigma(x_i) + x_i \sigma(x_i) (1 - \sigma(x_i)))", I * (s + x * s * (1 - s)), "that of the sigmoid"
    )
    yield derivative(r"= I_{ij} \sigma(x_i) (1 + x_i (1 - \sigma(x_i)))", I * (s * (1 + x * (1 - s))), "factored out")


@derivation
def gelu_jacobian(x):
    """The product rule, with the normal distribution and its density."""
    I, tail = jnp.eye(x.shape[0]), jax.scipy.special.ndtr(x)
    yield function(r"z_i = x_i \Phi(x_i)", x * tail, "weighted with the normal distribution function")
    density = jnp.exp(-x * x / 2) / jnp.sqrt(2 * jnp.pi)
    yield equation(
        r"\Phi'(x_i) = \varphi(x_i) = \frac{1}{\sqrt{2 \pi}} e^{-x_i^2 / 2}",
        jax.vmap(jax.grad(jax.scipy.special.ndtr))(x),
        density,
        "a distribution function is the integral of its density (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = I_{ij} (\Phi(x_i) + x_i \varphi(x_i))",
        I * (tail + x * density),
        "product rule",
    )
