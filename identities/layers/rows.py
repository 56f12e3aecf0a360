"""What layers do with rows, along the last axis: sums over all others, and p-norms with their derivatives."""

import math

import jax.numpy as jnp
from jaxtyping import Array


def over_rows(a: Array) -> Array:
    """The sum over all axes but the last."""
    return a.sum(tuple(range(a.ndim - 1)))


def outer_over_rows(a: Array, b: Array) -> Array:
    """The sum of the outer products of corresponding rows; of those of a, there may be matrices."""
    leading = tuple(range(b.ndim - 1))
    return jnp.tensordot(a, b, (leading, leading))


def wide(a: Array) -> Array:
    """In float32 at least, as what is summed in half precision is."""
    return a.astype(jnp.promote_types(a.dtype, jnp.float32))


def p_norm(d: Array, p: float, axis: int = -1) -> Array:
    """The root of the sum of |d|^p, for p from one to infinity, with the axis kept; differentiable at zero, too."""
    size = d * jnp.sign(d)  # in place of |d|, so that its derivative at zero is zero, as PyTorch has it
    if math.isinf(p):
        return size.max(axis, keepdims=True)
    total = (d * d if p == 2 else power(size, p)).sum(axis, keepdims=True)
    positive = jnp.where(total > 0, total, 1)
    return jnp.where(total > 0, jnp.sqrt(positive) if p == 2 else _root(positive, p), 0)


def _root(a: Array, p: float) -> Array:
    """The p-th root of positive numbers, for p from one on."""
    if p == 1:
        return a
    root = a ** (1 / p)
    # 1/p is rounded, which the root of a very small or large number shows: one step of Newton's method mends that. The
    # power that it takes may be beyond the range where a is next to its end, and is never formed.
    return root * (1 - (power(root, p - 1) * (root / a) - 1) / p)


def p_norm_gradient(d: Array, norm: Array, p: float, axis: int = -1) -> Array:
    """The derivative of a p-norm, which is given: the direction of d for p = 2; zero at zero.

    The largest entries share that of the maximum.
    """
    if math.isinf(p):
        largest = jnp.abs(d) == norm
        return jnp.where(largest, jnp.sign(d), 0) / largest.sum(axis, keepdims=True, dtype=d.dtype)
    inverse = 1 / jnp.where(norm > 0, norm, jnp.inf)
    return d * inverse if p == 2 else jnp.sign(d) * power(jnp.abs(d) * inverse, p - 1)


def power(a: Array, p: float) -> Array:
    """a^p, by multiplication where p is whole."""
    return a ** (int(p) if float(p).is_integer() else p)
