"""Factorisations in every dtype: bfloat16 and float16, which LAPACK does not have, go through float32 and back."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jaxtyping import Array

T = TypeVar("T")


def in_every_dtype(function: Callable[..., T]) -> Callable[..., T]:
    """The function, which knows LAPACK's dtypes only, in all of them."""

    @functools.wraps(function)
    def call(*arrays: Any, **options: Any) -> T:
        dtype = jnp.result_type(*arrays)
        wide = jnp.promote_types(dtype, jnp.float32)
        if wide == dtype:
            return function(*arrays, **options)
        result = function(*(a.astype(wide) for a in arrays), **options)
        return jax.tree.map(lambda a: a.astype(dtype), result)

    return call


cholesky = in_every_dtype(jnp.linalg.cholesky)
det = in_every_dtype(jnp.linalg.det)
eigvalsh = in_every_dtype(jnp.linalg.eigvalsh)
inv = in_every_dtype(jnp.linalg.inv)
solve = in_every_dtype(jnp.linalg.solve)
solve_triangular = in_every_dtype(jax.lax.linalg.triangular_solve)
svdvals = in_every_dtype(jnp.linalg.svdvals)


def _squarings(X: Array) -> Array:
    """How often to halve X before a Padé approximant, by the bounds of Higham (2005) on its 1-norm."""
    bound = 5.37 if jnp.finfo(X.dtype).bits == 64 else 3.92
    norm = jax.lax.stop_gradient(jnp.linalg.norm(X, 1))
    return jnp.clip(jnp.ceil(jnp.log2(norm / bound)), 0, 16)


def _repeat(step: Callable[[T], T], count: Array, start: T) -> T:
    """The step applied up to 16 times, in a loop that both modes can differentiate."""
    return jax.lax.scan(lambda at, i: (jax.lax.cond(i < count, step, lambda at: at, at), None), start, jnp.arange(16))[
        0
    ]


@in_every_dtype
def expm(X: Array) -> Array:
    """e^X, by scaling and squaring; nan where the 1-norm of X is above half a million.

    `jax.scipy.linalg.expm` (up to 0.12) may scale X by half as much as its approximants need, which costs up to half of
    the digits. What it gets here is scaled already.
    """
    count = _squarings(X)
    return _repeat(_squared, count, jax.scipy.linalg.expm(X / 2**count, max_squarings=0))


@in_every_dtype
def expm_frechet(X: Array, dX: Array) -> Array:
    """The derivative of e^X along dX, carried through the squarings; nan as `expm`."""
    count = _squarings(X)

    def squared(at: tuple[Array, Array]) -> tuple[Array, Array]:
        E, dE = at
        return _squared(E), jnp.matmul(E, dE, precision="highest") + jnp.matmul(dE, E, precision="highest")

    return _repeat(squared, count, jax.scipy.linalg.expm_frechet(X / 2**count, dX / 2**count))[1]


def _squared(E: Array) -> Array:
    return jnp.matmul(E, E, precision="highest")


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
