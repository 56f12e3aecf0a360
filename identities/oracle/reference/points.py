"""At which instances a result is judged, and by whom."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, real_parts
from identities.oracle.reference.differences import DIFFERENCES, differences
from identities.oracle.reference.function import function_values
from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.rounding import beyond_range
from identities.oracle.reference.witnesses import smooth
from identities.oracle.reference.words import Reference, Word

_LOOKED_AT, _DOUBTFUL = 16, 128
"""Of how many instances differences are asked: of those that everybody agrees on, and of those that are in doubt."""

_NO_DERIVATIVE = "no derivative, or none that can be told"

BEYOND_RANGE = "beyond the range of {} on the way"

_WEAK = 1e-4
"""A derivative by differences that may be off by that much decides nothing by itself."""

_NOTHING = 1e-290
"""A derivative that small is zero, as that of a constant is to the least error that differences have."""


@dataclass(frozen=True)
class Points:
    """What can be said of the instances of a batch.

    **Fields:**

    - `judged`: at which a result is held against the witnesses.
    - `free`: at which it is right if it agrees with any of them: at a kink, where each rule has its own convention, and
      a value between the one-sided derivatives is right too; and where automatic differentiation gives NaN.
    - `reasons`: why the others are not judged, and how many there are of each.
    """

    judged: np.ndarray
    free: np.ndarray
    reasons: Mapping[str, int] = field(default_factory=dict)

    def without(self, which: np.ndarray, why: str) -> "Points":
        """Without some of the instances."""
        left_out = int((which & self.judged).sum())
        if not left_out:
            return self
        return replace(self, judged=self.judged & ~which, reasons={**self.reasons, why: left_out})


def everywhere(count: int) -> Points:
    """Every instance is judged by every witness."""
    return Points(np.ones(count, bool), np.zeros(count, bool))


def examined(
    claim: Claim, shape: Shape, batch: Batch, right: Reference, seed: int, thorough: bool
) -> tuple[Reference, Points]:
    """The witnesses with the word of differences added, and the instances that are judged.

    **Arguments:**

    - `thorough`: whether kinks are looked for; without, every instance is held to what automatic differentiation says.
    """
    count = len(next(iter(batch.values()), np.zeros(1)))
    if not claim.kind.order:
        judged = _defined(right)
        undefined = {"the function is not finite": int((~judged).sum())}
        return right, Points(judged, np.zeros(count, bool), undefined if not judged.all() else {})
    agreed = smooth(claim, shape, batch, seed) if thorough else np.ones(count, bool)
    words = differences(claim, shape, batch, _looked_at(agreed), seed)
    told = _are_telling(words, right)
    if (alone := np.flatnonzero(told & _is_lost(right))).size:
        # Along one entry, the function may be smooth where it leaps along every other line, as qr does at zero.
        told[alone] = _are_telling(differences(claim, shape, batch, alone, seed, whole=True), right)[alone]
    judged = agreed | told | _steep(claim, shape, batch, right)
    if thorough:  # the logarithm of a negative number has no derivative, although its rule gives one
        judged &= _has_value(claim, shape, batch)
    doubtful = np.flatnonzero(judged & ~agreed)
    beyond = np.zeros(count, bool)
    beyond[doubtful[beyond_range(claim, shape, batch, doubtful, seed)]] = True
    points = Points(judged, ~agreed, _reasons(claim, shape, batch, ~judged))
    _still(right, ~agreed)
    return Reference({**right.words, DIFFERENCES: words}), points.without(beyond, BEYOND_RANGE.format("float64"))


def _defined(right: Reference) -> np.ndarray:
    """Where a function has a value; a jump or a kink in it is no reason not to judge that."""
    return ~_is_lost(right)


def _looked_at(agreed: np.ndarray) -> np.ndarray:
    """All that are in doubt, and some of the others, of every regime."""
    doubtful, others = np.flatnonzero(~agreed)[:_DOUBTFUL], np.flatnonzero(agreed)
    spread = others[np.linspace(0, len(others) - 1, min(_LOOKED_AT, len(others))).astype(int)] if len(others) else []
    return np.sort(np.concatenate([doubtful, spread]).astype(int))


def _is_lost(right: Reference) -> np.ndarray:
    """At which instances a mode of automatic differentiation says NaN."""
    found = [np.isnan(word.values) for words in right.words.values() for word in words]
    return np.any([lost.reshape(len(lost), -1).any(axis=1) for lost in found], axis=0)


def _are_telling(words: Sequence[Word], right: Reference) -> np.ndarray:
    return np.all([_is_telling(word, right.of(leaf)) for leaf, word in enumerate(words)], axis=0)


def _is_telling(word: Word, others: Mapping[str, Word]) -> np.ndarray:
    """Where differences are exact enough to decide alone, or beside a mode of automatic differentiation.

    At a kink at which that says NaN, NaN is nobody's mistake.
    """
    count = len(word.values)
    error = largest_of(np.asarray(word.error))
    parts = [word.values, np.asarray(word.within if word.within is not None else 0.0 * word.values)]
    own = np.max([largest_of(np.abs(part)) for part in parts], axis=0)
    finite = [w.values[np.isfinite(w.values)] for w in others.values()]
    usual = np.median([np.abs(values).max(initial=0) for values in finite])
    lost = np.any([np.isnan(w.values).reshape(count, -1).any(axis=1) for w in others.values()], axis=0)
    kink = parts[1].reshape(count, -1).any(axis=1)
    return (error <= _WEAK * np.maximum(np.maximum(own, usual), _NOTHING)) & ~(kink & lost)


def _steep(claim: Claim, shape: Shape, batch: Batch, right: Reference) -> np.ndarray:
    """Where the function is finite and its derivative infinite, as that of sqrt at zero, which both modes agree on."""
    found = np.ones(len(next(iter(batch.values()), np.zeros(1))), bool)
    for leaf in range(len(claim.leaves)):
        full = [word for word in right.of(leaf).values() if word.in_full]
        if not full:
            return np.zeros(len(found), bool)
        first, *others = full
        for other in others:
            same = (first.values == other.values) | (np.isfinite(first.values) & np.isfinite(other.values))
            found &= same.reshape(len(found), -1).all(axis=1)
        found &= ~np.isnan(first.values).reshape(len(found), -1).any(axis=1)
    infinite = [np.isinf(w.values).reshape(len(found), -1).any(axis=1) for ws in right.words.values() for w in ws]
    found &= np.any(infinite, axis=0)
    return found & _finite(claim, shape, batch) if found.any() else found


def _finite(claim: Claim, shape: Shape, batch: Batch) -> np.ndarray:
    finite = np.ones(len(next(iter(batch.values()), np.zeros(1))), bool)
    for values in function_values(claim, shape, batch):
        finite &= np.isfinite(real_parts(values)).reshape(len(finite), -1).all(axis=1)
    return finite


def _has_value(claim: Claim, shape: Shape, batch: Batch) -> np.ndarray:
    """Where no result of the function is NaN."""
    found = np.ones(len(next(iter(batch.values()), np.zeros(1))), bool)
    for values in function_values(claim, shape, batch):
        found &= ~np.isnan(real_parts(values)).reshape(len(found), -1).any(axis=1)
    return found


def _reasons(claim: Claim, shape: Shape, batch: Batch, left_out: np.ndarray) -> dict[str, int]:
    if not left_out.any():
        return {}
    finite = _finite(claim, shape, batch)
    said = [_NO_DERIVATIVE if finite[i] else "the function is not finite" for i in np.flatnonzero(left_out)]
    return dict(Counter(said))


def _still(right: Reference, doubtful: np.ndarray) -> None:
    """Where there is no derivative, its movement would be the unit of all others."""
    for words in right.words.values():
        for word in words:
            word.movement[doubtful] = 0
