"""Factorisations in every dtype: bfloat16 and float16, which LAPACK does not have, go through float32 and back."""

import functools
import math
from collections.abc import Callable, Sequence
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


cholesky: Callable[..., Array] = in_every_dtype(jnp.linalg.cholesky)
det: Callable[..., Array] = in_every_dtype(jnp.linalg.det)
eigvalsh: Callable[..., Array] = in_every_dtype(jnp.linalg.eigvalsh)
inv: Callable[..., Array] = in_every_dtype(jnp.linalg.inv)
solve: Callable[..., Array] = in_every_dtype(jnp.linalg.solve)
solve_triangular: Callable[..., Array] = in_every_dtype(jax.lax.linalg.triangular_solve)
svdvals: Callable[..., Array] = in_every_dtype(jnp.linalg.svdvals)


@in_every_dtype
def expm(X: Array) -> Array:
    """e^X, by scaling and squaring; nan where the 1-norm of X is above 196,608."""
    scaled, count = _scaled(X)
    odd, even = _pade(scaled, jnp.eye(len(X), dtype=X.dtype), _matmul)
    return _squared(jnp.linalg.solve(even - odd, even + odd), count, _matmul)


@in_every_dtype
def expm_frechet(X: Array, dX: Array) -> Array:
    """The derivative of e^X along dX: every step of `expm` on the pair of value and tangent; nan as there.

    (Al-Mohy and Higham, 2009.)
    """
    scaled, count = _scaled(X)
    one = jnp.stack([jnp.eye(len(X), dtype=X.dtype), jnp.zeros_like(X)])
    odd, even = _pade(jnp.stack([scaled, dX / 2**count]), one, _product_rule)
    (denominator, d_denominator), (numerator, d_numerator) = even - odd, even + odd
    lu = jax.scipy.linalg.lu_factor(denominator)
    E = jax.scipy.linalg.lu_solve(lu, numerator)
    dE = jax.scipy.linalg.lu_solve(lu, d_numerator - _matmul(d_denominator, E))
    return _squared(jnp.stack([E, dE]), count, _product_rule)[1]


_DEGREE = 13
_PADE = [math.comb(_DEGREE, j) / math.perm(2 * _DEGREE, j) for j in range(_DEGREE + 1)]
"""The coefficients of the numerator of the Padé approximant of e^x; those of its denominator alternate in sign."""
_NORM = 3.0
"""The 1-norm up to which the approximant is used.

It is exact to rounding up to 5.37 in float64 (Higham, 2005), and `jax.scipy.linalg.expm` (0.12) uses it up to twice
that; but above 3, cancellation in the denominator costs more digits than one more squaring does.
"""
_MOST_SQUARINGS = 16


def _scaled(X: Array) -> tuple[Array, Array]:
    """X halved until its norm is small enough, and how often that is."""
    norm = jax.lax.stop_gradient(jnp.linalg.norm(X, 1))
    count = jnp.maximum(jnp.ceil(jnp.log2(norm / _NORM)), 0)
    return X / jnp.where(count <= _MOST_SQUARINGS, 2**count, jnp.nan), count


def _pade(X: Array, one: Array, times: Callable[[Array, Array], Array]) -> tuple[Array, Array]:
    """The odd and the even part of the numerator of the approximant, of degree 13, with six products."""
    X2 = times(X, X)
    X4 = times(X2, X2)
    X6 = times(X4, X2)

    def part(b: Sequence[float]) -> Array:
        return times(X6, b[4] * X2 + b[5] * X4 + b[6] * X6) + b[0] * one + b[1] * X2 + b[2] * X4 + b[3] * X6

    return times(X, part(_PADE[1::2])), part(_PADE[::2])


def _squared(E: Array, count: Array, times: Callable[[Array, Array], Array]) -> Array:
    """E squared so many times, in a loop that both modes can differentiate."""

    def body(E: Array, i: Array) -> tuple[Array, None]:
        return jax.lax.cond(i < count, lambda E: times(E, E), lambda E: E, E), None

    return jax.lax.scan(body, E, jnp.arange(_MOST_SQUARINGS))[0]


_matmul = functools.partial(jnp.matmul, precision="highest")


def _product_rule(A: Array, B: Array) -> Array:
    """The product of two pairs of value and tangent."""
    return jnp.stack([_matmul(A[0], B[0]), _matmul(A[0], B[1]) + _matmul(A[1], B[0])])


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
    V, eigenvalues = jax.lax.platform_dependent(A, cuda=_eigh_by_qr, default=jax.lax.linalg.eigh)
    return eigenvalues, V


def eig(A: Array) -> tuple[Array, Array]:
    """The eigenvalues of any square matrix by their real, then imaginary parts, and its eigenvectors; both complex.

    In LAPACK's dtypes. It balances rows and columns first, which costs digits where some are tiny beside others
    (Watkins, 2006).
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
    U, s, Vt = jax.lax.platform_dependent(A, cuda=_svd_by_polar, default=_svd)
    return U, s, Vt


# On a GPU, JAX's own choice for small matrices is Jacobi's method, with five to ten times the rounding of LAPACK's. For
# symmetric ones, QR has no more than that; for singular vectors nothing there is as good, and the polar decomposition
# comes closest.
_eigh_by_qr = functools.partial(jax.lax.linalg.eigh, implementation=jax.lax.linalg.EighImplementation.QR)
_svd = functools.partial(jax.lax.linalg.svd, full_matrices=False)
_svd_by_polar = functools.partial(_svd, algorithm=jax.lax.linalg.SvdAlgorithm.POLAR)


@in_every_dtype
def qr(A: Array) -> tuple[Array, Array]:
    """The reduced factors Q and R, with whatever signs the diagonal of R has."""
    Q, R = jnp.linalg.qr(A)
    return Q, R
