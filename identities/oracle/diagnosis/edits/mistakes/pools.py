"""The largest entry of every window that moves over an array, found again on the way back by comparing."""

import functools
import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Here
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, pulling, spelled


def pools(program: Program) -> Iterator[Proposal]:
    """Every pooling by the largest or the least entry, pulled back by a loop over its windows."""
    for address, operation in firsts(program):
        if operation.name not in _POOLS or not any(program.active(operation)):
            continue
        for written, kind, words in _MISTAKES:
            at = pulling(address, functools.partial(_pulled, written))
            yield Proposal(kind, words.format(spelled(operation)), 1.5, at, operation.place)


_POOLS = ("reduce_window_max", "reduce_window_min")

_LAST = "keeps only what the last window of {} gives"

_MISTAKES = (
    ("added", "missing-factor", "gives the whole cotangent of {} to each of several equal entries"),
    ("to the largest", "reduction", f"{_LAST} to an entry, as `=` in place of `+=` does"),
    ("to windows", "reduction", f"{_LAST} to all of its entries, as `=` in place of `+=` does"),
)
"""Where a cotangent is written, or whether it is added; if that is all, to every entry that is equal to the largest."""


def _pulled(written: str, here: Here) -> Mapping[int, np.ndarray]:
    p = here.kernel.parameters
    if {*p["base_dilation"], *p["window_dilation"]} != {1} or min(itertools.chain(*p["padding"])) < 0:
        raise LookupError(here.operation.name)
    (array,), (best,), (cotangent,) = here.operands, here.results, here.cotangents
    around = [(0, 0), *p["padding"]]
    padded = np.pad(array.astype(float), around, constant_values=np.nan)
    taps, seen = [], np.zeros(best.shape, bool)
    for tap in itertools.product(*map(range, p["window_dimensions"])):
        met = (slice(None), *map(_met, tap, p["window_strides"], best.shape[1:]))
        chosen = padded[met] == best
        taps.append((met, chosen if written == "added" else chosen & ~seen))
        seen |= chosen
    found = np.zeros(padded.shape)
    for met, chosen in reversed(taps):  # of the windows that an entry is in, it is early in the last one
        sent = cotangent * chosen
        if written == "added":
            found[met] += sent
        else:
            found[met] = sent if written == "to windows" else np.where(chosen, sent, found[met])
    inside = (slice(low, low + n) for (low, _), n in zip(around, array.shape, strict=True))
    return {0: found[tuple(inside)]}


def _met(tap: int, stride: int, count: int) -> slice:
    """The entries along an axis at one place in every window."""
    return slice(tap, tap + stride * (count - 1) + 1, stride)
