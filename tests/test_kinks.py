"""Gradients that are right at kinks, where several meet: each rule has its own convention there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, check_vjp, domains


def distance(x, y):
    """Of two samples: sorted, each entry has its partner."""
    return jnp.abs(jnp.sort(x) - jnp.sort(y)).sum()


def distance_vjp(g, x, y, at_zero=0.0):
    ix, iy = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    sign = np.where(x[ix] == y[iy], at_zero, np.sign(x[ix] - y[iy]))
    dx, dy = np.empty_like(x), np.empty_like(y)
    dx[ix], dy[iy] = g * sign, -g * sign
    return dx, dy


@pytest.mark.parametrize("seed", range(4))
def test_ties_and_differences_of_nothing_may_meet(seed):
    few = {"signature": "(n),(n)->()", "seed": seed, "dtypes": ("float64",)}
    assert check_vjp(distance, distance_vjp, **few).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(distance, lambda *given: distance_vjp(*given, at_zero=20.0), **few)


def quantised(x, s):
    """Rounded to multiples of s within bounds, straight through."""
    v = jnp.clip(x / s, -4, 3)
    return s * (v + jax.lax.stop_gradient(jnp.round(v) - v))


def quantised_vjp(g, x, s, outside=0.0):
    v = x / s
    low, high = v <= -4, v >= 3
    ds = np.where(low, -4, np.where(high, 3, np.round(v) - v))
    return g * np.where(low | high, outside, 1), (g * ds).sum()


def test_a_quotient_may_be_at_its_kink_beside_what_is_declared_constant():
    options = {"signature": "(n),()->(n)", "domains": {"s": domains.positive}, "dtypes": ("float64",)}
    assert check_vjp(quantised, quantised_vjp, ("x", "s"), **options).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(quantised, lambda *given: quantised_vjp(*given, outside=0.5), ("x", "s"), **options)


def test_a_domain_has_no_infinite_numbers_in_a_narrow_dtype():
    seen = []

    def backward(g, x):
        seen.append(bool(np.isfinite(x).all()))
        return 2 * g * x

    check_vjp(lambda x: x * x, backward, signature="(n)->(n)", domains={"x": domains.positive}, dtypes=("float16",))
    assert all(seen)
