"""Dynamic Tanh, which stands where a normalisation would, and needs no statistics."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, inside_unit_interval, within_one
from identities.elementwise import tanh_derivative
from identities.sources import paper

# Where tanh is flat, its second derivative as JAX has it consists of rounding, which sums over rows would hide.
Rows: TypeAlias = Annotated[Float[Array, "... c"], Drawn(lambda z: 3 * inside_unit_interval.project(z), largest=3)]
Channels: TypeAlias = Float[Array, " c"]


@checked
def dynamic_tanh(x: Rows, alpha: Annotated[Float[Array, ""], within_one], w: Channels, b: Channels) -> Rows:
    """z = w tanh(alpha x) + b."""
    return w * jnp.tanh(alpha * x) + b


@vjp(
    dynamic_tanh,
    wrt=("x", "alpha", "w", "b"),
    states=(
        r"\alpha g",
        r"\sum g \circ x, \quad g = \delta \circ w \circ (1 - \tanh^2 \alpha x)",
        r"\sum \delta \circ \tanh \alpha x",
        r"\sum \delta",
    ),
    source=paper("Dynamic Tanh", "4"),
    saves=r"\tanh \alpha x",
)
def dynamic_tanh_vjp(delta, x, alpha, w, b):
    """The scalar's is summed over all entries, those of the channels over all rows."""
    rows = tuple(range(x.ndim - 1))
    g = delta * w * tanh_derivative(alpha * x)
    return alpha * g, (g * x).sum(), (delta * jnp.tanh(alpha * x)).sum(rows), delta.sum(rows)
