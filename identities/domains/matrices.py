"""Domains of matrices, and of stacks of them: of some rank, symmetric, with eigenvalues that are told apart."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from identities.domains.domain import Domain, Drawn
from identities.domains.numbers import real


def _of_matrices(
    requires: str,
    project: Callable[[np.ndarray], np.ndarray],
    contains: Callable[[Array], Bool[Array, ""]],
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True,
    **more: Any,
) -> Domain:
    """A domain of matrices, given for single ones: along leading axes there may be others of them."""

    def project_each(z: np.ndarray) -> np.ndarray:
        if z.ndim < 3:  # of a batch
            raise ValueError("they are matrices")
        return project(z.reshape(-1, *z.shape[-2:])).reshape(z.shape)

    def contains_each(x: Array) -> Bool[Array, ""]:
        return jax.vmap(contains)(x.reshape(-1, *x.shape[-2:])).all() if x.ndim > 2 else contains(x)

    return Domain(requires, project_each, contains_each, lambda shape: admits(shape[-2:]), **more)


def _nonzero(largest: np.ndarray) -> np.ndarray:
    return np.where(largest > 0, largest, 1)


def _wide(x: Array) -> Array:
    """In a dtype that LAPACK has."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


_OF_DETERMINANTS = Drawn(largest=6)
"""What has a determinant, which grows with the power of rows and columns: float32 is to hold three."""


def _singular(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The singular value decomposition of every matrix of a batch, or of its neighbour."""
    try:
        return np.linalg.svd(z, full_matrices=False)
    except np.linalg.LinAlgError:  # LAPACK fails over a few matrices of small integers, and not over their neighbours
        return np.linalg.svd(z + 1e-6 * np.eye(*z.shape[-2:]), full_matrices=False)


def _with_full_rank(z: np.ndarray) -> np.ndarray:
    # Singular values between one and two times the size of z: random, and far from dependent.
    U, s, Vt = _singular(z)
    return (U * (_nonzero(s.max(axis=-1, keepdims=True)) + s)[:, None, :]) @ Vt


def _has_full_column_rank(x: Array) -> Bool[Array, ""]:
    return jnp.linalg.matrix_rank(_wide(x)) == x.shape[1]


full_column_rank: Domain = _of_matrices(
    "full column rank",
    _with_full_rank,
    _has_full_column_rank,
    lambda shape: shape[0] >= shape[1],
    normwise=True,
    interior=True,
    drawn=_OF_DETERMINANTS,
)
full_row_rank: Domain = _of_matrices(
    "full row rank",
    _with_full_rank,
    lambda x: _has_full_column_rank(x.T),
    lambda shape: shape[0] <= shape[1],
    normwise=True,
    interior=True,
    drawn=_OF_DETERMINANTS,
)
invertible: Domain = _of_matrices(
    "an invertible matrix", _with_full_rank, _has_full_column_rank, normwise=True, interior=True, drawn=_OF_DETERMINANTS
)


def _polar_factor(z: np.ndarray) -> np.ndarray:
    U, _, Vt = _singular(z)
    return U @ Vt


def _has_orthonormal_columns(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[0] * jnp.finfo(x.dtype).eps
    return jnp.abs(_wide(x).T @ _wide(x) - jnp.eye(x.shape[1])).max() <= forgiven


orthogonal: Domain = _of_matrices(
    "orthonormal columns", _polar_factor, _has_orthonormal_columns, lambda shape: shape[0] >= shape[1], interior=True
)


def _symmetric_part(z: np.ndarray) -> np.ndarray:
    return (z + z.swapaxes(-1, -2)) / 2


def _positive_definite(z: np.ndarray) -> np.ndarray:
    # The eigenvalues of the symmetric part, moved to between one and two times the largest.
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    largest = _nonzero(np.abs(eigenvalues).max(axis=-1, keepdims=True))
    return _symmetric_part((V * (largest + np.abs(eigenvalues))[:, None, :]) @ V.swapaxes(-1, -2))


def _is_symmetric(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[-1] * jnp.finfo(x.dtype).eps * jnp.abs(x).max()
    return (jnp.abs(x - x.T) <= forgiven).all()


def _has_positive_definite_part(x: Array) -> Bool[Array, ""]:
    return jnp.linalg.eigvalsh(_wide(x) + _wide(x).T).min() > 0


symmetric: Domain = _of_matrices("a symmetric matrix", _symmetric_part, _is_symmetric, interior=True)

positive_definite: Domain = _of_matrices(
    "a symmetric positive definite matrix",
    _positive_definite,
    lambda x: _is_symmetric(x) & _has_positive_definite_part(x),
    normwise=True,
    interior=True,
)

positive_definite_part: Domain = _of_matrices(
    "a matrix whose symmetric part is positive definite",
    lambda z: _positive_definite(z) + (z - z.swapaxes(-1, -2)) / 2,
    _has_positive_definite_part,
    normwise=True,
    interior=True,
)


def _apart(values: np.ndarray) -> np.ndarray:
    """Ascending values, each one further from the one before by the largest."""
    return values + _nonzero(np.abs(values).max(axis=-1, keepdims=True)) * np.arange(values.shape[-1])


def _are_distinct(values: Array) -> Bool[Array, ""]:
    gaps = jnp.where(jnp.eye(len(values)), jnp.inf, jnp.abs(values[:, None] - values))
    return gaps.min() > 4 * len(values) * jnp.finfo(values.dtype).eps * jnp.abs(values).max()


def _with_distinct_eigenvalues(z: np.ndarray) -> np.ndarray:
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    return _symmetric_part((V * _apart(eigenvalues)[:, None, :]) @ V.swapaxes(-1, -2))


def _has_distinct_eigenvalues(x: Array) -> Bool[Array, ""]:
    return _is_symmetric(x) & _are_distinct(jnp.linalg.eigvalsh(_wide(x)))


distinct_eigenvalues: Domain = _of_matrices(
    "a symmetric matrix with distinct eigenvalues",
    _with_distinct_eigenvalues,
    _has_distinct_eigenvalues,
    normwise=True,
    interior=True,
)


def _with_distinct_positive_eigenvalues(z: np.ndarray) -> np.ndarray:
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    apart = _apart(eigenvalues) + 2 * _nonzero(np.abs(eigenvalues).max(axis=-1, keepdims=True))
    return _symmetric_part((V * apart[:, None, :]) @ V.swapaxes(-1, -2))


distinct_positive_eigenvalues: Domain = _of_matrices(
    "a symmetric positive definite matrix with distinct eigenvalues",
    _with_distinct_positive_eigenvalues,
    lambda x: _has_distinct_eigenvalues(x) & _has_positive_definite_part(x),
    normwise=True,
    interior=True,
)


def _with_eigenvectors_near_axes(z: np.ndarray) -> np.ndarray:
    # Cayley's transform of a skew matrix of norm tan(theta/2) is a rotation by at most theta: 40 degrees.
    skew = z - z.swapaxes(-1, -2)
    skew = np.tan(np.radians(20)) * skew / _nonzero(np.linalg.norm(skew, ord=2, axis=(-2, -1), keepdims=True))
    eye = np.eye(z.shape[-1])
    V = np.linalg.solve(eye + skew, eye - skew)
    apart = _apart(np.sort(np.diagonal(z, axis1=-2, axis2=-1), axis=-1))
    order = np.diagonal(z, axis1=-2, axis2=-1).argsort(axis=-1).argsort(axis=-1)
    return _symmetric_part((V * np.take_along_axis(apart, order, -1)[:, None, :]) @ V.swapaxes(-1, -2))


def _has_distinct_eigenpairs(x: Array) -> Bool[Array, ""]:
    eigenvalues, V = jnp.linalg.eigh(_wide(x))
    largest = jnp.sort(jnp.abs(V), axis=0)[-2:]
    unique = (largest[-1] - largest[0] > 4 * len(x) * jnp.finfo(V.dtype).eps).all() if len(x) > 1 else True
    return _is_symmetric(x) & _are_distinct(eigenvalues) & unique


distinct_eigenpairs: Domain = _of_matrices(
    "a symmetric matrix with distinct eigenvalues, and one largest entry in each eigenvector",
    _with_eigenvectors_near_axes,
    _has_distinct_eigenpairs,
    normwise=True,
    interior=True,
)


def _with_distinct_singular_values(z: np.ndarray) -> np.ndarray:
    U, s, Vt = _singular(z)
    apart = _apart(s[..., ::-1])[..., ::-1] + _nonzero(s.max(axis=-1, keepdims=True))
    return (U * apart[:, None, :]) @ Vt


def _has_distinct_singular_values(x: Array) -> Bool[Array, ""]:
    s = jnp.linalg.svd(_wide(x), compute_uv=False)
    return _are_distinct(jnp.append(s, 0))


distinct_singular_values: Domain = _of_matrices(
    "no more columns than rows, full column rank and distinct singular values",
    _with_distinct_singular_values,
    lambda x: jnp.array(x.shape[0] >= x.shape[1]) & _has_distinct_singular_values(x),
    lambda shape: shape[0] >= shape[1],
    normwise=True,
    interior=True,
)


def _with_distinct_spectrum(z: np.ndarray) -> np.ndarray:
    # Real eigenvalues and complex pairs in turn, their real parts apart, in a well-conditioned basis.
    n = z.shape[-1]
    basis = _with_full_rank(z)
    parts = np.diagonal(z, axis1=-2, axis2=-1)
    real = _apart(np.sort(parts, axis=-1))
    blocks = real[:, None, :] * np.eye(n)
    for i in range(1, n - 1, 3):
        imaginary = _nonzero(np.abs(parts).max(axis=-1)) + np.abs(parts[:, i])
        blocks[:, i + 1, i + 1] = blocks[:, i, i]
        blocks[:, i, i + 1], blocks[:, i + 1, i] = imaginary, -imaginary
    members = basis @ blocks @ np.linalg.inv(basis)
    # Zeros that have come out as rounding are zeros: LAPACK balances rows and columns by their size before it looks for
    # eigenvalues, and in float32 a row of nothing but rounding costs the eigenvectors all digits (Watkins, 2006).
    rounding = 64 * np.finfo(float).eps * np.abs(members).max(axis=(-2, -1), keepdims=True)
    return np.where(np.abs(members) <= rounding, 0, members)


distinct_spectrum: Domain = _of_matrices(
    "a matrix with distinct eigenvalues",
    _with_distinct_spectrum,
    lambda x: _are_distinct(jnp.linalg.eigvals(_wide(x))),
    normwise=True,
    interior=True,
)


def _of_moderate_norm(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=(-2, -1), keepdims=True)
    return z / _nonzero(norm) * (0.5 + norm) / (1 + norm)


moderate: Domain = replace(real, normwise=True).drawn_so(Drawn(_of_moderate_norm, largest=3))
"""Any values; drawn small and with a norm between a half and one, where an exponential is quick and accurate."""
