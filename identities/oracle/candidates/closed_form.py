"""A closed form of the catalog as a candidate: compiled, over whole batches."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity
from identities.claim import Claim, Flat, flattened
from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch
from identities.oracle.run.programs import compiled, recently_made
from identities.oracle.run.store import Device


@dataclass(frozen=True)
class ClosedForm:
    """The closed form of an identity, on a device."""

    identity: Identity
    device: Device

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        # All dtypes are one compilation.
        program = self.program(shape, batches)
        results = program(*[tuple(batch.values()) for batch in batches.values()])
        return {dtype: Answers(tuple(leaves)) for dtype, leaves in zip(batches, results, strict=True)}

    def program(self, shape: Shape, batches: Mapping[str, Batch]) -> Callable[..., tuple[Any, ...]]:
        """It takes a tuple of arrays for each dtype, and returns as many tuples of results."""
        of = tuple(tuple((v.shape, v.dtype.name) for v in batch.values()) for batch in batches.values())
        return _program(closed_form_of(self.identity, shape), of, self.device)


def closed_form_of(identity: Identity, shape: Shape) -> Flat:
    """The closed form from arrays to a tuple of arrays, with its static arguments filled in."""
    trees = tuple(parameter.tree for parameter in identity.parameters)
    static = shape.static(identity)
    takes = list(inspect.signature(identity.closed_form).parameters)
    first = bool(static) and takes[-len(static) :] != list(static)
    order = tuple(parameter.name for parameter in identity.parameters) if first else None
    kept = tuple(leaf.moves for leaf in identity.gives.leaves)
    return flattened(identity.closed_form, trees, identity.gives.tree, tuple(static.items()), kept, order)


@recently_made
def _program(closed_form: Any, of: Any, device: Device) -> Callable[..., tuple[np.ndarray, ...]]:
    def evaluate(*by_dtype):
        return tuple(closed_form(*arguments) for arguments in by_dtype)

    structures = [tuple(jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape, dtype in one) for one in of]
    return compiled(evaluate, structures, device, ("closed form", *closed_form.made_of))
