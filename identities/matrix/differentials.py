"""Rules for differentials: how results move when matrices do."""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jvp
from identities.checking import checked
from identities.domains import small
from identities.matrix.shapes import Invertible, Matrix, Scalar, Small, Square
from identities.sources import cookbook, giles


@checked
def constant(A: Float[Array, "k l"], X: Matrix) -> Float[Array, "k l"]:
    """A, whatever X is."""
    return A


@jvp(constant, wrt="X", states=r"dA = 0", source=cookbook(33), exact=True)
def constant_jvp_X(A, X, dX):
    """Nothing moves, shape (k, l)."""
    return jnp.zeros_like(A)


@checked
def scalar_product(a: Scalar, X: Matrix) -> Matrix:
    """aX."""
    return a * X


@jvp(scalar_product, wrt="X", states=r"d(aX) = a \, dX", source=cookbook(34), exact=True)
def scalar_product_jvp_X(a, X, dX):
    """The tangent times a, shape (n, m)."""
    return a * dX


@checked
def matrix_sum(X: Matrix, Y: Matrix) -> Matrix:
    """X + Y."""
    return X + Y


@jvp(matrix_sum, wrt=("X", "Y"), states=r"d(X + Y) = dX + dY", source=(cookbook(35), giles("2.2.1")), exact=True)
def matrix_sum_jvp_X_Y(X, Y, dX, dY):
    """The sum of the tangents, shape (n, m)."""
    return dX + dY


@checked
def trace(X: Square) -> Scalar:
    """Tr X."""
    return jnp.trace(X)


@jvp(trace, states=r"d \Tr X = \Tr dX", source=cookbook(36), exact=True)
def trace_jvp(X, dX):
    """The trace of the tangent, a scalar."""
    return jnp.trace(dX)


@checked
def matmul(X: Float[Array, "n k"], Y: Float[Array, "k m"]) -> Matrix:
    """XY."""
    return X @ Y


@jvp(matmul, wrt=("X", "Y"), states=r"d(XY) = (dX) Y + X \, dY", source=(cookbook(37), giles("2.2.2")), exact=True)
def matmul_jvp_X_Y(X, Y, dX, dY):
    """The product rule, in its order, shape (n, m)."""
    return dX @ Y + X @ dY


@checked
def hadamard(X: Matrix, Y: Matrix) -> Matrix:
    """X o Y, entry by entry."""
    return X * Y


@jvp(hadamard, wrt=("X", "Y"), states=r"d(X \circ Y) = dX \circ Y + X \circ dY", source=cookbook(38), exact=True)
def hadamard_jvp_X_Y(X, Y, dX, dY):
    """The product rule, entry by entry, shape (n, m)."""
    return dX * Y + X * dY


@checked
def kronecker(X: Small, Y: Annotated[Float[Array, "k l"], small]) -> Float[Array, "n*k m*l"]:
    """The Kronecker product of X and Y: blocks X_ij Y."""
    return jnp.kron(X, Y)


@jvp(kronecker, wrt=("X", "Y"), states=r"d(X \otimes Y) = dX \otimes Y + X \otimes dY", source=cookbook(39), exact=True)
def kronecker_jvp_X_Y(X, Y, dX, dY):
    """The product rule, block by block, shape (n k, m l)."""
    return jnp.kron(dX, Y) + jnp.kron(X, dY)


@checked
def transpose(X: Matrix) -> Float[Array, "m n"]:
    """X'."""
    return X.T


@jvp(transpose, states=r"d X^\top = (dX)^\top", source=cookbook(44), exact=True)
def transpose_jvp(X, dX):
    """The transposed tangent, shape (m, n)."""
    return dX.T


@checked
def conjugate_transpose(P: Matrix, Q: Matrix) -> Float[Array, "2 m n"]:
    """X^H of the complex matrix X = P + iQ, its real and its imaginary part stacked."""
    return jnp.stack([P.T, -Q.T])


@jvp(conjugate_transpose, wrt=("P", "Q"), states=r"d X^H = (dX)^H", source=cookbook(45), exact=True)
def conjugate_transpose_jvp_P_Q(P, Q, dP, dQ):
    """The conjugate transpose of dX = dP + i dQ, shape (2, m, n).

    Conjugation has no complex derivative; what is meant, and holds, is the derivative over the reals.
    """
    return jnp.stack([dP.T, -dQ.T])


@checked
def inverse(X: Invertible) -> Square:
    """X^-1."""
    return linalg.inv(X)


@jvp(inverse, states=r"d X^{-1} = -X^{-1} (dX) X^{-1}", source=(cookbook(40), giles("2.2.3")))
def inverse_jvp(X, dX):
    """Two products with the inverse, shape (n, n)."""
    Y = linalg.inv(X.T).T  # LAPACK works by columns, so this comes out by rows, as the products want it
    return -Y @ dX @ Y


@checked
def determinant(X: Invertible) -> Scalar:
    """det X."""
    return linalg.det(X)


@jvp(
    determinant,
    states=r"d \det X = \Tr(\operatorname{adj}(X) \, dX) = \det(X) \Tr(X^{-1} dX)",
    source=(cookbook(41), cookbook(42), giles("2.2.4")),
)
def determinant_jvp(X, dX):
    """The adjugate is det(X) X^-1, the transposed matrix of cofactors; a scalar."""
    return jnp.sum(linalg.cofactors(X) * dX)


@checked
def log_determinant(X: Invertible) -> Scalar:
    """ln |det X|, of an invertible matrix."""
    return linalg.log_abs_det(X)


@jvp(log_determinant, states=r"d \ln |\det X| = \Tr(X^{-1} dX)", source=cookbook(43))
def log_determinant_jvp(X, dX):
    """The trace of X^-1 dX, a scalar."""
    return jnp.sum(linalg.inv(X).T * dX)
