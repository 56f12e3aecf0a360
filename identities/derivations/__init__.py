"""Derivations of identities, one topic a file: importing this package declares them.

`import identities` does not: who uses a formula does not wait for where it comes from.
"""

from identities.derivation import Derivation, declared, names
from identities.derivations import (
    attention,
    chain,
    elementwise,
    linear,
    linear_regression,
    matrix,
    normalisation,
    softmax,
)

__all__ = [
    "Derivation",
    "attention",
    "chain",
    "declared",
    "elementwise",
    "linear",
    "linear_regression",
    "matrix",
    "names",
    "normalisation",
    "softmax",
]
