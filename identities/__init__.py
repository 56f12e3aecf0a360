"""Hand-derived vector and matrix derivatives, each verified against JAX's own."""

from typing import TYPE_CHECKING, Any

from identities import chain, elementwise, linear, linear_regression, norms, softmax  # noqa: F401
from identities.catalog import Identity as Identity
from identities.catalog import Source as Source
from identities.catalog import catalog as catalog

if TYPE_CHECKING:
    from identities.oracle.verify import Verification as Verification
    from identities.oracle.verify import verify as verify


def __getattr__(name: str) -> Any:
    # Who imports an identity does not wait for the oracle, which needs Hypothesis.
    if name in ("verify", "Verification"):
        from identities.oracle import verify

        return getattr(verify, name)
    raise AttributeError(f"module 'identities' has no attribute {name!r}")
