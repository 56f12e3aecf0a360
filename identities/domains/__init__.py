"""Domains: what values an argument may take, and how to draw them at random.

A domain is a projection: it sends any real array onto a member. One projection serves every purpose,
since members inherit the character of the array that they come from: Gaussian noise gives generic
members, small integers give simple ones.

What must hold of an argument is one thing, and which of the allowed values are drawn is another: the first is a
`Domain`, the second is `Drawn`, which nobody's arguments are checked against.
"""

from identities.domains.domain import Domain, Drawn, Values
from identities.domains.matrices import (
    distinct_eigenpairs,
    distinct_eigenvalues,
    distinct_positive_eigenvalues,
    distinct_singular_values,
    distinct_spectrum,
    full_column_rank,
    full_row_rank,
    invertible,
    moderate,
    orthogonal,
    positive_definite,
    positive_definite_part,
    symmetric,
)
from identities.domains.numbers import (
    above_minus_one,
    between_zero_and_one,
    beyond_one,
    boolean,
    complex_numbers,
    distribution,
    index,
    inside_unit_interval,
    integers,
    label,
    longer_than_one,
    nonzero,
    other_than_zero,
    positive,
    real,
    sign,
    small,
    within_one,
)

__all__ = [
    "Domain",
    "Drawn",
    "Values",
    "above_minus_one",
    "between_zero_and_one",
    "beyond_one",
    "boolean",
    "complex_numbers",
    "distinct_eigenpairs",
    "distinct_eigenvalues",
    "distinct_positive_eigenvalues",
    "distinct_singular_values",
    "distinct_spectrum",
    "distribution",
    "full_column_rank",
    "full_row_rank",
    "index",
    "inside_unit_interval",
    "integers",
    "invertible",
    "label",
    "longer_than_one",
    "moderate",
    "nonzero",
    "orthogonal",
    "other_than_zero",
    "positive",
    "positive_definite",
    "positive_definite_part",
    "real",
    "sign",
    "small",
    "symmetric",
    "within_one",
]
