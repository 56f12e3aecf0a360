"""Sums, products, quotients and quadratic forms of matrices, in forward and in reverse mode."""

from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jvp, vjp
from identities.matrix.differentials import matmul, matrix_sum
from identities.matrix.forms import congruence
from identities.matrix.shapes import Invertible, Matrix
from identities.checking import checked
from identities.sources import giles


@vjp(matrix_sum, wrt="X", states=r"\D{X} J = \delta", source=giles("2.2.1"), exact=True)
def matrix_sum_vjp_X(delta, X, Y):
    """The cotangent, shape (n, m)."""
    return delta


@vjp(matrix_sum, wrt="Y", states=r"\D{Y} J = \delta", source=giles("2.2.1"), exact=True)
def matrix_sum_vjp_Y(delta, X, Y):
    """The cotangent, shape (n, m)."""
    return delta


@vjp(matmul, wrt="X", states=r"\D{X} J = \delta Y^\top", source=giles("2.2.2"), exact=True)
def matmul_vjp_X(delta, X, Y):
    """Against the other factor, shape (n, k)."""
    return delta @ Y.T


@vjp(matmul, wrt="Y", states=r"\D{Y} J = X^\top \delta", source=giles("2.2.2"), exact=True)
def matmul_vjp_Y(delta, X, Y):
    """Against the other factor, shape (k, m)."""
    return X.T @ delta


@checked
def solve(A: Invertible, B: Matrix) -> Matrix:
    """A^-1 B, the solution C of AC = B."""
    return linalg.solve(A, B)


@jvp(solve, wrt=("A", "B"), states=r"dC = A^{-1} (dB - (dA) C)", source=giles("2.3.1"))
def solve_jvp_A_B(A, B, dA, dB):
    """Two solves with one matrix, shape (n, m)."""
    return linalg.solve(A, dB - dA @ linalg.solve(A, B))


@vjp(solve, wrt="B", states=r"\D{B} J = A^{-\top} \delta", source=giles("2.3.1"))
def solve_vjp_B(delta, A, B):
    """A solve with the transposed matrix, shape (n, m)."""
    return linalg.solve(A.T, delta)


@vjp(solve, wrt="A", states=r"\D{A} J = -A^{-\top} \delta C^\top", source=giles("2.3.1"))
def solve_vjp_A(delta, A, B):
    """The cotangent of B against the solution, shape (n, n)."""
    right, left = linalg.solve_both(A, B, delta)
    return -left @ right.T


@jvp(
    congruence,
    wrt=("X", "B"),
    states=r"d(X^\top BX) = (dX)^\top BX + X^\top (dB) X + X^\top B \, dX",
    source=giles("2.3.2"),
)
def congruence_jvp_X_B(X, B, dX, dB):
    """The product rule for three factors, shape (m, m)."""
    return dX.T @ (B @ X) + X.T @ (dB @ X + B @ dX)


@vjp(congruence, wrt="X", states=r"\D{X} J = B^\top X \delta + BX \delta^\top", source=giles("2.3.2"))
def congruence_vjp_X(delta, X, B):
    """With B and its transpose, shape (n, m)."""
    return B.T @ X @ delta + B @ X @ delta.T


@vjp(congruence, wrt="B", states=r"\D{B} J = X \delta X^\top", source=giles("2.3.2"), exact=True)
def congruence_vjp_B(delta, X, B):
    """The congruence back, shape (n, n)."""
    return X @ delta @ X.T


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


@vjp(inverse_congruence, wrt="A", states=r"\D{A} J = -A^{-\top} B \delta B^\top A^{-\top}", source=giles("2.3.3"))
def inverse_congruence_vjp_A(delta, A, B):
    """With the solutions from the left and from the right, shape (n, n)."""
    right, left = linalg.solve_both(A, B, B)
    return -left @ delta @ right.T


@vjp(inverse_congruence, wrt="B", states=r"\D{B} J = A^{-\top} B \delta + A^{-1} B \delta^\top", source=giles("2.3.3"))
def inverse_congruence_vjp_B(delta, A, B):
    """With the solutions from the left and from the right, shape (n, m)."""
    right, left = linalg.solve_both(A, B @ delta.T, B @ delta)
    return left + right
