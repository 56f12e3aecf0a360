"""Sums, products, quotients and quadratic forms of matrices, in forward and in reverse mode."""

from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jvp, vjp
from identities.checking import checked
from identities.matrix.differentials import matmul, matrix_sum
from identities.matrix.forms import congruence
from identities.matrix.shapes import Invertible, Matrix
from identities.sources import giles


@vjp(matrix_sum, wrt=("X", "Y"), states=(r"\delta", r"\delta"), source=giles("2.2.1"), exact=True)
def matrix_sum_vjp(delta, X, Y):
    """The cotangent for each term, both of shape (n, m)."""
    return delta, delta


@vjp(matmul, wrt=("X", "Y"), states=(r"\delta Y^\top", r"X^\top \delta"), source=giles("2.2.2"), exact=True)
def matmul_vjp(delta, X, Y):
    """Against the other factor, of shapes (n, k) and (k, m)."""
    return delta @ Y.T, X.T @ delta


@checked
def solve(A: Invertible, B: Matrix) -> Matrix:
    """A^-1 B, the solution C of AC = B."""
    return linalg.solve(A, B)


@jvp(solve, wrt=("A", "B"), states=r"dC = A^{-1} (dB - (dA) C)", source=giles("2.3.1"))
def solve_jvp_A_B(A, B, dA, dB):
    """Two solves with one matrix, shape (n, m)."""
    return linalg.solve(A, dB - dA @ linalg.solve(A, B))


@vjp(solve, wrt=("A", "B"), states=(r"-A^{-\top} \delta C^\top", r"A^{-\top} \delta"), source=giles("2.3.1"))
def solve_vjp(delta, A, B):
    """The cotangent of B against the solution C, and a solve with the transposed matrix, of shapes (n, n) and (n, m).

    One factorisation serves both.
    """
    C, by_B = linalg.solve_both(A, B, delta)
    return -by_B @ C.T, by_B


@jvp(
    congruence,
    wrt=("X", "B"),
    states=r"d(X^\top BX) = (dX)^\top BX + X^\top (dB) X + X^\top B \, dX",
    source=giles("2.3.2"),
)
def congruence_jvp_X_B(X, B, dX, dB):
    """The product rule for three factors, shape (m, m)."""
    return dX.T @ (B @ X) + X.T @ (dB @ X + B @ dX)


@vjp(
    congruence, wrt=("X", "B"), states=(r"B^\top X \delta + BX \delta^\top", r"X \delta X^\top"), source=giles("2.3.2")
)
def congruence_vjp(delta, X, B):
    """With B and its transpose, and the congruence back, of shapes (n, m) and (n, n)."""
    X_delta = X @ delta
    return B.T @ X_delta + B @ X @ delta.T, X_delta @ X.T


@checked
def inverse_congruence(A: Invertible, B: Matrix) -> Float[Array, "m m"]:
    """B'A^-1 B."""
    return B.T @ linalg.solve(A, B)


@jvp(
    inverse_congruence,
    wrt=("A", "B"),
    states=r"d(B^\top A^{-1} B) = (dB)^\top A^{-1} B - B^\top A^{-1} (dA) A^{-1} B + B^\top A^{-1} \, dB",
    source=giles("2.3.3"),
)
def inverse_congruence_jvp_A_B(A, B, dA, dB):
    """With the solutions from the left and from the right, shape (m, m)."""
    right, left = linalg.solve_both(A, B, B)
    return dB.T @ right + left.T @ (dB - dA @ right)


@vjp(
    inverse_congruence,
    wrt=("A", "B"),
    states=(r"-A^{-\top} B \delta B^\top A^{-\top}", r"A^{-\top} B \delta + A^{-1} B \delta^\top"),
    source=giles("2.3.3"),
)
def inverse_congruence_vjp(delta, A, B):
    """With the solutions from the left and from the right, of shapes (n, n) and (n, m); from one factorisation."""
    right, left = linalg.solve_both(A, B, B @ delta)
    return -left @ right.T, left + right @ delta.T
