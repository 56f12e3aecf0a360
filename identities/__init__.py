"""Hand-derived vector and matrix derivatives, each verified against JAX's own."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

# The topics: importing one puts its identities into the catalog.
from identities import chain, domains, elementwise, layers, linear, linear_regression, matrix, norms, softmax
from identities.catalog import Identity, Source, catalog
from identities.options import Choice

if TYPE_CHECKING:
    from identities import adapt
    from identities.oracle.check import (
        check,
        check_derivation,
        check_hessian,
        check_jacobian,
        check_jvp,
        check_value,
        check_vjp,
    )
    from identities.oracle.diagnosis import Diagnosis
    from identities.oracle.draw.larger import around
    from identities.oracle.verdict.disagreement import WitnessMismatch
    from identities.oracle.verdict.verification import (
        CandidateMismatch,
        Counterexample,
        DerivationMismatch,
        Verification,
    )
    from identities.oracle.verify import verify

    __version__: str

__all__ = [
    "CandidateMismatch",
    "Choice",
    "Counterexample",
    "DerivationMismatch",
    "Diagnosis",
    "Identity",
    "Source",
    "Verification",
    "WitnessMismatch",
    "__version__",
    "adapt",
    "around",
    "catalog",
    "chain",
    "check",
    "check_derivation",
    "check_hessian",
    "check_jacobian",
    "check_jvp",
    "check_value",
    "check_vjp",
    "domains",
    "elementwise",
    "layers",
    "linear",
    "linear_regression",
    "matrix",
    "norms",
    "softmax",
    "verify",
]

_ORACLE = {
    "check": "check check_derivation check_hessian check_jacobian check_jvp check_value check_vjp",
    "diagnosis": "Diagnosis",
    "draw.larger": "around",
    "verdict.disagreement": "WitnessMismatch",
    "verdict.verification": "CandidateMismatch Counterexample DerivationMismatch Verification",
    "verify": "verify",
}


def __getattr__(name: str) -> Any:
    # Who imports an identity does not wait for the oracle.
    if name == "__version__":
        return importlib.metadata.version("identities")
    if name == "adapt":
        return importlib.import_module("identities.adapt")
    for module, names in _ORACLE.items():
        if name in names.split():
            return getattr(importlib.import_module(f"identities.oracle.{module}"), name)
    raise AttributeError(f"module 'identities' has no attribute {name!r}")
