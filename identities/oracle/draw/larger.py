"""Larger shapes, beyond the tiles that kernels work in, where mistakes hide from small ones."""

import math
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape, admitted, arrays_of, shrinkable, small_enough, used_names

_BEYOND_TILES = (133, 139, 143, 146, 149, 137, 141, 145)
"""Sizes beyond a tile of 32, 64 or 128, multiples of none of them, and all different."""

_ENTRIES = 100_000
"""About how many entries an array has at the larger shapes."""


class Larger(NamedTuple):
    """Few shapes at which every dimension, in one of them at least, is larger than a tile; and which stay small.

    **Fields:**

    - `slow`: the dimensions that stay small for the work that it would be.
    - `unrolled`: those with which the function's program grows.
    """

    shapes: list[Shape]
    slow: list[str]
    unrolled: list[str]


_OPERATIONS = 1 << 27
"""Numbers on the way to the function's gradient: a second or so, and the witnesses compute it some hundred times."""


def larger_shapes(
    claim: Claim,
    tried: Mapping[Shape, float],
    seconds: float,
    equations: Callable[[Shape], int],
    operations: Callable[[Shape], int],
) -> Larger:
    """The shapes at which a mistake shows that hides where all sizes are small.

    **Arguments:**

    - `tried`: the shapes that have been, for their forms and options, each with the seconds that a call took there.
    - `seconds`: how long a call may take, as far as those tell.
    - `equations`: how long the function's program is at a shape.
    - `operations`: how much work it is, together with its gradient.
    """
    base = max(tried, key=lambda shape: (len(used_names(claim, shape.form)), _work(claim, shape)))
    limit = seconds / _slope(claim, tried)
    small = base
    for i, name in enumerate(shrinkable(claim, base)):
        small = _if_admitted(claim, small.resized(name, 2 + i % 2), small)
    shapes: list[Shape] = []
    # A Python loop over a dimension makes a program that takes minutes to compile where the dimension is large.
    names = shrinkable(claim, base)
    unrolled = [name for name in names if _unrolled(claim, small, name, equations)]
    left = [name for name in names if name not in unrolled]
    slow = []
    while left:
        shape, grown = small, []
        for i, name in enumerate(left):
            larger = shape.resized(name, _BEYOND_TILES[i % len(_BEYOND_TILES)])
            if _bearable(claim, larger, limit) and operations(larger) <= _OPERATIONS:
                shape, grown = larger, [*grown, name]
        if not grown:
            name, *left = left  # which has to stay small
            slow += [name] if _bearable(claim, small.resized(name, _BEYOND_TILES[0]), math.inf) else []
            continue
        shapes.append(shape)
        left = [name for name in left if name not in grown]
    return Larger(list(dict.fromkeys(shapes)), slow, unrolled)


def _unrolled(claim: Claim, shape: Shape, name: str, equations: Callable[[Shape], int]) -> bool:
    sizes = (dict(shape.sizes)[name] + more for more in (0, 1, 2))
    lengths = {equations(s) for size in sizes if admitted(claim, s := shape.resized(name, size))}
    return len(lengths) > 1 and max(lengths) - min(lengths) > 2


def _slope(claim: Claim, tried: Mapping[Shape, float]) -> float:
    """The seconds that a call takes more for each unit of work: what every call takes does not grow with the size."""
    most, least = (extreme(tried, key=lambda shape: _work(claim, shape)) for extreme in (max, min))
    more = tried[most] - tried[least] if most != least else tried[most]
    return max(more / max(_work(claim, most) - _work(claim, least), 1.0), sys.float_info.min)


def _work(claim: Claim, shape: Shape) -> float:
    """The product of all sizes."""
    used = used_names(claim, shape.form)
    return math.prod(size for name, size in shape.sizes if name in used)


def _bearable(claim: Claim, shape: Shape, limit: float) -> bool:
    return (
        admitted(claim, shape)
        and small_enough(claim, shape)
        and all(math.prod(shape.of(a)) <= _ENTRIES for a in arrays_of(claim))
        and _work(claim, shape) <= limit
    )


def _if_admitted(claim: Claim, shape: Shape, otherwise: Shape) -> Shape:
    return shape if admitted(claim, shape) else otherwise


def around(*tiles: int) -> list[int]:
    """The sizes at, just below and just above a tile and twice a tile, for `sizes`.

    `around(32)` is 31, 32, 33, 63, 64, 65.
    """
    if not tiles or not all(isinstance(tile, int) and tile > 1 for tile in tiles):
        raise ValueError(f"around takes sizes of tiles, whole numbers above one, got {tiles!r}")
    return sorted({times * tile + more for tile in tiles for times in (1, 2) for more in (-1, 0, 1)})
