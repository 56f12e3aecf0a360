"""Shapes of given sizes, with something for every static argument."""

from collections.abc import Mapping

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape

POWER = 3
"""What static arguments are that may be that."""


def of_sizes(claim: Claim, sizes: Mapping[str, int]) -> Shape:
    """The shape with those sizes; options that no power is have the first of their values."""
    chosen = {o.name: o.values.index(POWER) if POWER in o.values else 0 for o in claim.options}
    powers = {o.name: POWER for o in claim.options if POWER in o.values}  # which count among the sizes, as integers do
    return Shape(tuple((dict(sizes) | powers).items()), 0, tuple(chosen.items()))
