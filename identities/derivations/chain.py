"""The chain rule: Jacobians are multiplied, and the order in which that is done is the mode of differentiation."""

import jax
import jax.numpy as jnp

from identities.derivation import derivation, derivative, equation, function


@derivation
def composition_jacobian_x(A, B, x):
    """A general R^n -> R^k -> R^m, f(x) = sin(Bx) and g(y) = arctan(Ay)."""
    y = jnp.sin(B @ x)
    yield function(r"z = g(y), \quad y = f(x)", jnp.arctan(A @ y), "f(x) = sin(Bx), g(y) = arctan(Ay)")
    inner = jnp.cos(B @ x)[:, None] * B
    yield equation(
        r"\frac{\partial f_k}{\partial x_j} = \cos(Bx)_k B_{kj}",
        jax.jacobian(lambda x: jnp.sin(B @ x))(x),
        inner,
        "identities (4) and (1) (the left side by automatic differentiation)",
    )
    outer = A / (1 + (A @ y) ** 2)[:, None]
    yield equation(
        r"\frac{\partial g_i}{\partial y_k} = \frac{1}{1 + (Ay)_i^2} A_{ik}",
        jax.jacobian(lambda y: jnp.arctan(A @ y))(y),
        outer,
        "likewise, at y = f(x) and not at x (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j}"
        r" = \sum_k \frac{\partial g_i}{\partial y_k} \frac{\partial f_k}{\partial x_j}",
        jnp.sum(outer[:, :, None] * inner, axis=1),
        "x_j moves every y_k, and each of these moves z_i",
    )
    yield derivative(
        r"\frac{\partial z}{\partial x} = \frac{\partial g}{\partial f} \frac{\partial f}{\partial x}",
        outer @ inner,
        "a sum over an inner index is a matrix product",
    )


@derivation
def curve_jacobian(x):
    """The notes' R -> R^2 -> R^2, f(x) = (x^2, sin x) and g(a, b) = (ab, a + b), multiplied out."""
    a, b = x * x, jnp.sin(x)
    yield function(r"g(f(x)) = (ab, a + b), \quad a = x^2, \quad b = \sin x", jnp.stack([a * b, a + b]))
    inner = jnp.stack([2 * x, jnp.cos(x)])
    yield equation(
        r"\frac{\partial f}{\partial x} = (2x, \cos x)^\top",
        jax.jacobian(lambda x: jnp.stack([x * x, jnp.sin(x)]))(x),
        inner,
        "a column: two results, one argument (the left side by automatic differentiation)",
    )
    outer = jnp.stack([jnp.stack([b, a]), jnp.ones(2)])
    yield equation(
        r"\frac{\partial g_1}{\partial f} = (b, a), \quad \frac{\partial g_2}{\partial f} = (1, 1)",
        jax.jacobian(lambda y: jnp.stack([y[0] * y[1], y[0] + y[1]]))(jnp.stack([a, b])),
        outer,
        "a row for each result (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial g(f(x))}{\partial x} = \frac{\partial g}{\partial f} \frac{\partial f}{\partial x}",
        outer @ inner,
        "chain rule",
    )
    yield derivative(
        r"= (2x \sin x + x^2 \cos x, 2x + \cos x)^\top",
        jnp.stack([2 * x * jnp.sin(x) + x**2 * jnp.cos(x), 2 * x + jnp.cos(x)]),
        "multiplied out; the first is the product rule",
    )


@derivation
def composition_vjp_x(delta, A, B, x):
    """From left to right: back-propagation."""
    outer, inner = A / (1 + (A @ jnp.sin(B @ x)) ** 2)[:, None], jnp.cos(B @ x)[:, None] * B
    yield derivative(
        r"\frac{\partial J}{\partial x}"
        r" = \delta \left(\frac{\partial g}{\partial f} \frac{\partial f}{\partial x}\right)",
        delta @ (outer @ inner),
        "a row times a Jacobian, which is a product of two",
    )
    yield derivative(
        r"= \left(\delta \frac{\partial g}{\partial f}\right) \frac{\partial f}{\partial x}",
        (delta @ outer) @ inner,
        "products are associative: a row times a matrix, twice, and never a matrix times a matrix",
    )
    s = 1 / (1 + (A @ jnp.sin(B @ x)) ** 2)
    yield derivative(
        r"= \left(\left((\delta \circ s) A\right) \circ \cos(Bx)^\top\right) B, \quad s = \frac{1}{1 + (Ay)^2}",
        (((delta * s) @ A) * jnp.cos(B @ x)) @ B,
        "a row times a diagonal matrix is a product entry by entry",
    )


@derivation
def composition_jvp_x(A, B, x, v):
    """From right to left: a tangent is pushed forward."""
    outer, inner = A / (1 + (A @ jnp.sin(B @ x)) ** 2)[:, None], jnp.cos(B @ x)[:, None] * B
    yield derivative(
        r"dz = \left(\frac{\partial g}{\partial f} \frac{\partial f}{\partial x}\right) dx",
        (outer @ inner) @ v,
        "a Jacobian, which is a product of two, times a column",
    )
    yield derivative(
        r"= \frac{\partial g}{\partial f} \left(\frac{\partial f}{\partial x} dx\right)",
        outer @ (inner @ v),
        "products are associative: a matrix times a column, twice",
    )
