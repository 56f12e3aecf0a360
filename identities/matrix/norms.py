"""Norms of vectors, of their differences and quotients, and of matrices."""

from dataclasses import replace
from typing import Annotated

import jax.numpy as jnp

from identities import linalg
from identities.catalog import jacobian, jvp, vjp
from identities.checking import checked
from identities.domains import beyond_one, invertible, longer_than_one, other_than_zero, within_one
from identities.matrix.shapes import DistinctSingularValues, Matrix, Scalar, Square, Vector
from identities.sources import cookbook, giles

Beyond = Annotated[Vector, beyond_one]
BeyondInSpace = Annotated[Vector, beyond_one, longer_than_one.drawn]
OtherThanZero = Annotated[Matrix, other_than_zero]
NonzeroInSpace = Annotated[Vector, other_than_zero, longer_than_one.drawn]
Injective = Annotated[Square, replace(invertible, normwise=False)]  # which is multiplied by, not factorised
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
    states=r"\D{x} \lVert x - a \rVert = \frac{(x - a)^\top}{\lVert x - a \rVert}",
    source=cookbook(129),
)
def distance_jacobian_x(x, a):
    """The direction from a to x, shape (n,); NaN for x = a."""
    return (x - a) / jnp.linalg.norm(x - a)


@jacobian(
    direction,
    wrt="x",
    states=r"\D{x} \frac{x - a}{\lVert x - a \rVert} = \frac{I}{\lVert x - a \rVert}"
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


@checked
def quotient_of_squared_norms(A: Square, B: Injective, x: NonzeroInSpace) -> Scalar:
    """||Ax||^2 / ||Bx||^2, for Bx other than zero: the generalised Rayleigh quotient."""
    Ax, Bx = A @ x, B @ x
    return (Ax @ Ax) / (Bx @ Bx)


@jacobian(
    quotient_of_squared_norms,
    wrt="x",
    states=r"\D{x} \frac{x^\top A^\top Ax}{x^\top B^\top Bx} = 2 \frac{A^\top Ax}{x^\top B^\top Bx}"
    r" - 2 \frac{x^\top A^\top Ax \, B^\top Bx}{(x^\top B^\top Bx)^2}",
    source=(cookbook(94), cookbook(95)),
)
def quotient_of_squared_norms_jacobian_x(A, B, x):
    """The quotient rule, shape (n,)."""
    Ax, Bx = A @ x, B @ x
    below = Bx @ Bx
    return 2 * (Ax @ A - (Ax @ Ax) / below * (Bx @ B)) / below


@checked
def frobenius_norm(A: OtherThanZero) -> Scalar:
    """||A||_F, for A other than zero."""
    return jnp.linalg.norm(A)


@jvp(frobenius_norm, states=r"d\lVert A \rVert_F = \frac{\Tr(A^\top dA)}{\lVert A \rVert_F}", source=giles("5"))
def frobenius_norm_jvp(A, dA):
    """The component of dA along A, a scalar."""
    return jnp.sum(A * dA) / jnp.linalg.norm(A)


@vjp(frobenius_norm, states=r"\D{A} J = \delta \frac{A}{\lVert A \rVert_F}", source=giles("5"))
def frobenius_norm_vjp(delta, A):
    """The direction of A, shape (n, m)."""
    return delta / jnp.linalg.norm(A) * A


@checked
def spectral_norm(A: DistinctSingularValues) -> Scalar:
    """||A||_2, the largest singular value."""
    return linalg.svdvals(A)[0]


@jvp(spectral_norm, states=r"d\lVert A \rVert_2 = u_1^\top (dA) v_1", source=giles("5"))
def spectral_norm_jvp(A, dA):
    """Between the first singular vectors, a scalar."""
    U, _, Vt = linalg.svd(A)
    return U[:, 0] @ dA @ Vt[0]


@vjp(spectral_norm, states=r"\D{A} J = \delta u_1 v_1^\top", source=giles("5"))
def spectral_norm_vjp(delta, A):
    """The outer product of the first singular vectors, shape (n, m)."""
    U, _, Vt = linalg.svd(A)
    return delta * jnp.outer(U[:, 0], Vt[0])
