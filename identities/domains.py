"""Domains: what values an argument may take, and how to draw them at random.

A domain is a projection: it sends any real array onto a member. One projection serves every purpose,
since members inherit the character of the array that they come from: Gaussian noise gives generic
members, small integers give simple ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool


@dataclass(frozen=True)
class Domain:
    """A set of admissible argument values.

    **Fields:**

    - `requires`: the condition in words, as in "every entry positive"; empty for the domain `real`.
    - `project`: sends a real NumPy array of shape (batch, ...) to members, one an entry of the batch.
    - `contains`: whether one array is a member, as a boolean JAX scalar; rounding is forgiven.
    - `admits`: whether there are members of a shape.
    """

    requires: str
    project: Callable[[np.ndarray], np.ndarray]
    contains: Callable[[Array], Bool[Array, ""]]
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True


def _distribution(z: np.ndarray) -> np.ndarray:
    # Multiples of 1/64 add up to one without rounding in every float type, bfloat16 included.
    weights = np.exp2(z - z.max(axis=-1, keepdims=True))
    counts = np.floor(64 * weights / weights.sum(axis=-1, keepdims=True))
    largest = np.expand_dims(counts.argmax(axis=-1), -1)
    missing = 64 - counts.sum(axis=-1, keepdims=True)
    np.put_along_axis(counts, largest, np.take_along_axis(counts, largest, -1) + missing, -1)
    return counts / 64


def _is_distribution(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[-1] * jnp.finfo(x.dtype).eps
    return jnp.all(x >= 0) & (jnp.abs(x.sum(axis=-1) - 1) <= forgiven).all()


real = Domain("", lambda z: z, lambda x: jnp.array(True))

positive = Domain("every entry positive", np.exp2, lambda x: jnp.all(x > 0))

nonzero = Domain("no entry zero", lambda z: z + np.where(z < 0, -0.25, 0.25), lambda x: jnp.all(x != 0))

above_minus_one = Domain("every entry above minus one", lambda z: np.exp2(z) - 0.75, lambda x: jnp.all(x > -1))

inside_unit_interval = Domain(
    "every entry strictly between minus one and one",
    lambda z: 0.9 * z / (1 + np.abs(z)),
    lambda x: jnp.all(jnp.abs(x) < 1),
)

distribution = Domain(
    "non-negative entries that sum to one (a probability distribution)", _distribution, _is_distribution
)


def _with_full_column_rank(z: np.ndarray) -> np.ndarray:
    # Singular values between one and two times the size of z: random, and far from dependent.
    U, s, Vt = np.linalg.svd(z, full_matrices=False)
    largest = s.max(axis=-1, keepdims=True)
    largest = np.where(largest > 0, largest, 1)
    return (U * (largest + s)[:, None, :]) @ Vt


full_column_rank = Domain(
    "full column rank",
    _with_full_column_rank,
    lambda x: jnp.linalg.matrix_rank(x.astype(jnp.promote_types(x.dtype, jnp.float32))) == x.shape[1],
    lambda shape: shape[0] >= shape[1],
)


def _symmetric_part(z: np.ndarray) -> np.ndarray:
    return (z + z.swapaxes(-1, -2)) / 2


def _positive_definite(z: np.ndarray) -> np.ndarray:
    # The eigenvalues of the symmetric part, moved to between one and two times the largest.
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    largest = np.abs(eigenvalues).max(axis=-1, keepdims=True)
    largest = np.where(largest > 0, largest, 1)
    return _symmetric_part((V * (largest + np.abs(eigenvalues))[:, None, :]) @ V.swapaxes(-1, -2))


def _is_symmetric(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[-1] * jnp.finfo(x.dtype).eps * jnp.abs(x).max()
    return (jnp.abs(x - x.T) <= forgiven).all()


def _has_positive_definite_part(x: Array) -> Bool[Array, ""]:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return jnp.linalg.eigvalsh(wide + wide.T).min() > 0


invertible = Domain("an invertible matrix", _with_full_column_rank, full_column_rank.contains)

full_row_rank = Domain(
    "full row rank",
    lambda z: _with_full_column_rank(z.swapaxes(-1, -2)).swapaxes(-1, -2),
    lambda x: full_column_rank.contains(x.T),
    lambda shape: shape[0] <= shape[1],
)

symmetric = Domain("a symmetric matrix", _symmetric_part, _is_symmetric)

positive_definite = Domain(
    "a symmetric positive definite matrix",
    _positive_definite,
    lambda x: _is_symmetric(x) & _has_positive_definite_part(x),
)

positive_definite_part = Domain(
    "a matrix whose symmetric part is positive definite",
    lambda z: _positive_definite(z) + (z - z.swapaxes(-1, -2)) / 2,
    _has_positive_definite_part,
)


def _with_distinct_eigenvalues(z: np.ndarray) -> np.ndarray:
    # The eigenvalues of the symmetric part, each one further from the one before by the largest.
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    largest = np.abs(eigenvalues).max(axis=-1, keepdims=True)
    apart = eigenvalues + np.where(largest > 0, largest, 1) * np.arange(z.shape[-1])
    return _symmetric_part((V * apart[:, None, :]) @ V.swapaxes(-1, -2))


distinct_eigenvalues = Domain("a symmetric matrix with distinct eigenvalues", _with_distinct_eigenvalues, _is_symmetric)

small = Domain("", lambda z: z, lambda x: jnp.array(True), lambda shape: max(shape) <= 3)
"""Any values, of at most three rows and columns: enough where a result multiplies the sizes of its arguments."""

longer_than_one = Domain("", lambda z: z, lambda x: jnp.array(True), lambda shape: shape[0] > 1)
"""Any values, of more than one entry: where a derivative in one dimension is zero, and nothing but rounding."""

beyond_one = Domain("", lambda z: z + np.where(z < 0, -1.0, 1.0), lambda x: jnp.array(True))
within_one = Domain("", inside_unit_interval.project, lambda x: jnp.array(True))
"""Any values; drawn beyond one and within it, so that an argument of either kind never equals one of the other."""
