"""What inquiries into one claim under one plan have in common, whoever the candidate is."""

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from identities.oracle.diagnosis import Diagnosis
from identities.oracle.draw.values import Batch
from identities.oracle.reference.points import Points
from identities.oracle.reference.words import Reference


def digest(values: Any) -> bytes:
    """A digest of results: of arrays to the last bit, of all else by what is printed of it."""
    found = hashlib.sha256()
    _add(values, found)
    return found.digest()


def _add(values: Any, found: Any) -> None:
    if isinstance(values, (list, tuple)):
        found.update(f"{len(values)} of".encode())
        for value in values:
            _add(value, found)
    elif isinstance(values, np.ndarray):
        found.update(f"{values.dtype}{values.shape}".encode() + values.tobytes())
    else:
        found.update(repr(values).encode())


class Asked(NamedTuple):
    """Arguments of one shape and dtype, and what is right for them.

    **Fields:**

    - `groups`: how many regimes there are among them, one after the other.
    """

    batch: Batch
    reference: Reference
    points: Points
    groups: int


@dataclass(frozen=True)
class Shared:
    """What has been found out so far, for the next candidate for the same claim under the same plan.

    Many hand in the same program, and many the same mistake: what has come back once is explained once.
    """

    _asked: dict[Hashable, Asked] = field(default_factory=dict)
    _explained: dict[bytes, dict[str, Diagnosis]] = field(default_factory=dict)

    def asked(self, what: Hashable, ask: Callable[[], Asked]) -> Asked:
        """What is right for arguments that are asked for by shape, dtype and number."""
        if what not in self._asked:
            self._asked[what] = ask()
        return self._asked[what]

    def explained(self, results: bytes, explain: Callable[[], Mapping[str, Diagnosis]]) -> dict[str, Diagnosis]:
        """The mistakes that lead to results, of which a digest is given."""
        if results not in self._explained:
            self._explained[results] = dict(explain())
        return self._explained[results]
