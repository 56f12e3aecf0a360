"""Copies of arguments that have moved by their rounding, or by next to nothing, and stay in their domains."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, complex_parts, real_parts
from identities.oracle.run.programs import evaluated, recently_made
from identities.signature import Argument


def perturbed(claim: Claim, shape: Shape, batch: Batch, relative: float, seed: int) -> list[Batch]:
    """Four copies of a wide batch, in which every number has moved by that relative amount, up or down.

    The amount is relative to the entry, or to the norm of a matrix whose domain is normwise. The
    signs are random but for this: over the four copies, the signs of an entry are orthogonal to those of
    its neighbours. So what the root mean square over the copies measures is the sum of squares of the
    entries' effects, and hardly ever a cancellation among them. Integers and booleans stay, and nothing leaves
    its domain.
    """
    rng = np.random.default_rng(seed)
    copies: list[Batch] = [{}, {}, {}, {}]
    entries = 0
    for a in claim.arguments:
        values = batch[a.name]
        if not a.moves:
            copies = [copy | {a.name: values} for copy in copies]
            continue
        parts = real_parts(values)
        random = rng.choice((-relative, relative), parts.shape)
        columns = (entries + np.arange(parts[0].size)) % 4
        entries += parts[0].size
        scale = np.linalg.norm(values, 2, axis=(-2, -1), keepdims=True) if a.domain.normwise else parts
        for copy, row in zip(copies, _HADAMARD, strict=True):
            steps = scale * random * row[columns].reshape(parts.shape[1:])
            copy[a.name] = moved(a, shape, values, complex_parts(steps, values))
    return copies


_HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


def moved(a: Argument, shape: Shape, values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Values after a small step; where that leaves the domain, after the opposite one, or after none."""
    there = values + steps
    if a.domain.interior:
        return there
    are_members = _membership(a.domain.at(dict(shape.sizes)).contains, values.shape, values.dtype.name)
    for others in (values - steps, values):
        left = ~np.asarray(are_members(there), bool)
        there[left] = others[left]
    return there


@recently_made
def _membership(contains: Callable[[Any], Any], shape: tuple[int, ...], dtype: str) -> Callable[..., Any]:
    """Says of a batch which arrays a domain contains: of all in one go, if the test is one that JAX can trace."""
    try:
        return evaluated(contains, [jax.ShapeDtypeStruct(shape, np.dtype(dtype))])
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
        return lambda values: [bool(contains(jnp.asarray(value))) for value in values]


def tiny_steps(a: Argument, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random steps of the thirteenth digit; at zero as large as at one, unless the domain may end there."""
    parts = real_parts(values)
    free = a.domain.interior and not a.domain.requires
    scale = np.where(parts == 0, 1.0 if free or not a.domain.interior else 0.0, parts)
    return complex_parts(1e-13 * rng.uniform(-1, 1, parts.shape) * scale, values)
