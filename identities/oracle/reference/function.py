"""The function of a claim itself, in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, wide
from identities.oracle.run.programs import evaluated, recently_made
from identities.oracle.run.traced import traced_once

Structure = tuple[tuple[int, ...], str]
"""The shape and the dtype of an array."""


def function_values(claim: Claim, shape: Shape, batch: Batch) -> tuple[np.ndarray, ...]:
    """What the function gives: every array that has derivatives, or all for a value."""
    given = wide(batch)
    primals = [given[a.name] for a in claim.primals]
    count = len(next(iter(batch.values()), ()))
    program = _program(claim.flat(shape.static(claim)), tuple(map(structure, primals)), count)
    return program(*primals)


def structure(values: np.ndarray) -> Structure:
    """The shape and the dtype of an array, as a key that programs are found by."""
    return values.shape, values.dtype.name


def structures(of: Sequence[Structure]) -> list[jax.ShapeDtypeStruct]:
    """Arrays of those shapes and dtypes, as JAX traces them."""
    return [jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for shape, dtype in of]


@recently_made
def _program(function: Any, of: tuple[Structure, ...], count: int) -> Callable[..., tuple[np.ndarray, ...]]:
    return evaluated(traced_once(function), structures(of), ("function", *function.made_of), count)
