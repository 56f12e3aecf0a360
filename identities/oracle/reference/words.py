"""What witnesses say of a batch of instances."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

LAST = -1
"""In place of the axis from which a probe is contracted: over the last axes."""


@dataclass(frozen=True)
class Word:
    """What a witness says of one array of a result, for a batch of instances.

    **Fields:**

    - `values`: the array itself; or, with a probe, its product with that.
    - `movement`: how far each entry moves, in root mean square, when every input moves up or down by
      the spacing of the dtype under test; measured.
    - `probe`: random vectors, one an instance, with which an array is contracted over its axes from `axis` on, or over
      its last ones.
    - `error`: of a witness that knows how far off it may be, that for each entry; infinite where it says nothing.
    - `within`: at a kink, how far from `values` a result may be: half of the difference of the one-sided derivatives.
    """

    values: np.ndarray
    movement: np.ndarray
    probe: np.ndarray | None = None
    axis: int = 1
    error: np.ndarray | None = None
    within: np.ndarray | None = None

    @property
    def in_full(self) -> bool:
        """Whether it gives every entry, as exactly as float64 has them."""
        return self.probe is None and self.error is None

    @property
    def spoken(self) -> np.ndarray:
        """Of which instances it says anything."""
        if self.error is None:
            return np.ones(len(self.values), bool)
        return np.asarray(np.isfinite(self.error).reshape(len(self.values), -1).all(axis=1))

    def with_those(self, other: "Word", which: np.ndarray) -> "Word":
        """With what another word of the kind says about some instances."""

        def merged(name: str) -> np.ndarray | None:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is None:
                return None
            found = np.array(mine)
            found[which] = theirs[which]
            return found

        return replace(self, **{name: merged(name) for name in ("values", "movement", "probe", "error", "within")})

    def of(self, got: np.ndarray) -> np.ndarray:
        """What a result has to say where the witness gives its values."""
        if self.probe is None:
            return got
        vectors = self.probe.reshape(len(got), -1)
        before = 1 if self.axis == 1 else math.prod(got.shape[1:]) // max(vectors.shape[1], 1)
        parts = got.reshape(len(got), before, vectors.shape[1], -1)
        # What a line does not move along says nothing, and infinity times nothing would say too much.
        parts = np.where(vectors[:, None, :, None] == 0, 0, parts)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.einsum("bpva,bv->bpa", parts, vectors).reshape(self.values.shape)


@dataclass(frozen=True)
class Reference:
    """What is held to be true for a batch of instances: by the name of the witness, a word on each array."""

    words: Mapping[str, tuple[Word, ...]]

    def of(self, leaf: int) -> dict[str, Word]:
        """What all witnesses say of one array."""
        return {witness: words[leaf] for witness, words in self.words.items()}
