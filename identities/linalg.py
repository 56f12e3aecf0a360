"""Factorisations in every dtype: bfloat16 and float16, which LAPACK does not have, go through float32 and back."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jaxtyping import Array

F = TypeVar("F", bound=Callable[..., Any])


def in_every_dtype(function: F) -> F:
    """The function, which knows LAPACK's dtypes only, in all of them."""

    @functools.wraps(function)
    def call(*arrays, **options):
        dtype = jnp.result_type(*arrays)
        wide = jnp.promote_types(dtype, jnp.float32)
        if wide == dtype:
            return function(*arrays, **options)
        result = function(*(a.astype(wide) for a in arrays), **options)
        return jax.tree.map(lambda a: a.astype(dtype), result)

    return call  # pyright: ignore[reportReturnType]


cholesky = in_every_dtype(jnp.linalg.cholesky)
det = in_every_dtype(jnp.linalg.det)
eigvalsh = in_every_dtype(jnp.linalg.eigvalsh)
expm = in_every_dtype(jax.scipy.linalg.expm)
expm_frechet = in_every_dtype(functools.partial(jax.scipy.linalg.expm_frechet, compute_expm=False))
inv = in_every_dtype(jnp.linalg.inv)
solve = in_every_dtype(jnp.linalg.solve)
solve_triangular = in_every_dtype(jax.lax.linalg.triangular_solve)
svdvals = in_every_dtype(jnp.linalg.svdvals)


@in_every_dtype
def log_abs_det(X: Array) -> Array:
    """ln |det X|."""
    return jnp.linalg.slogdet(X)[1]


@in_every_dtype
def solve_both(X: Array, B: Array, A: Array) -> tuple[Array, Array]:
    """X^-1 B and X^-T A, from one factorisation."""
    lu = jax.scipy.linalg.lu_factor(X)
    return jax.scipy.linalg.lu_solve(lu, B), jax.scipy.linalg.lu_solve(lu, A, trans=1)


@in_every_dtype
def product_of_pivots(X: Array) -> Array:
    """det X, more accurately than `det`, which goes through logarithms."""
    lu, pivots = jax.scipy.linalg.lu_factor(X)
    exchanges = jnp.count_nonzero(pivots != jnp.arange(len(lu)))
    return jnp.where(exchanges % 2, -1, 1) * jnp.prod(jnp.diag(lu))


@in_every_dtype
def cofactors(X: Array) -> Array:
    """The matrix det(X) X^-T of an invertible X."""
    return product_of_pivots(X) * jnp.linalg.inv(X).T


@in_every_dtype
def eigh(A: Array) -> tuple[Array, Array]:
    """The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns."""
    eigenvalues, V = jnp.linalg.eigh(A)
    return eigenvalues, V


def eig(A: Array) -> tuple[Array, Array]:
    """The eigenvalues of any square matrix by their real, then imaginary parts, and its eigenvectors; both complex.

    In LAPACK's dtypes.
    """
    eigenvalues, U = jax.lax.linalg.eig(A, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    order = jnp.argsort(eigenvalues)
    return eigenvalues[order], U[:, order]


@in_every_dtype
def spectrum(A: Array) -> Array:
    """The eigenvalues of any square matrix, in that order: a row of real and a row of imaginary parts."""
    eigenvalues, _ = eig(A)
    return jnp.stack([eigenvalues.real, eigenvalues.imag])


@in_every_dtype
def svd(A: Array) -> tuple[Array, Array, Array]:
    """U, the singular values in descending order, and V', with as many vectors as values."""
    U, s, Vt = jnp.linalg.svd(A, full_matrices=False)
    return U, s, Vt


@in_every_dtype
def qr(A: Array) -> tuple[Array, Array]:
    """The reduced factors Q and R, with whatever signs the diagonal of R has."""
    Q, R = jnp.linalg.qr(A)
    return Q, R
