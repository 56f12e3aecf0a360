"""The picture of a Jacobian's pattern: a square for each entry, and a block for each argument."""

import numpy as np
from markupsafe import Markup, escape

from identities.report.page.pattern import CONSTANT, VARYING, ZERO, Pattern

_SIDE, _GAP, _TOP = 14, 18, 22
_KINDS = {ZERO: "zero", CONSTANT: "constant", VARYING: "varying"}


def picture_of(pattern: Pattern) -> Markup:
    """The pattern as an image, whose squares have a class each, `zero`, `constant` and `varying`."""
    parts, x = [], 1
    for name, block in zip(pattern.names, pattern.blocks, strict=True):
        parts += [f'<text x="{x}" y="14">{escape(name)}</text>', *_squares(block, x)]
        x += _SIDE * block.shape[1] + _GAP
    # A block may be narrower than the name above it.
    width, height = x + 40, _TOP + _SIDE * max(len(block) for block in pattern.blocks) + 2
    return Markup(
        f'<svg class="pattern" role="img" aria-label="{escape(described(pattern))}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def described(pattern: Pattern) -> str:
    """How many entries there are of each kind, in words."""
    entries = np.concatenate([block.ravel() for block in pattern.blocks])
    counts = [f"{(entries == kind).sum()} {word}" for kind, word in _KINDS.items() if (entries == kind).any()]
    return f"Of {entries.size} entries: {', '.join(counts)}"


def _squares(block: np.ndarray, x: int) -> list[str]:
    """A path for each kind of entry."""
    paths = []
    for kind, word in _KINDS.items():
        places = np.argwhere(block == kind)
        moves = "".join(f"M{x + _SIDE * j} {_TOP + _SIDE * i}h12v12h-12z" for i, j in places)
        paths += [f'<path class="{word}" d="{moves}"/>'] if moves else []
    return paths
