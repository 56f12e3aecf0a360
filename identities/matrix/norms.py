"""Norms of differences, and quotients of squared norms."""

from dataclasses import replace
from typing import Annotated

import jax.numpy as jnp

from identities.catalog import jacobian
from identities.domains import beyond_one, longer_than_one, within_one
from identities.matrix.shapes import Scalar, Vector
from identities.signature import checked
from identities.sources import cookbook

Beyond = Annotated[Vector, beyond_one]
BeyondInSpace = Annotated[Vector, replace(beyond_one, admits=longer_than_one.admits)]
Within = Annotated[Vector, within_one]


@checked
def distance(x: Beyond, a: Within) -> Scalar:
    """||x - a||, for x other than a."""
    return jnp.linalg.norm(x - a)


@checked
def direction(x: BeyondInSpace, a: Within) -> Vector:
    """(x - a)/||x - a||, for x other than a."""
    return (x - a) / jnp.linalg.norm(x - a)


@jacobian(
    distance,
    wrt="x",
    states=r"\frac{\partial \lVert x - a \rVert}{\partial x} = \frac{(x - a)^\top}{\lVert x - a \rVert}",
    source=cookbook(129),
)
def distance_jacobian_x(x, a):
    """The direction from a to x, shape (n,); NaN for x = a."""
    return (x - a) / jnp.linalg.norm(x - a)


@jacobian(
    direction,
    wrt="x",
    states=r"\frac{\partial}{\partial x} \frac{x - a}{\lVert x - a \rVert} = \frac{I}{\lVert x - a \rVert}"
    r" - \frac{(x - a)(x - a)^\top}{\lVert x - a \rVert^3}",
    source=cookbook(130),
)
def direction_jacobian_x(x, a):
    """The projection across the direction, over the distance, shape (n, n); NaN for x = a."""
    r = jnp.linalg.norm(x - a)
    u = (x - a) / r
    return (jnp.eye(x.shape[0], dtype=x.dtype) - jnp.outer(u, u)) / r


@checked
def squared_modulus(c: Scalar, d: Scalar, p: Vector, q: Vector, r: Vector, s: Vector) -> Scalar:
    """|a - x^H b|^2 for the complex a = c + id, x = p + iq and b = r + is."""
    return (c - p @ r - q @ s) ** 2 + (d - p @ s + q @ r) ** 2


_SQUARED_MODULUS = cookbook(89, erratum="printed as the derivative of (a - x^H b)^2, without the modulus")


@jacobian(
    squared_modulus,
    wrt="p",
    states=r"\frac{\partial |a - x^H b|^2}{\partial \operatorname{Re} x}"
    r" = \operatorname{Re}\left(-2b \, \overline{(a - x^H b)}\right)",
    source=_SQUARED_MODULUS,
)
def squared_modulus_jacobian_p(c, d, p, q, r, s):
    """The real part of the gradient over the reals, shape (n,).

    (a - x^H b)^2 itself depends on x only through its conjugate, and its derivative by that is
    -2b(a - x^H b); with the conjugate, as printed, it is the gradient of the squared modulus, twice the derivative by
    conj(x).
    """
    return -2 * (r * (c - p @ r - q @ s) + s * (d - p @ s + q @ r))


@jacobian(
    squared_modulus,
    wrt="q",
    states=r"\frac{\partial |a - x^H b|^2}{\partial \operatorname{Im} x}"
    r" = \operatorname{Im}\left(-2b \, \overline{(a - x^H b)}\right)",
    source=_SQUARED_MODULUS,
)
def squared_modulus_jacobian_q(c, d, p, q, r, s):
    """The imaginary part of it, shape (n,)."""
    return -2 * (s * (c - p @ r - q @ s) - r * (d - p @ s + q @ r))
