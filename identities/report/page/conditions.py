"""What an identity needs of its arguments, and what becomes of it elsewhere: measured at a few points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from identities.catalog import Identity
from identities.domains import real
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, draw_values
from identities.oracle.reference.function import function_values
from identities.oracle.reference.witnesses import reference
from identities.oracle.run.programs import evaluated
from identities.report.page.pattern import small_shape
from identities.signature import Argument

_POINTS = 16
_AT_RANDOM, _AT_ZERO = "at random values", "at zero"
_ROUNDING = 1e-6
"""A difference that is no larger, beside the largest entry, tells nothing."""


@dataclass(frozen=True)
class Need:
    """A condition on one argument, in words; and what becomes of the identity without it, if that is telling."""

    name: str
    requires: str
    shown: str


def needs_of(identity: Identity) -> list[Need]:
    """All conditions of an identity."""
    return [Need(a.name, a.domain.requires, _without(identity, a)) for a in identity.arguments if a.domain.requires]


def _without(identity: Identity, argument: Argument) -> str:
    """What becomes of it where the argument is outside of its domain, in words."""
    shape = small_shape(identity)
    if argument.values != "floating" or shape is None:  # other integers than these mean nothing
        return ""
    free = _freed(identity, argument)
    batch, where = _outside(free, shape, argument)
    if not where:
        return ""
    expected = [word.values for word in reference(free, shape, batch, 0.0, 0).words["jacrev"]]
    arrays = tuple(batch.values())
    got = evaluated(closed_form_of(free, shape), arrays)(*arrays)
    for what, values in (
        ("function has no finite value", function_values(free, shape, batch)),
        ("derivative has no finite value", expected),
        ("formula gives no finite value", got),
    ):
        if not all(np.isfinite(value).all() for value in values):
            return f"Without it, the {what} {where}."
    error = _largest(got, expected)
    if error < _ROUNDING or where.startswith(_AT_ZERO):  # where what the modes say of a kink is a convention
        return ""
    return f"Without it, the formula is off by {error:.0%} of its largest entry {where}."


def _freed(identity: Identity, argument: Argument) -> Identity:
    """The identity without that condition."""
    parameters = tuple(
        replace(p, leaves=tuple(replace(a, domain=real) if a is argument else a for a in p.leaves))
        for p in identity.parameters
    )
    return replace(identity, parameters=parameters)


def _outside(free: Identity, shape: Shape, argument: Argument) -> tuple[Batch, str]:
    """Arguments outside of the domain, and where these are: at random, or else at zero; there may be none."""
    batch = draw_values(free, shape, "float64", _POINTS, 0, ("ordinary",))
    contains = evaluated(argument.domain.at(dict(shape.sizes)).contains, (batch[argument.name],))
    at_zero = batch | {argument.name: np.zeros_like(batch[argument.name])}
    for values, where in ((batch, _AT_RANDOM), (at_zero, _AT_ZERO)):
        outside = ~np.asarray(contains(values[argument.name]))
        if outside.any():
            return {name: value[outside] for name, value in values.items()}, f"{where} ({shape.described(free)})"
    return batch, ""


def _largest(got: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> float:
    """The largest difference beside the largest entry, over all results."""
    scales = [np.abs(r).max() or 1.0 for r in right]
    return max(float(np.abs(g - r).max() / scale) for g, r, scale in zip(got, right, scales, strict=True))
