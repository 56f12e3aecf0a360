"""Shapes of given sizes, with something for every static argument."""

from collections.abc import Mapping
from dataclasses import replace

from identities.claim import Claim
from identities.options import defaults
from identities.oracle.draw.shapes import Shape, whole_numbers

POWER = 3
"""What static arguments are that may be that."""


def of_sizes(claim: Claim, sizes: Mapping[str, int]) -> Shape:
    """The shape with those sizes; options have their default, or what a power is, or the first of their values."""
    usual = defaults(claim.function)
    wanted = {
        o.name: next((v for v in (usual.get(o.name), POWER) if v in o.values), o.values[0]) for o in claim.options
    }
    chosen = {o.name: o.values.index(wanted[o.name]) for o in claim.options}
    shape = Shape((), 0, tuple(chosen.items()))
    whole = whole_numbers(claim, 0, shape.static(claim))  # which count among the sizes
    return replace(shape, sizes=tuple((dict(sizes) | whole).items()))
