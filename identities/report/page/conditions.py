"""What an identity needs of its arguments, and what becomes of it elsewhere."""

from dataclasses import dataclass, replace

import numpy as np

from identities.catalog import Identity
from identities.domains import Domain
from identities.signature import Argument


@dataclass(frozen=True)
class Need:
    """A condition on one argument, in words; and what a measurement outside of it showed, if that is telling."""

    name: str
    requires: str
    shown: str


def needs_of(identity: Identity) -> list[Need]:
    """All conditions of an identity."""
    return [Need(a.name, a.domain.requires, "") for a in identity.arguments if a.domain.requires]
