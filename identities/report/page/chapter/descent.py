"""A run of gradient descent on four points, and the theory's rate beside it."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from identities.linear_regression import closed_form, gradient_descent, mean_squared_error_hessian_theta
from identities.report.page.chapter.examples import X, Y
from identities.report.page.chapter.plot import Axis, Plot, curve

START = [3.0, 1.5]


class Run(NamedTuple):
    """Where gradient descent has been, and where it should come to.

    **Fields:**

    - `path`: the parameters before the first step and after each, shape (steps + 1, 2).
    - `minimum`: the closed form, shape (2,).
    - `hessian`: of the loss, 2/n X^T X.
    - `eigenvalues`: of X^T X, in ascending order.
    """

    path: np.ndarray
    minimum: np.ndarray
    hessian: np.ndarray
    eigenvalues: np.ndarray

    @property
    def distances(self) -> np.ndarray:
        """From the minimum, at each step."""
        return np.linalg.norm(self.path - self.minimum, axis=1)

    @property
    def rate(self) -> float:
        """By which the theory has the distance shrink at each step, at least: 1 - mu/L."""
        return 1 - self.eigenvalues[0] / self.eigenvalues[-1]

    @property
    def measured(self) -> float:
        """By which it did, over the middle half of the run."""
        steps = len(self.path) - 1
        first, last = steps // 4, 3 * steps // 4
        return (self.distances[last] / self.distances[first]) ** (1 / (last - first))


def run() -> Run:
    """Plain descent with its usual step, 1/L, until it stops by itself."""
    with jax.enable_x64(True):
        x, y, start = (jnp.asarray(value, jnp.float64) for value in (X, Y, START))
        steps = int(gradient_descent(x, y, theta0=start).steps)

        def advance(theta: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            return gradient_descent(x, y, theta0=theta, max_steps=1).theta, theta

        last, path = jax.jit(lambda: jax.lax.scan(advance, start, length=steps))()
        hessian = np.asarray(mean_squared_error_hessian_theta(start, x, y))
        minimum = np.asarray(closed_form(x, y))
        return Run(np.vstack([path, last]), minimum, hessian, np.linalg.eigvalsh(np.asarray(x.T @ x)))


_SHOWN = 1e-13
"""The distance down to which the plot goes: below it, there is nothing but rounding."""


def distance_plot(run: Run) -> Plot:
    """The distance from the closed form against steps, on a logarithmic scale, and the theory's bound."""
    distances = run.distances[run.distances > _SHOWN]
    bound = [run.distances[0] * run.rate**k for k in range(len(distances))]
    steps = Axis("step", 0, len(distances) - 1, 56, 280)
    distance = Axis("distance to the closed form", math.log10(_SHOWN), 1, 230, -210, logarithmic=True)
    return Plot(
        "Distance to the closed form, by step",
        f"It falls along a straight line, by {math.log10(distances[0] / distances[-1]):.0f} digits in "
        f"{len(distances) - 1} steps, as the theory has it.",
        steps,
        distance,
        steps.ticks(100),
        distance.ticks(3),
        [
            curve("theory", steps, distance, list(enumerate(bound))[:: len(bound) - 1], "theory"),
            curve("measured", steps, distance, list(enumerate(distances)), "measured"),
        ],
    )


_LEVELS = [4.0**-k for k in range(6)]


def path_plot(run: Run) -> Plot:
    """The path over contours of the loss: ellipses around the minimum, a quarter of the loss above it apart."""
    away = run.path[0] - run.minimum
    excess = away @ run.hessian @ away
    reach = np.sqrt(excess * np.diag(np.linalg.inv(run.hessian))) * 1.04
    (left, bottom), (right, top) = run.minimum - reach, run.minimum + reach
    intercept = Axis("intercept", left, right, 56, 280)
    slope = Axis("slope", bottom, top, 230, -210)
    turns = np.linspace(0, 2 * np.pi, 73)
    circle = np.linalg.solve(np.linalg.cholesky(run.hessian).T, np.stack([np.cos(turns), np.sin(turns)]))
    contours = [run.minimum + math.sqrt(excess * level) * circle.T for level in _LEVELS]
    return Plot(
        "The path over the loss",
        "Contours of the loss are long ellipses around the closed form. The first step goes down across them; all that "
        "follow creep along their length.",
        intercept,
        slope,
        intercept.ticks(1),
        slope.ticks(1),
        [
            *(curve("contour", intercept, slope, contour) for contour in contours),
            curve("path", intercept, slope, run.path[:60], "path"),
            curve("minimum", intercept, slope, [tuple(run.minimum)] * 2, "closed form"),
        ],
    )
