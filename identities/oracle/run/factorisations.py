"""Factorisations and solves of JAX's over batches of matrices, by NumPy: NaN where a matrix has none."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any


def triangular_solve(
    a: Array, b: Array, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool, unit_diagonal: bool
) -> Array:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        eye = np.eye(a.shape[-1], dtype=a.dtype)
        a = np.where(eye == 1, eye, a)
    a = a.conj() if conjugate_a else a
    a = a.swapaxes(-1, -2) if transpose_a else a
    lower = lower != transpose_a
    if left_side:
        return _solved(a, b, lower)
    return _solved(a.swapaxes(-1, -2), b.swapaxes(-1, -2), not lower).swapaxes(-1, -2)


def _solved(a: Array, b: Array, lower: bool) -> Array:
    if lower:  # an upper triangular matrix is its own factorisation: no row is exchanged, and no pivot lost
        return np.flip(_solved(np.flip(a, (-2, -1)), np.flip(b, -2), lower=False), -2)
    singular = ((np.diagonal(a, axis1=-2, axis2=-1) == 0).any(axis=-1) | ~_finite(a))[..., None, None]
    found = np.linalg.solve(np.where(singular, np.eye(a.shape[-1]), a), b)
    return np.where(singular, np.nan, found)


def lu(a: Array) -> list[Array]:
    """With partial pivoting, of all matrices of a batch at once: the factors, the pivots and the permutation."""
    rows, columns = a.shape[-2:]
    flat = a.reshape(-1, rows, columns).copy()
    every = np.arange(len(flat))
    order = np.broadcast_to(np.arange(rows), (len(flat), rows)).copy()
    pivots = np.zeros((len(flat), min(rows, columns)), np.int32)
    for k in range(min(rows, columns)):
        pivot = k + np.abs(flat[:, k:, k]).argmax(axis=1)
        pivots[:, k] = pivot
        for array in (flat, order):
            array[every, pivot], array[:, k] = array[:, k].copy(), array[every, pivot].copy()
        below = flat[:, k + 1 :, k] / np.where(flat[:, k, k] == 0, 1, flat[:, k, k])[:, None]
        flat[:, k + 1 :, k] = below
        flat[:, k + 1 :, k + 1 :] -= below[:, :, None] * flat[:, None, k, k + 1 :]
    batch = a.shape[:-2]
    return [flat.reshape(a.shape), pivots.reshape(*batch, -1), order.reshape(*batch, rows).astype(np.int32)]


def _one_by_one(factorise: Callable[[Array], Sequence[Array]], a: Array) -> list[Array]:
    """The factors of every matrix of a batch; NaN for those over which NumPy raises, as one that does not converge."""
    try:
        return list(factorise(a))
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return [np.full_like(factor, np.nan) for factor in factorise(np.eye(*a.shape, dtype=a.dtype))]
        each = [_one_by_one(factorise, matrix) for matrix in a]
        return [np.stack(factors) for factors in zip(*each, strict=True)]


def _of_matrices(factorise: Callable[[Array], Sequence[Array]], a: Array, sound: Array) -> list[Array]:
    """The factors of every matrix of a batch; NaN for those that have none, over which NumPy would raise."""
    sound = sound[..., None, None]
    factors = _one_by_one(factorise, np.where(sound, a, np.eye(*a.shape[-2:])))
    wide = [sound if factor.ndim == a.ndim else sound[..., 0] for factor in factors]
    return [np.where(there, factor, np.nan) for there, factor in zip(wide, factors, strict=True)]


def _finite(a: Array) -> Array:
    return np.isfinite(a).all(axis=(-2, -1))


def cholesky(a: Array) -> list[Array]:
    whole = np.tril(a) + np.tril(a, -1).swapaxes(-1, -2).conj()
    finite = _finite(whole)
    definite = finite & (np.linalg.eigvalsh(np.where(finite[..., None, None], whole, 0)) > 0).all(axis=-1)
    return _of_matrices(lambda m: [np.linalg.cholesky(m)], whole, definite)


def eigh(a: Array, lower: bool) -> list[Array]:
    return _of_matrices(lambda m: np.linalg.eigh(m, "L" if lower else "U")[::-1], a, _finite(a))


def svd(a: Array, full_matrices: bool, compute_uv: bool) -> list[Array]:
    def factorise(m: Array) -> Sequence[Array]:
        if not compute_uv:
            return [np.linalg.svd(m, compute_uv=False)]
        left, values, right = np.linalg.svd(m, full_matrices=full_matrices)
        return [values, left, right]

    return _of_matrices(factorise, a, _finite(a))


def qr(a: Array, full_matrices: bool) -> list[Array]:
    return _of_matrices(lambda m: np.linalg.qr(m, "complete" if full_matrices else "reduced"), a, _finite(a))
