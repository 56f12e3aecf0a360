"""Densities and factorisations."""

import jax.numpy as jnp
import numpy as np
from scipy.linalg import get_lapack_funcs, solve_triangular

from identities.domains import positive_definite
from tests.reports.corpus import gradient, of_claim


def normal_log_density(x, mean, cov):
    r = x - mean
    return -0.5 * r @ jnp.linalg.solve(cov, r) - 0.5 * jnp.linalg.slogdet(2 * jnp.pi * cov)[1]


def by_covariance(x, mean, cov):
    inverse = np.linalg.inv(cov)
    u = inverse @ (x - mean)
    return (np.outer(u, u) - inverse) / 2


def folded_below(x, mean, cov):
    whole = by_covariance(x, mean, cov)
    return np.tril(whole) + np.tril(whole, -1)


covariance = gradient(
    "HIPS/autograd#296", normal_log_density, "cov", "(n),(n),(n,n)->()", by_covariance, cov=positive_definite
)
covariance.wrong("region|symmetrised|factor", folded_below)


def _triangular_factor_moved(A, dA, left_below):
    """How R moves; what LAPACK leaves below its diagonal is cleared, or not."""
    (geqrf,) = get_lapack_funcs(("geqrf",), (A,))
    packed, *_ = geqrf(A)
    R = np.triu(packed[: A.shape[1]])
    signs = np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    Q = np.linalg.solve((signs * R).T, A.T).T
    moved = solve_triangular((signs * R).T, dA.T @ Q, lower=True).T
    below = np.tril(moved, -1)
    uncleared = np.tril(packed[: A.shape[1]], -1) * left_below
    return (moved - below + below.T) @ (signs * (R + uncleared))


factor = of_claim("jax-ml/jax#2863", "r_factor_jvp", lambda A, dA: _triangular_factor_moved(A, dA, 0))
factor.wrong("other-argument|operation", lambda A, dA: _triangular_factor_moved(A, dA, 1))
