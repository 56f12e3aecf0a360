"""Inverse, solution of equations, determinant and its logarithm, by differentials of what defines them."""

import jax
import jax.numpy as jnp

from identities import linalg
from identities.derivation import derivation, derivative, equation, function


@derivation
def inverse_jvp(X, dX):
    """The inverse is what XY = I defines, and that is differentiated."""
    I, Y = jnp.eye(X.shape[0]), linalg.inv(X)
    yield equation(r"X X^{-1} = I", X @ Y, I, "what an inverse is")
    _, dY = jax.jvp(linalg.inv, (X,), (dX,))
    yield equation(
        r"(dX) X^{-1} + X \, d(X^{-1}) = 0",
        dX @ Y + X @ dY,
        jnp.zeros_like(X),
        "product rule; I does not move (the differential of the inverse by automatic differentiation)",
    )
    yield derivative(r"d X^{-1} = -X^{-1} (dX) X^{-1}", -Y @ dX @ Y, "multiplied by the inverse, from the left")


@derivation
def inverse_jacobian(X):
    """The differential of the inverse, for a dX that is one in entry ij and zero elsewhere."""
    I, Y = jnp.eye(X.shape[0]), linalg.inv(X)
    yield function(r"Y = X^{-1}, \quad dY = -Y (dX) Y", Y, "see inverse_jvp")
    yield derivative(
        r"\frac{\partial Y_{kl}}{\partial X_{ij}} = -\sum_{pq} Y_{kp} \frac{\partial X_{pq}}{\partial X_{ij}} Y_{ql}"
        r" = -\sum_{pq} Y_{kp} I_{pi} I_{qj} Y_{ql}",
        -jnp.einsum("kp,pi,qj,ql->klij", Y, I, I, Y),
        "X_pq moves with X_ij where p = i and q = j alone",
    )
    yield derivative(r"= -Y_{ki} Y_{jl}", -jnp.einsum("ki,jl->klij", Y, Y), "of the sum, that term is left")


@derivation
def inverse_vjp(delta, X):
    """The cotangent contracts the tensor of all derivatives."""
    Y = linalg.inv(X)
    yield function(r"Y = X^{-1}", Y)
    yield derivative(
        r"\frac{\partial J}{\partial X_{ij}} = \sum_{kl} \delta_{kl} \frac{\partial Y_{kl}}{\partial X_{ij}}"
        r" = -\sum_{kl} \delta_{kl} Y_{ki} Y_{jl}",
        -jnp.einsum("kl,ki,jl->ij", delta, Y, Y),
        "chain rule, see inverse_jacobian",
    )
    yield derivative(
        r"= -\sum_{kl} (Y^\top)_{ik} \delta_{kl} (Y^\top)_{lj}",
        -Y.T @ delta @ Y.T,
        "transposed, so that neighbouring indices are summed over: a product of three",
    )


@derivation
def solve_jvp_A_B(A, B, dA, dB):
    """The solution is what AC = B defines, and that is differentiated."""
    C = linalg.solve(A, B)
    yield function(r"C = A^{-1} B", C)
    yield equation(r"A C = B", A @ C, B, "what C solves")
    _, dC = jax.jvp(linalg.solve, (A, B), (dA, dB))
    yield equation(r"(dA) C + A \, dC = dB", dA @ C + A @ dC, dB, "product rule (dC by automatic differentiation)")
    yield derivative(r"dC = A^{-1} (dB - (dA) C)", linalg.solve(A, dB - dA @ C), "solved for dC: the same matrix again")


@derivation
def solve_vjp(delta, A, B):
    """Of J = <delta, C>, the differential is an inner product with dB, and one with dA."""
    I, Y, C = jnp.eye(B.shape[1]), linalg.inv(A), linalg.solve(A, B)
    yield function(r"C = A^{-1} B, \quad dC = A^{-1} (dB - (dA) C)", C, "see solve_jvp_A_B")
    yield derivative(
        r"\frac{\partial J}{\partial B_{ij}} = \sum_{kl} \delta_{kl} \frac{\partial C_{kl}}{\partial B_{ij}}"
        r" = \sum_{kl} \delta_{kl} (A^{-1})_{ki} I_{lj}",
        jnp.einsum("kl,ki,lj->ij", delta, Y, I),
        "chain rule, for a dB that is one in entry ij and zero elsewhere",
        by="B",
    )
    W = linalg.solve(A.T, delta)
    yield derivative(
        r"\frac{\partial J}{\partial B} = A^{-\top} \delta",
        W,
        "of the sum over l, the term l = j is left: one more solve, with the transposed matrix",
        by="B",
    )
    yield derivative(
        r"\frac{\partial J}{\partial A_{ij}} = -\sum_{kl} \delta_{kl} (A^{-1})_{ki} C_{jl}",
        -jnp.einsum("kl,ki,jl->ij", delta, Y, C),
        "likewise: dA stands where dB stood, with C behind it and a minus in front",
        by="A",
    )
    yield derivative(
        r"\frac{\partial J}{\partial A} = -\frac{\partial J}{\partial B} C^\top",
        -W @ C.T,
        "the sum over k is the gradient by B",
        by="A",
    )


@derivation
def determinant_jacobian(X):
    """Expansion along a row, of which the cofactors do not depend."""
    C = linalg.cofactors(X)
    yield function(
        r"\det X = \sum_j X_{1j} C_{1j}", jnp.sum(X[0] * C[0]), "expansion along the first row, C the cofactors"
    )
    d = linalg.det(X)
    yield equation(
        r"\sum_j X_{ij} C_{kj} = I_{ik} \det X",
        X @ C.T,
        d * jnp.eye(X.shape[0]),
        "along any row; with the cofactors of another row, it is the determinant of a matrix with two equal rows",
    )
    yield derivative(
        r"\frac{\partial \det X}{\partial X_{ij}} = C_{ij}", C, "the cofactors of row i have nothing of row i in them"
    )
    yield derivative(
        r"\frac{\partial \det X}{\partial X} = \det(X) X^{-\top}",
        d * linalg.inv(X).T,
        "line 2, solved for the cofactors",
    )


@derivation
def log_determinant_jacobian(X):
    """The chain rule: the determinant cancels."""
    C, d = linalg.cofactors(X), linalg.det(X)
    yield function(r"J = \ln |\det X|", jnp.log(jnp.abs(d)))
    yield derivative(
        r"\frac{\partial J}{\partial X_{ij}} = \frac{1}{\det X} \frac{\partial \det X}{\partial X_{ij}}"
        r" = \frac{C_{ij}}{\det X}",
        C / d,
        "the logarithm's derivative is the reciprocal, for either sign; C the cofactors, see determinant_jacobian",
    )
    yield derivative(
        r"\frac{\partial J}{\partial X} = X^{-\top}",
        linalg.inv(X).T,
        "the cofactors, transposed and over the determinant, are the inverse",
    )


@derivation
def log_determinant_jvp(X, dX):
    """The derivative by every entry, times what that entry does."""
    Y = linalg.inv(X)
    yield function(r"J = \ln |\det X|", linalg.log_abs_det(X))
    yield derivative(
        r"dJ = \sum_{ij} \frac{\partial J}{\partial X_{ij}} dX_{ij} = \sum_{ij} (X^{-1})_{ji} dX_{ij}",
        jnp.sum(Y.T * dX),
        "chain rule over all entries, see log_determinant_jacobian",
    )
    yield derivative(
        r"= \operatorname{Tr}(X^{-1} dX)", jnp.trace(Y @ dX), "the sum over i is a product, that over j its trace"
    )
