"""Singular values, and the factors of Cholesky and QR."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.matrix.shapes import DistinctSingularValues, FullColumnRank, Matrix, PositiveDefinite, Square, Symmetric
from identities.matrix.structured import symmetric_by_triangle
from identities.sources import giles, walter_lehmann


@checked
def singular_values(A: DistinctSingularValues) -> Float[Array, " m"]:
    """The singular values, in descending order.

    Where two of them meet, or one is zero, they have no derivative. The formulas then tell the change along
    whatever singular vectors the factorisation happens to choose.
    """
    return linalg.svdvals(A)


@jvp(singular_values, states=r"d\sigma_i = u_i^\top (dA) v_i", source=giles("3.2"))
def singular_values_jvp(A, dA):
    """The diagonal of U'(dA)V, shape (min(n, m),)."""
    U, _, Vt = linalg.svd(A)
    return jnp.sum(U * (dA @ Vt.T), axis=0)


@vjp(singular_values, states=r"\D{A} J = U \operatorname{diag}(\delta) V^\top", source=giles("3.2"))
def singular_values_vjp(delta, A):
    """A matrix with the same singular vectors, shape (n, m)."""
    U, _, Vt = linalg.svd(A)
    return (U * delta) @ Vt


@checked
def cholesky(A: PositiveDefinite) -> Square:
    """The lower triangular L with a positive diagonal and A = LL'."""
    return linalg.cholesky(A)


def _lower_half(M: Matrix) -> Matrix:
    """The lower triangle with half the diagonal, so that a symmetric M is this plus its transpose."""
    return jnp.tril(M) - jnp.diag(jnp.diag(M)) / 2


@jvp(
    cholesky,
    states=r"dL = L \Phi(L^{-1} (dA) L^{-\top}), \quad \Phi(M) = \operatorname{tril}(M) - \frac{1}{2} M \circ I",
    source=giles("4"),
)
def cholesky_jvp(A, dA: Symmetric):
    """By two triangular solves, shape (n, n), lower triangular."""
    L = linalg.cholesky(A)
    return L @ _lower_half(_between_inverses(L, dA))


def _between_inverses(L, M, transposed=False):
    """L^-1 M L^-T; transposed, L^-T M L^-1."""
    half = linalg.solve_triangular(L, M, left_side=True, lower=True, transpose_a=transposed)
    return linalg.solve_triangular(L, half, lower=True, transpose_a=not transposed)


@vjp(
    cholesky,
    states=r"\D{A} J = \frac{1}{2} L^{-\top} (P + P^\top) L^{-1}, \quad P = \Phi(L^\top \delta)",
    source=giles("4"),
)
def cholesky_vjp(delta, A):
    """The gradient in the space of symmetric matrices, shape (n, n); only the lower triangle of delta counts."""
    L = linalg.cholesky(A)
    P = _lower_half(L.T @ jnp.tril(delta))
    return _between_inverses(L, (P + P.T) / 2, transposed=True)


@checked
def q_factor(A: FullColumnRank) -> Matrix:
    """Q of A = QR, with orthonormal columns, where R has a positive diagonal."""
    Q, R = linalg.qr(A)
    return Q * _signs(R)


@checked
def r_factor(A: FullColumnRank) -> Float[Array, "m m"]:
    """R of A = QR, upper triangular with a positive diagonal."""
    _, R = linalg.qr(A)
    return _signs(R)[:, None] * R


def _signs(R):
    """Those of the diagonal, which the derivatives leave to the end: they are constant."""
    return jnp.sign(jnp.diag(R))


def _rotation(M):
    """The skew matrix with the lower triangle of M."""
    return jnp.tril(M, -1) - jnp.tril(M, -1).T


@jvp(
    q_factor,
    states=r"dQ = Q \Omega + (I - QQ^\top) (dA) R^{-1}, \quad \Omega = \operatorname{tril}_{-1}(M)"
    r" - \operatorname{tril}_{-1}(M)^\top, \quad M = Q^\top (dA) R^{-1}",
    source=walter_lehmann("QR"),
)
def q_factor_jvp(A, dA):
    """A rotation within the columns, and what leaves their span, shape (n, m)."""
    Q, R = linalg.qr(A)
    change = linalg.solve_triangular(R, dA)
    M = Q.T @ change
    return (change + Q @ (_rotation(M) - M)) * _signs(R)


@jvp(r_factor, states=r"dR = (M - \Omega) R, \quad M = Q^\top (dA) R^{-1}", source=walter_lehmann("QR"))
def r_factor_jvp(A, dA):
    """What the rotation leaves of Q'(dA), shape (m, m), upper triangular."""
    Q, R = linalg.qr(A)
    M = linalg.solve_triangular(R, Q.T @ dA)
    return _signs(R)[:, None] * ((M - _rotation(M)) @ R)


@vjp(
    q_factor,
    states=r"\D{A} J = (\delta - Q S) R^{-\top}, \quad S = \operatorname{sym}_{\ge}(\delta^\top Q)",
    source=walter_lehmann("QR"),
)
def q_factor_vjp(delta, A):
    """S is symmetric, with the lower triangle of delta'Q; shape (n, m)."""
    Q, R = linalg.qr(A)
    delta = delta * _signs(R)
    return linalg.solve_triangular(R, delta - Q @ symmetric_by_triangle(delta.T @ Q), transpose_a=True)


@vjp(r_factor, states=r"\D{A} J = Q \operatorname{sym}_{\ge}(R \delta^\top) R^{-\top}", source=walter_lehmann("QR"))
def r_factor_vjp(delta, A):
    """With the lower triangle of R delta' on both sides; only the upper triangle of delta counts; shape (n, m)."""
    Q, R = linalg.qr(A)
    delta = _signs(R)[:, None] * jnp.triu(delta)
    return Q @ linalg.solve_triangular(R, symmetric_by_triangle(R @ delta.T), transpose_a=True)
