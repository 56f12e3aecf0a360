"""Determinants, and logarithms of determinants.

Their derivatives need an invertible matrix, and come from one factorisation of it; for a singular one they are NaN,
although the determinant has a derivative there, its matrix of cofactors.
"""

import jax.numpy as jnp

from identities import linalg
from identities.catalog import hessian, jacobian, vjp
from identities.checking import checked
from identities.matrix.differentials import determinant, log_determinant
from identities.matrix.inverses import curve_of_matrices
from identities.matrix.shapes import (
    FullColumnRank,
    FullRowRank,
    Invertible,
    PositiveDefinite,
    PositiveDefinitePart,
    Scalar,
)
from identities.sources import cookbook, giles


@checked
def determinant_of_curve(x: Scalar, X: Invertible) -> Scalar:
    """det Y(x) along the curve Y(x) = X + sin(x) X'/4."""
    return linalg.det(curve_of_matrices(x, X)[0])


@jacobian(
    determinant_of_curve,
    wrt="x",
    states=r"\D{x} \det Y = \det(Y) \Tr\left(Y^{-1} \frac{\partial Y}{\partial x}\right)",
    source=cookbook(46),
)
def determinant_of_curve_jacobian_x(x, X):
    """With the speed of the curve, a scalar."""
    Y, dY = curve_of_matrices(x, X)
    return linalg.product_of_pivots(Y) * jnp.sum(linalg.inv(Y) * dY.T)


@hessian(
    determinant_of_curve,
    wrt="x",
    states=r"\frac{\partial^2}{\partial x^2} \det Y = \det(Y) \left(\Tr(Y^{-1} Y'') + \Tr(Y^{-1} Y')^2"
    r" - \Tr(Y^{-1} Y' Y^{-1} Y')\right)",
    source=cookbook(48),
)
def determinant_of_curve_hessian_x(x, X):
    """With the speed and the acceleration of the curve, a scalar."""
    Y, dY = curve_of_matrices(x, X)
    ddY = -jnp.sin(x) * X.T / 4
    inverse = linalg.inv(Y)
    M = inverse @ dY
    return linalg.product_of_pivots(Y) * (jnp.sum(inverse.T * ddY) + jnp.trace(M) ** 2 - jnp.sum(M.T * M))


@jacobian(determinant, states=r"\D{X} \det X = \det(X) X^{-\top}", source=cookbook(49))
def determinant_jacobian(X):
    """The matrix of cofactors, shape (n, n)."""
    return linalg.cofactors(X)


@vjp(determinant, states=r"\D{X} J = \delta \det(X) X^{-\top}", source=giles("2.2.4"))
def determinant_vjp(delta, X):
    """The cotangent times the cofactors, shape (n, n)."""
    return delta * linalg.cofactors(X)


@checked
def determinant_of_product(T: Invertible, X: Invertible) -> Scalar:
    """det TX: of the combinations of the rows of X that T has."""
    return linalg.det(T @ X)


@jacobian(
    determinant_of_product,
    wrt="T",
    states=r"\frac{\partial \det TX}{\partial T_{ij}} = \sum_k \frac{\partial \det Y}{\partial Y_{ik}} X_{jk}"
    r" = \delta_{ij} \det X, \quad Y = TX, T = I",
    source=(cookbook(47), cookbook(50)),
)
def determinant_of_product_jacobian_T(T, X):
    """det X times the cofactors of T, shape (n, n); for T = I, det X on the diagonal."""
    return linalg.product_of_pivots(X) * linalg.cofactors(T)


@checked
def determinant_of_AXB(A: Invertible, X: Invertible, B: Invertible) -> Scalar:
    """det AXB, all square."""
    return linalg.det(A @ X @ B)


@jacobian(determinant_of_AXB, wrt="X", states=r"\D{X} \det AXB = \det(AXB) X^{-\top}", source=cookbook(51))
def determinant_of_AXB_jacobian_X(A, X, B):
    """Cofactors between A' and B', shape (n, n)."""
    return A.T @ linalg.cofactors(A @ X @ B) @ B.T


@checked
def determinant_of_congruence(X: FullColumnRank, A: PositiveDefinitePart) -> Scalar:
    """det X'AX."""
    return linalg.det(X.T @ A @ X)


@jacobian(
    determinant_of_congruence,
    wrt="X",
    states=r"\D{X} \det X^\top AX = \det(X^\top AX)"
    r" \left(AX (X^\top AX)^{-1} + A^\top X (X^\top A^\top X)^{-1}\right)",
    source=cookbook(54),
)
def determinant_of_congruence_jacobian_X(X, A):
    """For any A that leaves X'AX invertible, shape (n, m)."""
    AX = A @ X
    C = linalg.cofactors(X.T @ AX)
    return AX @ C.T + A.T @ X @ C


@jacobian(
    determinant_of_congruence,
    wrt="X",
    states=r"\D{X} \det X^\top AX = 2 \det(X^\top AX) AX (X^\top AX)^{-1}",
    source=cookbook(53),
)
def determinant_of_congruence_jacobian_X_symmetric(X, A: PositiveDefinite):
    """For a symmetric A, shape (n, m)."""
    AX = A @ X
    return 2 * AX @ linalg.cofactors(X.T @ AX)


@jacobian(
    determinant_of_congruence,
    wrt="X",
    states=r"\D{X} \det X^\top AX = 2 \det(X^\top AX) X^{-\top}",
    source=cookbook(52),
)
def determinant_of_congruence_jacobian_X_square(X: Invertible, A):
    """For a square X, shape (n, n)."""
    return 2 * linalg.product_of_pivots(A) * linalg.product_of_pivots(X) * linalg.cofactors(X)


@checked
def log_determinant_of_gram(X: FullColumnRank) -> Scalar:
    """ln det X'X."""
    return linalg.log_abs_det(X.T @ X)


@jacobian(log_determinant_of_gram, states=r"\D{X} \ln \det X^\top X = 2 (X^+)^\top", source=cookbook(55))
def log_determinant_of_gram_jacobian(X):
    """Twice the transposed pseudoinverse, shape (n, m)."""
    return 2 * linalg.solve(X.T @ X, X.T).T


@checked
def log_determinant_of_gram_of_pseudoinverse(P: FullRowRank) -> Scalar:
    """ln det X'X as a function of P = X^+, so that X = P^+: it is -ln det PP'."""
    X = P.T @ linalg.inv(P @ P.T)
    return linalg.log_abs_det(X.T @ X)


@jacobian(
    log_determinant_of_gram_of_pseudoinverse,
    states=r"\frac{\partial \ln \det X^\top X}{\partial X^+} = -2 X^\top, \quad P = X^+",
    source=cookbook(56),
)
def log_determinant_of_gram_of_pseudoinverse_jacobian(P):
    """Minus twice the transpose of X = P^+, shape (n, m)."""
    return -2 * linalg.solve(P @ P.T, P)


@jacobian(log_determinant, states=r"\D{X} \ln |\det X| = X^{-\top}", source=cookbook(57))
def log_determinant_jacobian(X):
    """The transposed inverse, shape (n, n)."""
    return linalg.inv(X).T
