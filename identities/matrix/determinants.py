"""Determinants, and logarithms of determinants."""

from identities import linalg
from identities.catalog import jacobian
from identities.matrix.differentials import log_determinant
from identities.matrix.shapes import FullColumnRank, FullRowRank, Scalar
from identities.signature import checked
from identities.sources import cookbook


@checked
def log_determinant_of_gram(X: FullColumnRank) -> Scalar:
    """ln det X'X."""
    return linalg.log_abs_det(X.T @ X)


@jacobian(
    log_determinant_of_gram, states=r"\frac{\partial \ln \det X^\top X}{\partial X} = 2 (X^+)^\top", source=cookbook(55)
)
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


@jacobian(log_determinant, states=r"\frac{\partial \ln |\det X|}{\partial X} = X^{-\top}", source=cookbook(57))
def log_determinant_jacobian(X):
    """The transposed inverse, shape (n, n)."""
    return linalg.inv(X).T
