"""Shapes of attention: one head, or heads of queries of which as many share one head of keys as there are groups.

More leading axes are for `vmap`.
"""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from identities.domains import Drawn
from identities.options import Tried

few = Drawn(largest=3)  # of up to five axes
several_keys = Drawn(admits=lambda shape: shape[-2] > 1, largest=3)  # the softmax over one is constant

Queries: TypeAlias = Annotated[Float[Array, "t d"] | Float[Array, "h*groups t d"] | Float[Array, "b h*groups t d"], few]
Keys: TypeAlias = Annotated[Float[Array, "s d"] | Float[Array, "h s d"] | Float[Array, "b h s d"], several_keys]
Values: TypeAlias = Annotated[Float[Array, "s e"] | Float[Array, "h s e"] | Float[Array, "b h s e"], few]
Attended: TypeAlias = Float[Array, "t e"] | Float[Array, "h*groups t e"] | Float[Array, "b h*groups t e"]
Biases: TypeAlias = Float[Array, "t s"] | Float[Array, "h*groups t s"] | Float[Array, "b h*groups t s"]
Kept: TypeAlias = Bool[Array, "t s"] | Bool[Array, "h*groups t s"] | Bool[Array, "b h*groups t s"]

Causal: TypeAlias = Annotated[bool, Tried(False, True)]
Scale: TypeAlias = Annotated[float | None, Tried(None, 0.3)]


def grouped(a: Array, k: Array) -> Array:
    """Heads by groups, those that share one head of keys: (..., h * groups, t, d) to (..., h, groups, t, d).

    One head without an axis, (t, d), is a group of one.
    """
    return a.reshape(*k.shape[:-2], -1, *a.shape[-2:])


def wide(*arrays: Array) -> list[Array]:
    """In float32 at least, for what sums over a whole sequence."""
    return [a.astype(jnp.promote_types(a.dtype, jnp.float32)) for a in arrays]


def like(results: tuple[Array, ...], *arrays: Array) -> tuple[Array, ...]:
    """Results in the shapes and dtypes of arrays."""
    return tuple(r.reshape(a.shape).astype(a.dtype) for r, a in zip(results, arrays, strict=True))
