"""Gradient descent on the mean squared error, plain and with Nesterov's momentum."""

import functools
import warnings
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from identities.checking import check
from identities.linear_regression.loss import Design, Parameters, Targets, gram, pull_back, residual
from identities.signature import Argument


class Descent(NamedTuple):
    """Where gradient descent ended.

    **Fields:**

    - `theta`: the parameters, shape (p,).
    - `steps`: how many were taken.
    - `gradient_norm`: the Euclidean norm of the loss's gradient at `theta`.
    - `converged`: whether that norm came down to the tolerance.
    - `condition`: of the Hessian, its largest eigenvalue over its smallest; infinite if X is deficient,
      when there are many minima, and this is the one nearest to where the descent began.
    - `losses`: the loss before the first step and after each, NaN from the last step on, shape
      (max_steps + 1,); None unless asked for.
    """

    theta: Float[Array, " p"]
    steps: Int[Array, ""]
    gradient_norm: Float[Array, ""]
    converged: Bool[Array, ""]
    condition: Float[Array, ""]
    losses: Float[Array, " steps"] | None


def gradient_descent(
    X: Float[Array, "n p"],
    Y: Float[Array, " n"],
    *,
    theta0: Float[Array, " p"] | None = None,
    step: float | None = None,
    momentum: float | Literal["nesterov"] = 0.0,
    tol: float | None = None,
    max_steps: int = 100_000,
    on_data: bool = False,
    losses: bool = False,
) -> Descent:
    """The parameters of least loss by theta <- theta - step * gradient, until the gradient is small.

    With L and mu the largest and the smallest eigenvalue of the Hessian, the error falls by 1 - mu/L a
    step or faster, with Nesterov's momentum by 1 - sqrt(mu/L). The error of the result is at most its
    gradient norm over mu. Its derivative is had by forward mode; for both modes, use `closed_form`.

    **Arguments:**

    - `theta0`: where to begin; zero if left out.
    - `step`: the step's length; 1/L if left out, the longest that never overshoots.
    - `momentum`: of each step, the part that is repeated in the next: 0 for plain descent,
      `"nesterov"` for (sqrt(L) - sqrt(mu)) / (sqrt(L) + sqrt(mu)).
    - `tol`: stop when the gradient's norm is at most `tol` times what it is at zero; 32 times the
      spacing of the dtype if left out.
    - `max_steps`: stop then anyway, with `converged` false.
    - `on_data`: compute gradients from X, O(np) a step, instead of from its Gram matrix, O(p^2) a step.
    - `losses`: record the loss at every step.

    **Warns:** `RuntimeWarning` with the condition number, where it has not converged; not under `jit`.
    """
    given = {"X": X, "Y": Y} if theta0 is None else {"X": X, "Y": Y, "theta0": theta0}
    check("gradient_descent", _ARGUMENTS[: len(given)], given)
    X, Y = jnp.asarray(X), jnp.asarray(Y)
    dtype, wide = X.dtype, jnp.promote_types(X.dtype, jnp.float32)  # the least that eigenvalues are computed in
    start = jnp.zeros(X.shape[1], wide) if theta0 is None else jnp.asarray(theta0, wide)
    if not (momentum == "nesterov" or (isinstance(momentum, (int, float)) and 0 <= momentum < 1)):
        raise ValueError(f"gradient_descent: momentum must be 'nesterov' or in [0, 1), got {momentum!r}")
    if tol is None:
        tol = 32 * float(jnp.finfo(X.dtype).eps)
    result = _descend(X.astype(wide), Y.astype(wide), start, step, momentum, tol, max_steps, on_data, losses)
    result = result._replace(theta=result.theta.astype(dtype))
    if not isinstance(result.converged, Tracer) and not result.converged:
        warnings.warn(
            f"gradient descent has not converged in {result.steps} steps: its gradient norm is "
            f"{result.gradient_norm:.1e}, and the Hessian's condition number {result.condition:.1e}"
            + "; the step is too long, or X or Y holds NaN or infinity"
            * (not jnp.isfinite(result.gradient_norm)),
            RuntimeWarning,
            stacklevel=2,
        )
    return result


_ARGUMENTS = (Argument("X", (("n", "p"),)), Argument("Y", (("n",),)), Argument("theta0", (("p",),)))


class _State(NamedTuple):
    theta: Array
    ahead: Array  # where the gradient is taken: theta, carried on by the momentum
    gradient: Array
    steps: Array
    losses: Array


@functools.partial(jax.jit, static_argnames=("max_steps", "on_data", "losses", "momentum"))
def _descend(
    X: Design, Y: Targets, start: Parameters, step, momentum, tol, max_steps: int, on_data: bool, losses: bool
) -> Descent:
    n = X.shape[0]
    hessian = 2 / n * gram(X)
    at_zero = -2 / n * pull_back(X, Y)
    loss_at_zero = Y @ Y / n
    eigenvalues = jnp.linalg.eigvalsh(hessian)
    largest = eigenvalues[-1]
    smallest = jnp.where(eigenvalues[0] > X.shape[1] * jnp.finfo(X.dtype).eps * largest, eigenvalues[0], 0)
    length = 1 / largest if step is None else step
    if momentum == "nesterov":
        roots = jnp.sqrt(largest), jnp.sqrt(smallest)
        momentum = (roots[0] - roots[1]) / (roots[0] + roots[1])
    enough = tol * jnp.linalg.norm(at_zero)

    def gradient(theta):
        return -2 / n * pull_back(X, residual(theta, X, Y)) if on_data else at_zero + hessian @ theta

    def recorded(state_losses, steps, theta):
        if not losses:
            return state_losses
        return state_losses.at[steps].set(loss_at_zero + theta @ (at_zero + 0.5 * (hessian @ theta)))

    def unfinished(state):
        return (jnp.linalg.norm(state.gradient) > enough) & (state.steps < max_steps)

    def advance(state):
        theta = state.ahead - length * state.gradient
        ahead = theta + momentum * (theta - state.theta)
        steps = state.steps + 1
        return _State(theta, ahead, gradient(ahead), steps, recorded(state.losses, steps, theta))

    blank = jnp.full(max_steps + 1 if losses else 0, jnp.nan, X.dtype)
    first = _State(start, start, gradient(start), jnp.int32(0), recorded(blank, 0, start))
    last = jax.lax.while_loop(unfinished, advance, first)
    norm = jnp.linalg.norm(last.gradient)
    return Descent(last.ahead, last.steps, norm, norm <= enough, largest / smallest, last.losses if losses else None)
