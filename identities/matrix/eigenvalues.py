"""Eigenvalues and eigenvectors.

Where eigenvalues meet, sorting them has no derivative. The formulas for eigenvalues then give the changes along
whatever eigenvectors the factorisation happens to choose, of which only the sum over the repeated ones means
anything; those for eigenvectors divide by the gap, and are not finite. Outside `jit`, both are refused.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jacobian, jvp, vjp
from identities.checking import checked
from identities.matrix.shapes import (
    DistinctEigenpairs,
    DistinctEigenvalues,
    DistinctPositiveEigenvalues,
    DistinctSpectrum,
    Scalar,
    Square,
    Symmetric,
    Vector,
)
from identities.sources import cookbook, giles


@checked
def sum_of_eigenvalues(X: DistinctEigenvalues) -> Scalar:
    """The sum of the eigenvalues, which is the trace."""
    return linalg.eigvalsh(X).sum()


@jacobian(sum_of_eigenvalues, states=r"\D{X} \sum_i \lambda_i(X) = \D{X} \Tr X = I", source=cookbook(66))
def sum_of_eigenvalues_jacobian(X):
    """The identity matrix, shape (n, n)."""
    return jnp.eye(X.shape[0], dtype=X.dtype)


@checked
def product_of_eigenvalues(X: DistinctPositiveEigenvalues) -> Scalar:
    """The product of the eigenvalues, which is the determinant."""
    return linalg.eigvalsh(X).prod()


@jacobian(
    product_of_eigenvalues, states=r"\D{X} \prod_i \lambda_i(X) = \D{X} \det X = \det(X) X^{-\top}", source=cookbook(66)
)
def product_of_eigenvalues_jacobian(X):
    """The cofactors, shape (n, n); of the symmetric part, which is all that the function sees."""
    return linalg.cofactors((X + X.T) / 2)


@checked
def eigenvalues(A: DistinctEigenvalues) -> Vector:
    """The eigenvalues of a symmetric matrix, in ascending order."""
    return linalg.eigvalsh(A)


@jvp(eigenvalues, states=r"d\lambda_i = v_i^\top (dA) v_i", source=(cookbook(67), giles("3.1")))
def eigenvalues_jvp(A, dA):
    """The diagonal of V'(dA)V, shape (n,)."""
    _, V = linalg.eigh(A)
    return jnp.sum(V * (dA @ V), axis=0)


@vjp(eigenvalues, states=r"\D{A} J = V \operatorname{diag}(\delta) V^\top", source=giles("3.1"))
def eigenvalues_vjp(delta, A):
    """A matrix with the same eigenvectors, shape (n, n)."""
    _, V = linalg.eigh(A)
    return (V * delta) @ V.T


@checked
def eigenvectors(A: DistinctEigenpairs) -> Square:
    """The unit eigenvectors of a symmetric matrix as columns, each with its largest entry positive."""
    return _eigenpairs(A)[1]


def _eigenpairs(A):
    eigenvalues, V = linalg.eigh(A)
    return eigenvalues, V * jnp.sign(jnp.amax(V, axis=0) + jnp.amin(V, axis=0))


def _inverse_gaps(eigenvalues):
    """1/(lambda_j - lambda_i) in row i and column j, and zero on the diagonal."""
    eye = jnp.eye(len(eigenvalues), dtype=eigenvalues.dtype)
    return (1 - eye) / (eigenvalues - eigenvalues[:, None] + eye)


@jvp(eigenvectors, states=r"dv_i = (\lambda_i I - A)^+ (dA) v_i", source=(cookbook(68), giles("3.1")))
def eigenvectors_jvp(A, dA: Symmetric):
    """Each column is a combination of the other ones, shape (n, n)."""
    eigenvalues, V = _eigenpairs(A)
    return V @ (_inverse_gaps(eigenvalues) * (V.T @ dA @ V))


@vjp(
    eigenvectors,
    states=r"\D{A} J = \frac{1}{2} (G + G^\top), \quad G = V (F \circ V^\top \delta) V^\top,"
    r" F_{ij} = \frac{1}{\lambda_j - \lambda_i}",
    source=giles("3.1"),
)
def eigenvectors_vjp(delta, A):
    """The symmetric part, since only the symmetric part of A is seen, shape (n, n)."""
    eigenvalues, V = _eigenpairs(A)
    G = V @ (_inverse_gaps(eigenvalues) * (V.T @ delta)) @ V.T
    return (G + G.T) / 2


@checked
def spectrum(A: DistinctSpectrum) -> Float[Array, "2 n"]:
    """The eigenvalues of any square matrix, sorted: a row of real parts and a row of imaginary parts."""
    return linalg.spectrum(A)


@jvp(spectrum, states=r"d\lambda_i = (U^{-1} (dA) U)_{ii}", source=giles("3.1"))
@linalg.in_every_dtype
def spectrum_jvp(A, dA):
    """Between left and right eigenvectors, shape (2, n)."""
    _, U = linalg.eig(A)
    changes = jnp.diag(jnp.linalg.solve(U, dA @ U))
    return jnp.stack([changes.real, changes.imag])


@vjp(
    spectrum,
    states=r"\D{A} J = \operatorname{Re}(U^{-\top} \operatorname{diag}(\overline{\delta}) U^\top)",
    source=giles("3.1"),
)
@linalg.in_every_dtype
def spectrum_vjp(delta, A):
    """With delta the row of real parts plus i times the row of imaginary parts, shape (n, n)."""
    _, U = linalg.eig(A)
    return jnp.linalg.solve(U.T, (delta[0] - 1j * delta[1])[:, None] * U.T).real
