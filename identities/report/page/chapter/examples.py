"""A small example of each formula of the chapter: its arguments stand here, its result is computed."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import find
from identities.chain import curve, curve_jacobian
from identities.report.page.chapter.numbers import assignments, numbers

X = [[1, 0], [1, 1], [1, 2], [1, 3]]
"""A design with an intercept, of four rows."""

Y = [1, 2, 2, 5]
_W, _THREE_BY_TWO = [[1, 2, 0], [3, 4, -1]], [[1, 2], [0, -1], [3, 1]]
_LOGITS, _ONE_HOT = [1, 2, 0], [0, 1, 0]

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "composition_jacobian_x_columns": {"A": [[1, -1]], "B": [[1, 0], [2, 1]], "x": [0, 0]},
    "composition_jacobian_x_rows": {"A": [[1, -1]], "B": [[1, 0], [2, 1]], "x": [0, 0]},
    "curve_jacobian": {"x": 1},
    "composition_jvp_x": {"A": [[1, -1]], "B": [[1, 0], [2, 1]], "x": [0, 0], "v": [1, 3]},
    "composition_vjp_x": {"delta": [2], "A": [[1, -1]], "B": [[1, 0], [2, 1]], "x": [0, 0]},
    "matvec_jacobian_x": {"W": _W, "x": [1, -1, 2]},
    "vecmat_jacobian_x": {"x": [1, -1], "W": _W},
    "identity_map_jacobian": {"x": [5, 7]},
    "exp_jacobian": {"x": [0, 1, -1]},
    "exp_vjp": {"delta": [1, 2, 3], "x": [0, 1, -1]},
    "matvec_vjp_W": {"delta": [1, -2], "W": _W, "x": [1, -1, 2]},
    "matvec_jacobian_W": {"W": [[1, 2], [3, 4]], "x": [5, 7]},
    "vecmat_vjp_W": {"delta": [1, -2], "x": [1, -1, 2], "W": _THREE_BY_TWO},
    "softmax_cross_entropy_jacobian_theta": {"theta": _LOGITS, "y": _ONE_HOT},
    "softmax_jacobian": {"x": _LOGITS},
    "squared_norm_jacobian": {"x": [3, 4]},
    "squared_norm_hessian": {"x": [3, 4]},
    "mean_squared_error_jacobian_theta": {"theta": [0, 1], "X": X, "Y": Y},
    "mean_squared_error_hessian_theta": {"theta": [0, 1], "X": X, "Y": Y},
    "normal_equations_vjp_Y": {"delta": [0, 1], "X": X, "Y": Y},
}
"""The arguments, by the identity's name."""


def worked() -> dict[str, tuple[list[str], str]]:
    """The arguments of each example, and the result of the closed form, in LaTeX, by the identity's name."""
    results = _results()
    return {name: (assignments(values), numbers(results[name])) for name, values in EXAMPLES.items()}


def quotients(x: float, steps: tuple[float, ...]) -> list[tuple[str, str]]:
    """The difference quotients of `curve` at x, with ever smaller steps, and its Jacobian; each as LaTeX."""
    with jax.enable_x64(True):
        at_x, jacobian = (np.asarray(f(jnp.asarray(x, float))) for f in (curve, curve_jacobian))
        moved = [np.asarray(curve(jnp.asarray(x + step, float))) for step in steps]
    found = [(f"{step:g}", numbers((there - at_x) / step, 5)) for step, there in zip(steps, moved, strict=True)]
    return [*found, ("formula", numbers(jacobian, 5))]


def _results() -> Mapping[str, np.ndarray]:
    """All of them are one program, which takes less time to compile than an operation after the other would."""

    def closed_forms(examples: Mapping[str, Mapping[str, jax.Array]]) -> dict[str, jax.Array]:
        return {name: find(name).closed_form(**arrays) for name, arrays in examples.items()}

    with jax.enable_x64(True):
        arrays = {
            name: {argument: np.asarray(value, np.float64) for argument, value in values.items()}
            for name, values in EXAMPLES.items()
        }
        return jax.tree.map(np.asarray, jax.jit(closed_forms)(arrays))
