"""Factorisations, solves and what is made of them."""

import jax
import jax.numpy as jnp
import numpy as np

from identities.domains import invertible, positive_definite
from tests.layers.corpus import layer


@layer("(n),(n),(n,n)->()", cov=positive_definite)
def gaussian_log_likelihood(x, mean, cov):
    chol = jnp.linalg.cholesky(cov)
    residual = x - mean
    white = jax.scipy.linalg.solve_triangular(chol, residual, lower=True)
    log_det = 2 * jnp.log(jnp.diagonal(chol)).sum()
    return -0.5 * (white @ white + log_det + len(x) * jnp.log(2 * jnp.pi))


@gaussian_log_likelihood.backward
def gaussian_log_likelihood_backward(dout, x, mean, cov):
    precision = np.linalg.inv(cov)
    u = precision @ (x - mean)
    dx = -dout * u
    dcov = 0.5 * dout * (np.outer(u, u) - precision)
    return dx, -dx, dcov


gaussian_log_likelihood.wrong("detached|missing-term", "log_det", ("(np.outer(u, u) - precision)", "np.outer(u, u)"))
gaussian_log_likelihood.wrong("detached|missing-term", "white", ("(np.outer(u, u) - precision)", "-precision"))
gaussian_log_likelihood.wrong("factor|constant", "", ("dcov = 0.5 * dout", "dcov = dout"))
gaussian_log_likelihood.wrong("sign|other-argument", "", ("return dx, -dx", "return dx, dx"))
gaussian_log_likelihood.wrong("sign|operation", "", ("np.outer(u, u) - precision", "np.outer(u, u) + precision"))
gaussian_log_likelihood.wrong(
    "symmetrised|diagonal|region",
    "",
    ("return dx, -dx, dcov", "return dx, -dx, np.tril(2 * dcov) - np.diag(np.diag(dcov))"),
)
gaussian_log_likelihood.wrong("other-argument|missing-factor", "", ("np.outer(u, u)", "np.outer(x - mean, x - mean)"))


@layer("(b,n),(n),(n,n)->(b)")
def mahalanobis(x, centre, factor):
    centred = x - centre
    turned = centred @ factor
    squares = (turned**2).sum(-1)
    return jnp.sqrt(squares + 1)


@mahalanobis.backward
def mahalanobis_backward(dout, x, centre, factor):
    centred = x - centre
    turned = centred @ factor
    distance = np.sqrt((turned**2).sum(-1) + 1)
    dturned = (dout / distance)[:, None] * turned
    dcentred = dturned @ factor.T
    return dcentred, -dcentred.sum(0), centred.T @ dturned


mahalanobis.wrong("missing-factor", "", ("(dout / distance)", "dout"))
mahalanobis.wrong("sign", "", ("-dcentred.sum(0)", "dcentred.sum(0)"))
mahalanobis.wrong("reduction|factor|operation", "", ("-dcentred.sum(0)", "-dcentred.mean(0)"))
mahalanobis.wrong("transpose|layout", "", ("dturned @ factor.T", "dturned @ factor"))
mahalanobis.wrong("other-argument|missing-term", "", ("centred.T @ dturned", "x.T @ dturned"))
mahalanobis.wrong("constant", "", (".sum(-1) + 1)", ".sum(-1) + 1e-6)"))
mahalanobis.wrong("factor|constant|missing-factor", "", ("(dout / distance)", "(dout / 2 / distance)"))


@layer("(n,n),(n,k)->(n,k)", a=invertible)
def linear_solve(a, b):
    solution = jnp.linalg.solve(a, b)
    return solution * jnp.abs(solution)


@linear_solve.backward
def linear_solve_backward(dout, a, b):
    solution = np.linalg.solve(a, b)
    dsolution = 2 * dout * np.abs(solution)
    db = np.linalg.solve(a.T, dsolution)
    da = -db @ solution.T
    return da, db


linear_solve.wrong("transpose|layout", "", ("np.linalg.solve(a.T, dsolution)", "np.linalg.solve(a, dsolution)"))
linear_solve.wrong("sign", "", ("da = -db", "da = db"))
linear_solve.wrong("transpose|layout", "", ("-db @ solution.T", "-solution @ db.T"))
linear_solve.wrong("other-argument|missing-factor|cotangent", "", ("da = -db @", "da = -dsolution @"))
linear_solve.wrong("other-argument", "", ("-db @ solution.T", "-db @ b.T"))
linear_solve.wrong("factor|missing-factor|constant|detached", "", ("2 * dout", "dout"))
linear_solve.wrong("reduction", "", ("-db @ solution.T", "-np.outer(db[:, 0], solution[:, 0])"))


@layer("(n,p),(n),(p)->()", static={"ridge": 2.0})
def ridge_evidence(x, y, scale, ridge):
    weighted = x * scale
    gram = weighted.T @ weighted + ridge * jnp.eye(x.shape[1])
    moment = weighted.T @ y
    theta = jnp.linalg.solve(gram, moment)
    return moment @ theta


@ridge_evidence.backward
def ridge_evidence_backward(dout, x, y, scale, ridge):
    weighted = x * scale
    gram = weighted.T @ weighted + ridge * np.eye(x.shape[1])
    theta = np.linalg.solve(gram, weighted.T @ y)
    residual = y - weighted @ theta
    dweighted = 2 * dout * np.outer(residual, theta)
    dy = 2 * dout * weighted @ theta
    return dweighted * scale, dy, (dweighted * x).sum(0)


ridge_evidence.wrong("detached|missing-term", "gram|theta|solve", ("residual = y - weighted @ theta", "residual = y"))
ridge_evidence.wrong("constant", "ridge|2", ("+ ridge *", "+ 1.0 *"))
ridge_evidence.wrong("factor|missing-factor|constant|detached", "", ("dy = 2 * dout", "dy = dout"))
ridge_evidence.wrong("missing-factor", "scale", ("return dweighted * scale", "return dweighted"))
ridge_evidence.wrong(
    "other-argument|missing-factor|factor", "", ("(dweighted * x).sum(0)", "(dweighted * weighted).sum(0)")
)
ridge_evidence.wrong(
    "missing-term|constant|factor",
    "",
    (
        "dweighted = 2 * dout * np.outer(residual, theta)",
        "dweighted = 2 * dout * (np.outer(residual, theta) - np.outer(weighted @ theta, theta))",
    ),
)


@layer("(n,d),(d,d)->(n,d)", scatter=positive_definite)
def whitening(x, scatter):
    centred = x - x.mean(0)
    chol = jnp.linalg.cholesky(scatter)
    return jax.scipy.linalg.solve_triangular(chol, centred.T, lower=True).T


@whitening.backward
def whitening_backward(dout, x, scatter):
    chol = np.linalg.cholesky(scatter)
    white = np.linalg.solve(chol, (x - x.mean(0)).T)
    dcentred = np.linalg.solve(chol.T, dout.T)
    dx = (dcentred - dcentred.mean(1, keepdims=True)).T
    dchol = -np.tril(dcentred @ white.T)
    phi = np.tril(chol.T @ dchol)
    phi[np.diag_indices_from(phi)] /= 2
    half = np.linalg.solve(chol.T, phi) @ np.linalg.inv(chol)
    return dx, (half + half.T) / 2


whitening.wrong("detached|missing-term", "mean|centred", ("dcentred - dcentred.mean(1, keepdims=True)", "dcentred"))
whitening.wrong("symmetrised|diagonal|layout", "", ("(half + half.T) / 2", "half"))
whitening.wrong("sign", "", ("dchol = -np.tril", "dchol = np.tril"))
whitening.wrong(
    "constant|missing-factor", "", ("phi[np.diag_indices_from(phi)] /= 2", "phi[np.diag_indices_from(phi)] /= 1")
)
whitening.wrong("transpose|layout", "", ("np.linalg.solve(chol.T, dout.T)", "np.linalg.solve(chol, dout.T)"))
whitening.wrong("factor|constant", "", ("(half + half.T) / 2", "half + half.T"))
whitening.wrong("other-argument|missing-factor", "", ("dcentred @ white.T", "dout.T @ white.T"))
