"""Eigenvalues of symmetric matrices."""

import jax.numpy as jnp

from identities import linalg
from identities.catalog import jacobian
from identities.matrix.shapes import Distinct, Scalar
from identities.signature import checked
from identities.sources import cookbook


@checked
def sum_of_eigenvalues(X: Distinct) -> Scalar:
    """The sum of the eigenvalues, which is the trace."""
    return linalg.eigvalsh(X).sum()


@jacobian(
    sum_of_eigenvalues,
    states=r"\frac{\partial}{\partial X} \sum_i \lambda_i(X) = \frac{\partial}{\partial X} \operatorname{Tr} X = I",
    source=cookbook(66),
)
def sum_of_eigenvalues_jacobian(X):
    """The identity matrix, shape (n, n)."""
    return jnp.eye(X.shape[0], dtype=X.dtype)
