"""Derivatives of functions of matrices.

The derivative of a scalar by a matrix has the shape of the matrix. Capital letters are matrices, small ones
vectors and scalars; a prime in a docstring is a transpose.
"""

# Importing one puts its identities into the catalog.
from identities.matrix import (  # noqa: F401
    determinants,
    differentials,
    eigenvalues,
    factorisations,
    forms,
    inverses,
    norms,
    powers,
    products,
    structured,
    traces,
)
