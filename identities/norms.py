"""Norms and their squares."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian
from identities.checking import checked
from identities.sources import cookbook, notes


@checked
def squared_norm(x: Float[Array, " n"]) -> Float[Array, ""]:
    """J = ||x||^2 = x^T x."""
    return x @ x


@jacobian(
    squared_norm,
    states=r"\frac{\partial}{\partial x} \lVert x \rVert^2 = 2 x^\top",
    source=(notes(8), cookbook(131)),
    exact=True,
)
def squared_norm_jacobian(x):
    """Twice the vector, shape (n,)."""
    return 2 * x


@hessian(squared_norm, states=r"\frac{\partial^2}{\partial x^2} \lVert x \rVert^2 = 2 I", source=notes(8), exact=True)
def squared_norm_hessian(x):
    """Twice the identity matrix, shape (n, n)."""
    return 2 * jnp.eye(x.shape[0], dtype=x.dtype)
