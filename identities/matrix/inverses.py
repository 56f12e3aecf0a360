"""The inverse of a matrix, and functions of it."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jacobian, vjp
from identities.checking import checked
from identities.matrix.differentials import inverse
from identities.matrix.shapes import (
    FullColumnRank,
    Invertible,
    PositiveDefinite,
    PositiveDefiniteOfColumns,
    PositiveDefinitePart,
    Scalar,
    Square,
    Symmetric,
    Vector,
)
from identities.sources import cookbook, giles


def curve_of_matrices(x: Scalar, X: Invertible) -> tuple[Invertible, Square]:
    """A curve Y(x) = X + sin(x) X'/4, invertible where X is well-conditioned, and its derivative."""
    return X + jnp.sin(x) * X.T / 4, jnp.cos(x) * X.T / 4


@checked
def inverse_of_curve(x: Scalar, X: Invertible) -> Square:
    """Y(x)^-1 along the curve Y(x) = X + sin(x) X'/4."""
    return linalg.inv(curve_of_matrices(x, X)[0])


@jacobian(
    inverse_of_curve,
    wrt="x",
    states=r"\D{x} Y^{-1} = -Y^{-1} \frac{\partial Y}{\partial x} Y^{-1}",
    source=cookbook(59),
)
def inverse_of_curve_jacobian_x(x, X):
    """Two products with the inverse, shape (n, n)."""
    Y, dY = curve_of_matrices(x, X)
    inverse = linalg.inv(Y)
    return -inverse @ dY @ inverse


@jacobian(
    inverse,
    states=r"\frac{\partial (X^{-1})_{kl}}{\partial X_{ij}} = -(X^{-1})_{ki} (X^{-1})_{jl}",
    source=cookbook(60),
)
def inverse_jacobian(X):
    """The full tensor, which `inverse_vjp` contracts without forming it, shape (n, n, n, n)."""
    Y = linalg.inv(X)
    return -Y[:, None, :, None] * Y.T[None, :, None, :]


@vjp(
    inverse,
    states=r"\frac{\partial J}{\partial A} = -A^{-\top} \frac{\partial J}{\partial W} A^{-\top}, \quad W = A^{-1}",
    source=(cookbook(65), giles("2.2.3")),
)
def inverse_vjp(delta, X):
    """Two products with the transposed inverse, shape (n, n)."""
    Y = linalg.inv(X).T
    return -Y @ delta @ Y


@checked
def inverse_form(a: Vector, X: Invertible, b: Vector) -> Scalar:
    """a'X^-1 b."""
    return a @ linalg.solve(X, b)


@jacobian(inverse_form, wrt="X", states=r"\D{X} a^\top X^{-1} b = -X^{-\top} a b^\top X^{-\top}", source=cookbook(61))
def inverse_form_jacobian_X(a, X, b):
    """An outer product of two solutions, shape (n, n)."""
    right, left = linalg.solve_both(X, b, a)
    return -jnp.outer(left, right)


@checked
def determinant_of_inverse(X: Invertible) -> Scalar:
    """det X^-1."""
    return 1 / linalg.det(X)


@jacobian(determinant_of_inverse, states=r"\D{X} \det X^{-1} = -\det(X^{-1}) X^{-\top}", source=cookbook(62))
def determinant_of_inverse_jacobian(X):
    """Minus the transposed inverse over the determinant, shape (n, n)."""
    return -linalg.inv(X).T / linalg.product_of_pivots(X)


@checked
def trace_of_AXinvB(A: Float[Array, "k n"], X: Invertible, B: Float[Array, "n k"]) -> Scalar:
    """Tr AX^-1 B."""
    return jnp.trace(A @ linalg.solve(X, B))


@jacobian(
    trace_of_AXinvB,
    wrt="X",
    states=r"\D{X} \Tr AX^{-1} B = -(X^{-1} BAX^{-1})^\top",
    source=(cookbook(63), cookbook(124)),
)
def trace_of_AXinvB_jacobian_X(A, X, B):
    """A product of two solutions, shape (n, n)."""
    right, left = linalg.solve_both(X, B, A.T)
    return -left @ right.T


@checked
def trace_of_inverse_of_sum(X: PositiveDefinitePart, A: PositiveDefinitePart) -> Scalar:
    """Tr (X + A)^-1."""
    return jnp.trace(linalg.inv(X + A))


@jacobian(
    trace_of_inverse_of_sum,
    wrt="X",
    states=r"\D{X} \Tr (X + A)^{-1} = -\left((X + A)^{-1} (X + A)^{-1}\right)^\top",
    source=cookbook(64),
)
def trace_of_inverse_of_sum_jacobian_X(X, A):
    """Minus the transposed square of the inverse, shape (n, n)."""
    inverse = linalg.inv(X + A).T
    return -inverse @ inverse


@checked
def trace_of_inverse_congruence(X: FullColumnRank, C: PositiveDefinite, A: Float[Array, "m m"]) -> Scalar:
    """Tr (X'CX)^-1 A, C symmetric."""
    return jnp.trace(linalg.solve(X.T @ C @ X, A))


@jacobian(
    trace_of_inverse_congruence,
    wrt="X",
    states=r"\D{X} \Tr (X^\top CX)^{-1} A"
    r" = -CX (X^\top CX)^{-1} (A + A^\top) (X^\top CX)^{-1}",
    source=cookbook(125),
)
def trace_of_inverse_congruence_jacobian_X(X, C, A):
    """For a symmetric C, shape (n, m)."""
    CX = C @ X
    inverse = linalg.inv(X.T @ CX)
    return -CX @ inverse @ (A + A.T) @ inverse


@checked
def trace_of_quotient(X: FullColumnRank, C: PositiveDefinite, B: Symmetric) -> Scalar:
    """Tr (X'CX)^-1 (X'BX), B and C symmetric: the criterion of discriminant analysis."""
    return jnp.trace(linalg.solve(X.T @ C @ X, X.T @ B @ X))


@jacobian(
    trace_of_quotient,
    wrt="X",
    states=r"\D{X} \Tr (X^\top CX)^{-1} (X^\top BX)"
    r" = -2CX (X^\top CX)^{-1} X^\top BX (X^\top CX)^{-1} + 2BX (X^\top CX)^{-1}",
    source=cookbook(126),
)
def trace_of_quotient_jacobian_X(X, C, B):
    """For symmetric B and C, shape (n, m)."""
    CX, BX = C @ X, B @ X
    inverse = linalg.inv(X.T @ CX)
    return 2 * (BX - CX @ (inverse @ (X.T @ BX))) @ inverse


@checked
def trace_of_shifted_quotient(
    X: FullColumnRank, C: PositiveDefinite, B: Symmetric, A: PositiveDefiniteOfColumns
) -> Scalar:
    """Tr (A + X'CX)^-1 (X'BX), A, B and C symmetric."""
    return jnp.trace(linalg.solve(A + X.T @ C @ X, X.T @ B @ X))


@jacobian(
    trace_of_shifted_quotient,
    wrt="X",
    states=r"\D{X} \Tr (A + X^\top CX)^{-1} (X^\top BX)"
    r" = -2CX M^{-1} X^\top BX M^{-1} + 2BX M^{-1}, \quad M = A + X^\top CX",
    source=cookbook(127),
)
def trace_of_shifted_quotient_jacobian_X(X, C, B, A):
    """For symmetric A, B and C, shape (n, m); without a symmetric A it is false."""
    CX, BX = C @ X, B @ X
    inverse = linalg.inv(A + X.T @ CX)
    return 2 * (BX - CX @ (inverse @ (X.T @ BX))) @ inverse
