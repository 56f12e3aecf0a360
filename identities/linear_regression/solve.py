"""The parameters of least loss in closed form: as accurate as QR, as fast as the normal equations."""

import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import cho_factor, cho_solve, solve_triangular
from jaxtyping import Array, Bool, Float

from identities.catalog import jvp, vjp
from identities.checking import check, checked
from identities.domains import full_column_rank
from identities.linear_regression.loss import Design, Parameters, Targets, gram, multipliable, pull_back, residual
from identities.signature import Argument
from identities.sources import notes


class Solution(NamedTuple):
    """What the solver found, and how much of it is to be trusted.

    **Fields:**

    - `theta`: the parameters, NaN wherever they would have no correct digit.
    - `condition`: the condition number of X, its columns scaled to about the same length.
    - `trusted`: whether theta has correct digits.
    """

    theta: Float[Array, " p *m"]
    condition: Float[Array, ""]
    trusted: Bool[Array, ""]


def closed_form(X: Float[Array, "n p"], Y: Float[Array, " n *m"]) -> Float[Array, " p *m"]:
    """The parameters of least loss, (X^T X)^-1 X^T Y, of shape (p,), or (p, m) for m columns of targets.

    Equivalent to `numpy.linalg.lstsq(X, Y)[0]` for X of full column rank. The Gram matrix of the scaled
    columns is factorised by Cholesky, and the solution refined with residuals from X (Bjorck's corrected
    seminormal equations); where the Gram matrix is too ill-conditioned for that, X itself is
    orthogonalised, by Cholesky factorisations of shifted Gram matrices (Fukaya et al. 2020). All of it
    reduces over rows, so that X and Y may be sharded by rows. Differentiable, in both modes. Columns may be
    of any scales that the dtype has, whether or not their squares are in its range.

    **Raises:** `ValueError` if X has more columns than rows, is rank-deficient (named: the numerical
    rank and the columns that depend on those before them), or is so ill-conditioned that no digit of the
    result would be correct; if X or Y holds NaN or infinity; if the parameters leave the range of the dtype,
    or a column is so small that its digits do. Under `jit` and `grad`, where values cannot be looked at, the
    result is NaN in all these cases. Digits are those of the parameters together, each times the length of
    its column: one that contributes little to X theta may have fewer.
    """
    specification = _TARGETS if jnp.ndim(Y) < 2 else _COLUMNS
    check("closed_form", specification, {"X": X, "Y": Y})
    X, Y = jnp.asarray(X), jnp.asarray(Y)
    solution = _solve(X, Y)
    traced = any(isinstance(value, Tracer) for value in (X, Y, solution.trusted))
    if not traced and not solution.trusted:
        raise ValueError(f"closed_form: {_complaint(X, Y, solution)}")
    return solution.theta


@jax.custom_jvp
def _solution(X: Design, Y: Float[Array, " n *m"]) -> Solution:
    wide = _factorisable(X.dtype)
    theta, condition, trusted = _solve_wide(X.astype(wide), Y.astype(wide))
    theta = theta.astype(X.dtype)
    trusted &= jnp.isfinite(theta).all()  # float16 ends long before float32
    return Solution(jnp.where(trusted, theta, jnp.nan), condition, trusted)


_solve = jax.jit(_solution)


def _solve_wide(X: Design, Y: Float[Array, " n *m"]) -> Solution:
    n, p = X.shape
    noise = jnp.finfo(X.dtype).eps * (p + math.sqrt(n))  # of an entry of X^T X, relative to the largest
    if n < p:
        nan = jnp.full((p, *Y.shape[1:]), jnp.nan, X.dtype)
        return Solution(nan, jnp.array(jnp.inf, X.dtype), jnp.array(False))
    G, XtY = gram(X), pull_back(X, Y)
    lengths = jnp.sqrt(jnp.diag(G))
    ordinary = _ordinary(lengths, XtY, n)
    lengths = _powers_of_two(lengths)
    G = jnp.where(ordinary, G / lengths / lengths[:, None], jnp.eye(p, dtype=X.dtype))
    eigenvalues = jnp.linalg.eigvalsh(G)
    squared_condition = eigenvalues[-1] / eigenvalues[0]
    # Refinement gains a digit a step as long as the Gram matrix's factor has one.
    seminormal = ordinary & (eigenvalues[0] > 0) & (squared_condition * noise < 0.1)
    L = jnp.linalg.cholesky(jnp.where(seminormal, G, jnp.eye(p, dtype=X.dtype)))

    def solved(XtY):
        return _divide(cho_solve((L, True), _divide(XtY, lengths)), lengths)

    def correction(theta):
        return solved(pull_back(X, residual(theta, X, Y)))

    def refined(theta):
        return _refine(correction, theta, lengths), jnp.sqrt(squared_condition)

    def good_enough(theta):  # a condition number near one loses little when it is squared
        return theta, jnp.sqrt(squared_condition)

    def orthogonalised(theta):
        return _by_orthogonalisation(X, Y)

    enough = (squared_condition < 4) & (noise < 1e-10)  # in float64, that is
    branch = jnp.where(seminormal, jnp.where(enough, 0, 1), 2)
    theta, condition = jax.lax.switch(branch, [good_enough, refined, orthogonalised], solved(XtY))
    # The condition of a deficient X comes out as the reciprocal of its rounding, however many rows there are.
    return Solution(theta, condition, condition * _floor(X) < 1)


def _ordinary(lengths: Array, XtY: Array, n: int) -> Array:
    """Whether products of X's columns, of these lengths, and Y have their digits.

    Y is no shorter than its projections on X, so that no pass over it is needed; Y = 0 takes the slow way for it.
    """
    least, most = multipliable(n, lengths.dtype)
    of_Y = jnp.abs(_divide(XtY, lengths))
    return ((least <= lengths) & (lengths <= most)).all() & (least <= of_Y).any() & (of_Y <= most).all()


def _orthogonalised(X: Design) -> tuple[Array, Array]:
    """Q and R of X = QR, R the product of Cholesky factors that make the columns ever more orthogonal."""
    p = X.shape[1]
    eps = jnp.finfo(X.dtype).eps
    identity = jnp.eye(p, dtype=X.dtype)
    Q, R = X, identity
    for shift in (32 * p * eps, 32 * p * eps, 0, 0):
        G = gram(Q)
        factor = jnp.linalg.cholesky(G + shift * jnp.trace(G) * identity, upper=True)
        Q = Q @ solve_triangular(factor, identity)
        R = factor @ R
    return Q, R


def _by_orthogonalisation(X: Design, Y: Array) -> tuple[Array, Array]:
    """The parameters, NaN if they or what they come of leave the range of the dtype, and the condition number."""
    flushed = _flushed(X).any() | _flushed(Y).any()
    X, roots_of_X = _scaled(X)
    Y, roots_of_Y = _scaled(Y)
    lengths = _powers_of_two(jnp.linalg.norm(X, axis=0))
    Q, R = _orthogonalised(X / lengths)
    singular = jnp.linalg.svd(R, compute_uv=False)
    condition = singular[0] / singular[-1]

    def fitted(Y):
        return _divide(solve_triangular(R, pull_back(Q, Y)), lengths)

    def sizes(theta):
        return jnp.abs(_divide(theta, 1 / lengths)).max(axis=0)

    theta = _refine(lambda theta: fitted(residual(theta, X, Y)), fitted(Y), lengths)
    ratios = _divide(jnp.broadcast_to(roots_of_Y, theta.shape), roots_of_X)
    unscaled = theta * ratios * ratios
    lost = unscaled / ratios / ratios - theta  # to overflow or to underflow
    kept = (sizes(lost) <= condition * _floor(X) * sizes(theta)).all()
    return jnp.where(kept & ~flushed, unscaled, jnp.nan), condition


def _scaled(A: Array) -> tuple[Array, Array]:
    """A with its largest entry, or that of each column, from one to four; and the root of what it was divided by.

    Unlike their squares, roots have quotients that are in the dtype's range.
    """
    roots = _powers_of_two(jnp.sqrt(jnp.abs(A).max(axis=0)))
    return A / roots / roots, roots


def _flushed(A: Array) -> Array:
    """Whether A, or a column of it, has subnormal entries, which count as zero on a CPU, and none to outweigh them."""
    limits = jnp.finfo(A.dtype)
    sizes = jnp.abs(A)
    subnormal = (_bits(sizes) > 0) & (sizes < limits.tiny)
    return subnormal.any(axis=0) & (sizes.max(axis=0) < limits.tiny / limits.eps)


def _refine(correction: Callable[[Array], Array], theta: Array, lengths: Array) -> Array:
    """Add corrections for as long as they shrink, and the next one would matter."""
    eps = jnp.finfo(theta.dtype).eps

    def size(theta):
        return jnp.abs(_divide(theta, 1 / lengths)).max()

    def unfinished(state):
        theta, last, previous, steps = state
        shrinking = (last < previous / 2) | (steps == 0)
        return shrinking & (last * (last / previous) > eps / 4 * size(theta)) & (steps < 20)

    def refine(state):
        theta, last, _, steps = state
        step = correction(theta)
        return jnp.where(size(step) < last / 2, theta + step, theta), size(step), last, steps + 1

    return jax.lax.while_loop(unfinished, refine, (theta, size(theta), size(theta), 0))[0]


def _powers_of_two(lengths: Array) -> Array:
    """The largest up to those lengths, and one for zero: powers of two scale without rounding."""
    bits = _bits(jnp.where(lengths > 0, lengths, 1))
    return jax.lax.bitcast_convert_type(bits & _bits(jnp.array(jnp.inf, lengths.dtype)), lengths.dtype)


def _bits(A: Array) -> Array:
    """Those of floating point numbers, sign, exponent and fraction, as integers."""
    return jax.lax.bitcast_convert_type(A, f"int{jnp.finfo(A.dtype).bits}")


def _floor(X: Array) -> float:
    """The relative size at which a singular value of X, columns scaled, is no more than rounding."""
    return 10 * X.shape[1] * float(jnp.finfo(_factorisable(X.dtype)).eps)


def _divide(b: Array, lengths: Array) -> Array:
    """By the lengths of the columns: X^T b has their units, theta their reciprocals."""
    return (b.T / lengths).T


def _complaint(X: Array, Y: Array, solution: Solution) -> str:
    """Why a solution is not to be trusted, found out at leisure, in NumPy."""
    n, p = X.shape
    if n < p:
        return f"X has more columns ({p}) than rows ({n}), so that theta is not determined; drop columns or add rows"
    for name, values in (("X", np.asarray(X)), ("Y", np.asarray(Y))):
        if not np.isfinite(values).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            return f"{name} holds {values[where]} at {where}; remove or replace it"
        if _flushed(jnp.asarray(values, _factorisable(X.dtype))).any():
            tiny = float(jnp.finfo(_factorisable(X.dtype)).tiny)
            return f"{name} is so small that entries below {tiny:.1e}, which count as zero, matter; rescale it"
    if solution.condition * _floor(X) < 1:
        return f"the parameters leave the range of {X.dtype}; rescale X or Y"
    columns = np.asarray(X, np.float64)
    columns = columns / np.where(columns.any(axis=0), np.abs(columns).max(axis=0), 1)  # so that squares are in range
    lengths = np.linalg.norm(columns, axis=0)
    R = np.linalg.qr(columns / np.where(lengths > 0, lengths, 1), mode="r")
    tolerance = _floor(X)
    singular = np.linalg.svd(R, compute_uv=False)
    rank = int((singular > tolerance * singular[0]).sum())
    dependent = [int(i) for i in np.flatnonzero(np.abs(np.diag(R)) <= tolerance * singular[0])]
    if rank < p and dependent:
        columns = f"column{'s' * (len(dependent) > 1)} {', '.join(map(str, dependent))}"
        return (
            f"X has numerical rank {rank}, less than its {p} columns: {columns} (counted from 0) "
            f"depend{'s' * (len(dependent) == 1)} on those before; drop them"
        )
    return (
        f"X has condition number {float(solution.condition):.1e}, too large for a correct digit in {X.dtype}; "
        "use float64 (with jax_enable_x64), centre or combine its columns"
    )


def _gram_solve(X: Design, b: Float[Array, " p *m"]) -> Float[Array, " p *m"]:
    """(X^T X)^-1 b."""
    wide = _factorisable(X.dtype)
    return cho_solve(cho_factor(gram(X.astype(wide))), b.astype(wide)).astype(b.dtype)


def _factorisable(dtype) -> Any:
    """The dtype itself, or float32 for those that no factorisation takes."""
    return jnp.promote_types(dtype, jnp.float32)


@_solution.defjvp
def _differentiated(primals, tangents):
    (X, Y), (dX, dY) = primals, tangents
    solution = _solution(X, Y)
    wide = _factorisable(X.dtype)
    theta, X, Y, dX, dY = (a.astype(wide) for a in (solution.theta, X, Y, dX, dY))
    # The formula of `normal_equations_jvp_X_Y`, with QR for X: it squares the condition number only
    # where the derivative itself does, in the part that the residual has.
    scaled, roots = _scaled(X)
    lengths = _powers_of_two(jnp.linalg.norm(scaled, axis=0))
    Q, R = _orthogonalised(scaled / lengths)
    of_residual = _divide((dX / roots / roots).T @ (Y - X @ theta), lengths)
    of_residual = solve_triangular(R, of_residual, trans="T")
    of_data = Q.T @ (dY - dX @ theta)
    dtheta = _divide(solve_triangular(R, of_residual + of_data), lengths)
    dtheta = _divide(_divide(dtheta, roots), roots).astype(solution.theta.dtype)
    dtheta = dtheta * jnp.where(solution.trusted, 1, jnp.nan).astype(dtheta.dtype)
    constant = jnp.zeros_like(solution.condition), cast(Any, np.zeros((), jax.dtypes.float0))
    return solution, Solution(dtheta, *constant)


_TARGETS = (Argument("X", (("n", "p"),)), Argument("Y", (("n",),)))
_COLUMNS = (Argument("X", (("n", "p"),)), Argument("Y", (("n", "m"),)))

FullRank = Annotated[Float[Array, "n p"], full_column_rank]


@checked
def normal_equations(X: FullRank, Y: Targets) -> Parameters:
    """theta = (X^T X)^-1 X^T Y to the letter: what `closed_form` computes, for differentiating."""
    return jnp.linalg.solve(X.T @ X, X.T @ Y)


@jvp(
    normal_equations,
    wrt=("X", "Y"),
    states=r"d\theta = (X^\top X)^{-1} \left(dX^\top (Y - X \theta) + X^\top (dY - dX \, \theta)\right)",
    source=notes("regression"),
)
def normal_equations_jvp_X_Y(X, Y, dX, dY):
    """How the parameters move with the data, shape (p,)."""
    theta = _gram_solve(X, X.T @ Y)
    return _gram_solve(X, dX.T @ (Y - X @ theta) + X.T @ (dY - dX @ theta))


@vjp(
    normal_equations,
    wrt="Y",
    states=r"\frac{\partial J}{\partial Y} = X w, \quad w = (X^\top X)^{-1} \delta^\top",
    source=notes("regression"),
)
def normal_equations_vjp_Y(delta, X, Y):
    """What a change of each target does to J, shape (n,)."""
    return X @ _gram_solve(X, delta)


@vjp(
    normal_equations,
    wrt="X",
    states=r"\frac{\partial J}{\partial X} = (Y - X \theta) w^\top - X w \theta^\top,"
    r" \quad w = (X^\top X)^{-1} \delta^\top",
    source=notes("regression"),
)
def normal_equations_vjp_X(delta, X, Y):
    """What a change of each entry of the design does to J, shape (n, p)."""
    w, theta = _gram_solve(X, jnp.stack([delta, Y @ X], axis=1)).T
    return jnp.outer(Y - X @ theta, w) - jnp.outer(X @ w, theta)
