"""What a Jacobian is, and how Jacobians compose."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import jacobian, jvp, vjp
from identities.checking import checked
from identities.elementwise import arctan_derivative
from identities.sources import notes


def jacobian_by_columns(
    push_forward: Callable[[Float[Array, " n"]], Float[Array, " m"]], x: Float[Array, " n"]
) -> Float[Array, "m n"]:
    """The Jacobian at x by its definition, column by column: column j is the jvp of e_j.

    **Arguments:**

    - `push_forward`: the jvp at x, from a tangent of shape (n,) to one of shape (m,).
    - `x`: only its length and dtype are used.
    """
    return jax.vmap(push_forward, out_axes=1)(jnp.eye(x.shape[0], dtype=x.dtype))


def jacobian_by_rows(
    pull_back: Callable[[Float[Array, " m"]], Float[Array, " n"]], z: Float[Array, " m"]
) -> Float[Array, "m n"]:
    """The Jacobian by its definition, row by row: row i is the vjp of e_i.

    **Arguments:**

    - `pull_back`: the vjp, from a cotangent of shape (m,) to one of shape (n,).
    - `z`: the function's value, of which only length and dtype are used.
    """
    return jax.vmap(pull_back)(jnp.eye(z.shape[0], dtype=z.dtype))


@checked
def chain_rule(outer: Float[Array, "m k"], inner: Float[Array, "k n"]) -> Float[Array, "m n"]:
    """The Jacobian of g(f(x)): that of g at f(x), `outer`, times that of f at x, `inner`."""
    return outer @ inner


@checked
def curve(x: Float[Array, ""]) -> Float[Array, "2"]:
    """g(f(x)) with f(x) = (x^2, sin x) and g(a, b) = (ab, a + b): the notes' R -> R^2 -> R^2."""
    a, b = x * x, jnp.sin(x)
    return jnp.stack([a * b, a + b])


@jacobian(
    curve,
    states=r"\frac{\partial g(f(x))}{\partial x} = \frac{\partial g}{\partial f}"
    r" \frac{\partial f}{\partial x}",
    source=notes("chain rule"),
)
def curve_jacobian(x):
    """The chain rule with a (2, 2) and a (2, 1) Jacobian, shape (2,)."""
    a, b, one = x * x, jnp.sin(x), jnp.ones_like(x)
    outer = jnp.array([[b, a], [one, one]])
    inner = jnp.array([[2 * x], [jnp.cos(x)]])
    return chain_rule(outer, inner)[:, 0]


@checked
def composition(A: Float[Array, "m k"], B: Float[Array, "k n"], x: Float[Array, " n"]) -> Float[Array, " m"]:
    """z = g(f(x)) with f(x) = sin(Bx) and g(y) = arctan(Ay): a general R^n -> R^k -> R^m."""
    return jnp.arctan(A @ jnp.sin(B @ x))


@jacobian(
    composition,
    wrt="x",
    states=r"\frac{\partial g(f(x))}{\partial x} = \frac{\partial g}{\partial f}"
    r" \frac{\partial f}{\partial x}",
    source=notes("chain rule"),
)
def composition_jacobian_x(A, B, x):
    """The Jacobian of g at f(x) times that of f at x, shape (m, n)."""
    Bx = B @ x
    outer = arctan_derivative(A @ jnp.sin(Bx))[:, None] * A
    inner = jnp.cos(Bx)[:, None] * B
    return chain_rule(outer, inner)


@jvp(
    composition,
    wrt="x",
    states=r"dz = \frac{\partial g}{\partial f} \left(\frac{\partial f}{\partial x} dx\right)",
    source=notes("chain rule"),
)
def composition_jvp_x(A, B, x, v):
    """The chain rule from right to left, shape (m,)."""
    Bx = B @ x
    return arctan_derivative(A @ jnp.sin(Bx)) * (A @ (jnp.cos(Bx) * (B @ v)))


@vjp(
    composition,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = \left(\delta \frac{\partial g}{\partial f}\right)"
    r" \frac{\partial f}{\partial x}",
    source=notes("chain rule"),
)
def composition_vjp_x(delta, A, B, x):
    """The chain rule from left to right, which is back-propagation, shape (n,)."""
    Bx = B @ x
    return (((delta * arctan_derivative(A @ jnp.sin(Bx))) @ A) * jnp.cos(Bx)) @ B


@jacobian(
    composition,
    wrt="x",
    states=r"\left(\frac{\partial z}{\partial x}\right)_{:j} = \frac{\partial z}{\partial x} e_j",
    source=notes("definition"),
)
def composition_jacobian_x_columns(A, B, x):
    """The definition: column j is the tangent e_j pushed forward, shape (m, n)."""
    return jacobian_by_columns(lambda v: composition_jvp_x(A, B, x, v), x)


@jacobian(
    composition,
    wrt="x",
    states=r"\left(\frac{\partial z}{\partial x}\right)_{i:} = e_i^\top \frac{\partial z}{\partial x}",
    source=notes("definition"),
)
def composition_jacobian_x_rows(A, B, x):
    """The definition: row i is the cotangent e_i pulled back, shape (m, n)."""
    return jacobian_by_rows(lambda delta: composition_vjp_x(delta, A, B, x), A[:, 0])
