"""Shapes of given sizes, with something for every static argument."""

from collections.abc import Mapping

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape

POWER = 3
"""What static arguments are that may be that."""


def of_sizes(claim: Claim, sizes: Mapping[str, int]) -> Shape:
    """The shape with those sizes; options that no power is have the first of their values."""
    chosen = {o.name: o.values.index(POWER) if POWER in o.values else 0 for o in claim.options}
    values = {o.name: o.values[chosen[o.name]] for o in claim.options}
    whole = {
        name: int(value) for name, value in values.items() if isinstance(value, int)
    }  # which count among the sizes
    return Shape(tuple((dict(sizes) | whole).items()), 0, tuple(chosen.items()))
