"""The shapes that the functions of matrices have in common."""

from typing import Annotated

from jaxtyping import Array, Float

from identities import domains

Scalar = Float[Array, ""]
Vector = Float[Array, " n"]
Square = Float[Array, "n n"]
Matrix = Float[Array, "n m"]
Small = Annotated[Matrix, domains.small]
SmallSquare = Annotated[Square, domains.small]
Moderate = Annotated[Square, domains.moderate]
Invertible = Annotated[Square, domains.invertible]
Symmetric = Annotated[Square, domains.symmetric]
PositiveDefinite = Annotated[Square, domains.positive_definite]
PositiveDefiniteOfColumns = Annotated[Float[Array, "m m"], domains.positive_definite]
PositiveDefinitePart = Annotated[Square, domains.positive_definite_part]
FullColumnRank = Annotated[Matrix, domains.full_column_rank]
FullRowRank = Annotated[Matrix, domains.full_row_rank]
DistinctEigenvalues = Annotated[Square, domains.distinct_eigenvalues]
DistinctPositiveEigenvalues = Annotated[Square, domains.distinct_positive_eigenvalues]
DistinctEigenpairs = Annotated[Square, domains.distinct_eigenpairs]
DistinctSpectrum = Annotated[Square, domains.distinct_spectrum]
DistinctSingularValues = Annotated[Matrix, domains.distinct_singular_values]
