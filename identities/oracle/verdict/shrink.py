"""The smallest instance for which a claim fails."""

import time
from collections.abc import Callable

import numpy as np

from identities.oracle.draw.shapes import Shape, admitted, shrinkable
from identities.oracle.draw.values import of_simple_values
from identities.oracle.trial import Leaf, Trial

TryAt = Callable[[Shape], Trial]
"""What comes of one more shape, with the options and the dtype of the one that failed."""

_SECONDS = 20.0
"""How long to look for a smaller counterexample: each shape may cost a compilation."""


def shrunk(failed: Trial, try_at: TryAt) -> list[Trial]:
    """The trials on the way to the smallest shape that fails: the last one that failed is of that shape.

    Every dimension in turn is made as small as it may be: one, two, three; and then by halves, down to where it begins
    to fail. Those that passed next to it are among them.
    """
    until = time.monotonic() + _SECONDS
    tried: dict[Shape, Trial] = {failed.shape: failed}
    smallest = failed

    def fails(shape: Shape) -> bool:
        if shape not in tried:
            tried[shape] = try_at(shape)
        return not tried[shape].passed

    for name in _largest_first(failed):
        passing = 0
        while (size := dict(smallest.shape.sizes)[name]) > passing + 1 and time.monotonic() < until:
            wanted = passing + 1 if passing < 3 else (passing + size) // 2
            shape = smallest.shape.resized(name, wanted)
            if admitted(failed.claim, shape) and fails(shape):
                smallest = tried[shape]
            else:
                passing = wanted
    return [trial for trial in tried.values() if trial is not smallest] + [smallest]


def _largest_first(failed: Trial) -> list[str]:
    sizes = dict(failed.shape.sizes)
    names = shrinkable(failed.claim, failed.shape)
    # What has a size of its own is shrunk first where it costs most; small ones are in the order of the arguments.
    return sorted(names, key=lambda name: -(sizes[name] > 12) * sizes[name])


def simplest(leaf: Leaf) -> int:
    """The failing instance of a leaf that is easiest to read."""
    telling = np.flatnonzero(~leaf.within)  # where the dtype is wrong and not the value, there are none
    faulty = [i for i, _ in leaf.faults]
    candidates = telling if telling.size else faulty or np.flatnonzero(leaf.judged)
    return int(
        min(
            candidates,
            key=lambda i: (not leaf.expected[i].any(), of_simple_values([v[i] for v in leaf.batch.values()])),
        )
    )
