"""Hand-derived vector and matrix derivatives, each verified against JAX's own."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

# The topics: importing one puts its identities into the catalog.
from identities import chain as chain
from identities import elementwise as elementwise
from identities import linear as linear
from identities import linear_regression as linear_regression
from identities import matrix as matrix
from identities import norms as norms
from identities import softmax as softmax
from identities.catalog import Identity as Identity
from identities.catalog import Source as Source
from identities.catalog import catalog as catalog

if TYPE_CHECKING:
    from identities.oracle.check import check as check
    from identities.oracle.check import check_derivation as check_derivation
    from identities.oracle.check import check_hessian as check_hessian
    from identities.oracle.check import check_jacobian as check_jacobian
    from identities.oracle.check import check_jvp as check_jvp
    from identities.oracle.check import check_value as check_value
    from identities.oracle.check import check_vjp as check_vjp
    from identities.oracle.diagnosis import Diagnosis as Diagnosis
    from identities.oracle.draw.shapes import around as around
    from identities.oracle.verdict.verification import CandidateMismatch as CandidateMismatch
    from identities.oracle.verdict.verification import Counterexample as Counterexample
    from identities.oracle.verdict.verification import DerivationMismatch as DerivationMismatch
    from identities.oracle.verdict.verification import Verification as Verification
    from identities.oracle.verify import verify as verify

_ORACLE = {
    "check": "check check_derivation check_hessian check_jacobian check_jvp check_value check_vjp",
    "diagnosis": "Diagnosis",
    "draw.shapes": "around",
    "verdict.verification": "CandidateMismatch Counterexample DerivationMismatch Verification",
    "verify": "verify",
}


def __getattr__(name: str) -> Any:
    # Who imports an identity does not wait for the oracle.
    if name == "__version__":
        return importlib.metadata.version("identities")
    for module, names in _ORACLE.items():
        if name in names.split():
            return getattr(importlib.import_module(f"identities.oracle.{module}"), name)
    raise AttributeError(f"module 'identities' has no attribute {name!r}")
