"""The derivatives of elementwise functions by mpmath, if it is installed, since JAX's own values may be inaccurate."""

import importlib
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.jax_derivatives import EPS, LOST, NOTHING, Reference, Trial

_EXACT = 150
"""At how many points mpmath is asked, at most."""


def against_mpmath(
    trial: Trial, truth: Reference, got: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives by mpmath, NaN where there are none; their error by rounding; where JAX's values are off."""
    size = trial.x.size
    exact, slack = np.full(len(truth.low), np.nan), np.zeros(len(truth.low))
    inexact = np.zeros(len(truth.low), bool)
    if not trial.formula or len(exact) != size or mpmath() is None:
        return exact, slack, inexact
    value = np.asarray(trial.flat(jnp.asarray(trial.x)))
    # Those first about which there are doubts.
    doubts = (truth.what != "smooth") | np.any([truth.off(g) > 0 for g in got.values()], axis=0)
    order = [i for i in np.argsort(~doubts, kind="stable") if truth.what[i] not in ("kink", "end")]
    truth.what[order[_EXACT:]] = ""
    for i in map(int, order[:_EXACT]):
        v, d, bend = precisely(trial, i)
        if not np.isfinite([v, d]).all() or not np.isfinite(value[i]):
            inexact[i] = np.isfinite(v) and abs(v) < 1e300 and np.isnan(value[i])
            continue
        moved = 8 * EPS * max(abs(d * trial.x[i]), abs(v))
        inexact[i] = abs(value[i] - v) > LOST * abs(v) + moved + NOTHING
        # Nobody is to blame for what the rounding of the argument does.
        exact[i], slack[i] = d, 8 * EPS * abs(bend * trial.x[i]) if np.isfinite(bend) else 0
        slack[i] += 64 * EPS if d == 0 else 0
    return exact, slack, inexact


@cache
def mpmath() -> Any:
    """mpmath, if it is installed."""
    try:
        return importlib.import_module("mpmath")
    except ImportError:
        return None


def precisely(trial: Trial, i: int) -> tuple[float, float, float]:
    """The value and the first two derivatives, which two precisions agree on; NaN where there is none."""
    mp = mpmath()
    f = eval(f"lambda a=0, b=0, c=0, d=0: {trial.formula}", vars(mp) | {"max": max, "min": min, "abs": abs})
    at = [mp.mpf(float(a[i])) for a in trial.at]

    def moved(x: Any) -> Any:
        y = f(*[x if k == trial.moved else a for k, a in enumerate(at)])
        return y if mp.im(y) == 0 else mp.nan

    found = []
    for digits in (40, 70):
        try:
            with mp.workdps(digits):
                x = at[trial.moved]
                found.append(
                    [float(mp.re(moved(x)))] + [float(mp.re(mp.diff(moved, x, n, relative=bool(x)))) for n in (1, 2)]
                )
        # At a pole, or where a series has no end or goes too deep; anything else makes the trial a broken one.
        except (ArithmeticError, ValueError, NotImplementedError, RecursionError, mp.libmp.NoConvergence):
            return np.nan, np.nan, np.nan
    # The two have to agree to a thousandth of what is told of JAX, or the digits are lost to mpmath itself.
    agree = np.isclose(*found, rtol=LOST / 1000, atol=0)
    v, d, bend = np.where(agree, found[1], np.nan)
    return float(v), float(d), float(bend)
