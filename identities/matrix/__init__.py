"""Derivatives of functions of matrices.

The derivative of a scalar by a matrix has the shape of the matrix. Capital letters are matrices, small ones
vectors and scalars; a prime in a docstring is a transpose.
"""

# Importing one puts its identities into the catalog.
from identities.matrix import determinants as determinants
from identities.matrix import differentials as differentials
from identities.matrix import eigenvalues as eigenvalues
from identities.matrix import factorisations as factorisations
from identities.matrix import forms as forms
from identities.matrix import inverses as inverses
from identities.matrix import norms as norms
from identities.matrix import powers as powers
from identities.matrix import products as products
from identities.matrix import structured as structured
from identities.matrix import traces as traces
