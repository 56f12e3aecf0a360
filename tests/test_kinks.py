"""Kinks, where each rule has a convention of its own, and smooth points where automatic differentiation has NaN."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from identities import CandidateMismatch, check_jvp, check_vjp, domains
from tests.mistakes import mismatch, said

few: Any = {"shapes": 3, "instances": 48}


mistake = functools.partial(said, check_vjp)


def test_a_line_that_is_smooth_does_not_make_a_point_of_all_others_smooth():
    """As that of one entry through zero, for the direction of a vector: a leap along every other one."""

    def direction(x):
        return jnp.linalg.qr(x[:, None])[0][:, 0]

    backward = jax.jit(lambda delta, x: jax.vjp(direction, x)[1](delta)[0])  # NaN at zero
    verdict = check_vjp(direction, backward, signature="(n+1)->(n+1)")  # of one entry, it is 1 everywhere
    assert verdict.not_judged


def test_zero_is_the_derivative_of_a_constant_that_has_none_by_rule():
    def nothing(x):
        return jnp.sqrt(((x - x) ** 2).sum())

    assert check_vjp(nothing, lambda g, x: 0 * g * x, signature="(n)->()", **few).passed
    wrong = mismatch(check_vjp, nothing, lambda g, x: np.nan * x, signature="(n)->()", **few)
    assert "gives NaN" in wrong.diagnosis.sentence
    assert "expected  [nan] by automatic differentiation; by differences, it is finite" in str(wrong)


def test_a_tangent_of_zero_makes_no_smooth_point():
    def direction(g, z):
        return (1j * np.conj(g) * z / np.abs(z) ** 2).real

    complex_ = {"z": domains.complex_numbers}
    found = check_jvp(jnp.angle, lambda z, dz: direction(dz, z), "z", signature="(n)->(n)", domains=complex_)
    assert found.not_judged["no derivative, or none that can be told"] > 0


def test_a_subgradient_is_right_at_a_kink():
    def relu(x):
        return jnp.maximum(x, 0)

    def sloping(at_zero):
        def gradient(g, x):
            return g * np.where(x == 0, at_zero, x > 0)

        return gradient

    for at_zero in (0, 0.25, 1):
        assert check_vjp(relu, sloping(at_zero), signature="(n)->(n)", **few).passed
    for at_zero in (2, -1):
        with pytest.raises(CandidateMismatch):
            check_vjp(relu, sloping(at_zero), signature="(n)->(n)", **few)
    assert "gives NaN" in mistake(relu, sloping(np.nan), signature="(n)->(n)", **few)


def hidden_units(x, w, b, v):
    return jnp.maximum(x @ w + b, 0) @ v


def hidden_units_backward(g, x, w, b, v, transposed=False):
    z = x @ w + b
    dz = g @ v.T * (z > 0)
    return dz @ w.T, (dz.T @ x if transposed else x.T @ dz), dz.sum(0), np.maximum(z, 0).T @ g


relu_layer: Any = {"signature": "(b,n),(n,n),(n),(n,n)->(b,n)", "dtypes": ("float64",)}


def test_a_side_may_be_chosen_for_each_of_several_kinks():
    # Where all inputs of a unit are zero, that is beside what is between the one-sided derivatives along a line.
    assert check_vjp(hidden_units, hidden_units_backward, shapes=12, seed=3, **relu_layer).passed


def test_a_side_may_be_chosen_for_each_of_several_arguments_at_kinks():
    def relu(x):
        return jnp.maximum(x, 0)

    def pooled(x):
        return x.reshape(-1, 2).max(1)

    def first(g, x):
        gradient = np.zeros_like(x).reshape(-1, 2)
        gradient[np.arange(len(g)), x.reshape(-1, 2).argmax(1)] = g
        return gradient.ravel()

    def each(g, x):
        pairs = x.reshape(-1, 2)
        return (g[:, None] * (pairs == pairs.max(1, keepdims=True))).ravel()

    assert check_vjp(relu, lambda g, x: g * (x > 0), signature="(n)->(n)", dtypes=("float64", "float32")).passed
    assert check_vjp(pooled, first, signature="(2*n)->(n)").passed
    with pytest.raises(CandidateMismatch):
        check_vjp(pooled, each, signature="(2*n)->(n)", dtypes=("bfloat16",), seed=3)
    with pytest.raises(CandidateMismatch, match="in the entries where x is zero"):
        check_vjp(relu, lambda g, x: g * np.where(x == 0, 3, x > 0), signature="(n)->(n)")


def test_kinks_of_several_kinds_may_each_have_their_own_convention():
    def bent(x):
        return jnp.clip(x, -1, 1) + jnp.abs(x)

    def backward(g, x, below=0.0, above=0.0, at_zero=0.0):
        return g * ((np.abs(x) < 1) + np.sign(x) + below * (x == -1) + above * (x == 1) + at_zero * (x == 0))

    asked: Any = {"signature": "(n)->(n)", "dtypes": ("float64",)}
    for conventions in ({}, {"below": 1.0}, {"above": 1.0, "at_zero": -1.0}):
        assert check_vjp(bent, functools.partial(backward, **conventions), **asked).passed
    for none in ({"below": 2.0}, {"at_zero": 1.5}):
        with pytest.raises(CandidateMismatch):
            check_vjp(bent, functools.partial(backward, **none), **asked)


def test_of_a_sum_each_term_has_its_own_convention():
    def total(x, w):
        return jnp.clip(x, -1, 1) @ w

    def forward(x, w, dx, dw, at_ends=0.0, limit=1.0):
        inside = (np.abs(x) < 1) + at_ends * (np.abs(x) == 1)
        return inside * dx @ w + np.clip(x, -limit, 1) @ dw

    asked: Any = {"signature": "(n),(n,m)->(m)", "dtypes": ("float64",)}
    assert check_jvp(total, forward, **asked).passed  # at larger sizes too, where there are many ends
    for wrong in ({"at_ends": 3.0}, {"limit": 0.9}):
        with pytest.raises(CandidateMismatch):
            check_jvp(total, functools.partial(forward, **wrong), **asked, **few)


def test_a_sum_over_windows_that_overlap_may_take_the_first_of_equal_numbers():
    def total(x, w):
        return jnp.maximum(x[:-1], x[1:]) @ w

    def forward(x, w, dx, dw, both=False):
        of_first, of_last = x[:-1] >= x[1:], x[1:] >= x[:-1] if both else x[1:] > x[:-1]
        return (of_first * dx[:-1] + of_last * dx[1:]) @ w + np.maximum(x[:-1], x[1:]) @ dw

    asked: Any = {"signature": "(n+1),(n)->()", "dtypes": ("float64",), "seed": 1}
    assert check_jvp(total, forward, **asked).passed
    with pytest.raises(CandidateMismatch):
        check_jvp(total, functools.partial(forward, both=True), **asked)


def test_a_wrong_gradient_leaves_the_conventions_of_the_others():
    def gated(x, w):
        return jnp.clip(x, 0, 1) @ w

    def backward(g, x, w, scale=1):
        return g @ w.T * ((x > 0) & (x < 1)), scale * np.clip(x, 0, 1).T @ g

    asked: Any = {"signature": "(b,n),(n,m)->(b,m)", "dtypes": ("float64",)}
    assert check_vjp(gated, backward, **asked).passed
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(gated, functools.partial(backward, scale=2), **asked)
    assert {name: found.kind for name, found in caught.value.diagnoses.items()} == {"w": "factor"}


def test_what_shares_a_kink_has_one_side_of_it():
    def larger(x, y):
        return jnp.maximum(x, -y)

    def backward(g, x, y, of_x=0.5, of_y=0.5):
        return g * np.where(x == -y, of_x, x > -y), -g * np.where(x == -y, of_y, x < -y)

    asked: Any = {"signature": "(n),(n)->(n)", "dtypes": ("float64",)}
    for of_x in (0.0, 0.25):
        assert check_vjp(larger, functools.partial(backward, of_x=of_x, of_y=1 - of_x), **asked).passed
    for of_x, of_y in ((0.0, 0.25), (1.0, 1.0)):
        with pytest.raises(CandidateMismatch):
            check_vjp(larger, functools.partial(backward, of_x=of_x, of_y=of_y), **asked)


@pytest.mark.parametrize("last", [False, True])
def test_windows_that_overlap_may_all_take_the_first_of_equal_numbers_or_the_last(last):
    def largest_of_two(x):
        return jnp.maximum(x[:-1], x[1:])

    def backward(g, x, added=True):
        gradient = np.zeros_like(x)
        for i in range(len(g)):
            at = i + int(x[i + 1] >= x[i] if last else x[i + 1] > x[i])
            gradient[at] = g[i] + added * gradient[at]
        return gradient

    assert check_vjp(largest_of_two, backward, signature="(n+1)->(n)").passed
    with pytest.raises(CandidateMismatch):
        check_vjp(largest_of_two, lambda g, x: backward(g, x, added=False), signature="(n+1)->(n)", dtypes=("float64",))


def pooled(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2), (1, 1, 1), "VALID")[:, 0, 0]


def pooled_vjp(g, x, shares=1.0):
    equal = x == x.max((1, 2), keepdims=True)
    return g[:, None, None] * equal / (1 + shares * (equal.sum((1, 2), keepdims=True) - 1))


def test_equal_numbers_may_share_a_cotangent_in_each_of_several_windows():
    assert check_vjp(pooled, pooled_vjp, signature="(n,2,2)->(n)").passed
    with pytest.raises(CandidateMismatch):
        check_vjp(pooled, lambda g, x: pooled_vjp(g, x, shares=0.0), signature="(n,2,2)->(n)")


def test_a_kink_is_seen_beside_huge_derivatives_elsewhere():
    wrong = functools.partial(hidden_units_backward, transposed=True)
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(hidden_units, wrong, seed=1, **relu_layer)
    assert {name: found.kind for name, found in caught.value.diagnoses.items()} == {"w": "transpose"}


def test_a_kink_of_which_little_comes_is_one_beside_large_entries():
    def gated(s, x):
        return jnp.sum(jax.nn.softmax(8 * s) * jnp.where(x >= 0, x, 0.2 * x))

    def backward(g, s, x, at_zero=0.2):
        return g * special.softmax(8 * s) * np.where(x == 0, at_zero, np.where(x > 0, 1, 0.2)).astype(x.dtype)

    asked: Any = {"signature": "(n),(n)->()", "wrt": "x", **few}
    assert check_vjp(gated, backward, **asked).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(gated, functools.partial(backward, at_zero=1.5), **asked)


def test_a_tied_maximum_has_one_gradient_to_give():
    def share(g, x):
        return g * (x == x.max()) / (x == x.max()).sum()

    def first(g, x):
        return g * (np.arange(len(x)) == x.argmax())

    for gradient in (share, first):
        assert check_vjp(jnp.max, gradient, signature="(n)->()", **few).passed
    assert mistake(jnp.max, lambda g, x: g * (x == x.max()), signature="(n)->()", **few)


def test_nan_is_wrong_where_the_function_is_smooth():
    def squared(x):
        return jnp.linalg.norm(x) ** 2

    verdict = check_vjp(squared, lambda g, x: 2 * g * x, signature="(n)->()", **few)
    assert verdict.passed
    assert verdict.judged == verdict.instances
    with np.errstate(invalid="ignore"):
        said = mistake(squared, lambda g, x: 2 * g * np.linalg.norm(x) * (x / np.linalg.norm(x)), signature="(n)->()")
    assert "gives NaN where x is zero" in said


def test_what_is_not_judged_is_counted_and_has_a_reason():
    with np.errstate(divide="ignore", invalid="ignore"):
        verdict = check_vjp(lambda x: 1 / x, lambda g, x: -g / x**2, signature="(n)->(n)", **few)
    assert verdict.passed
    assert verdict.not_judged == {"the function is not finite": verdict.instances - verdict.judged}
    assert 0 < verdict.judged < verdict.instances


def test_what_leads_beyond_the_range_of_numbers_has_a_reason_of_its_own():
    def naive(x):
        return jnp.exp(x) / (1 + jnp.exp(x))

    def stable(g, x):
        return g * special.expit(x) * special.expit(-x)

    verdict = check_vjp(naive, stable, signature="(n)->(n)", dtypes=("float64",))
    assert verdict.passed
    assert verdict.not_judged["beyond the range of float64 on the way"] > 0


def test_where_a_function_has_no_value_it_has_no_derivative():
    def gradient(undefined):
        return lambda g, x: np.where(x < 0, undefined, g / np.where(x == 0, 1, x))

    with np.errstate(invalid="ignore"):
        for undefined in (np.nan, 1.0):
            verdict = check_vjp(jnp.log, gradient(undefined), signature="()->()", **few)
            assert verdict.not_judged == {"the function is not finite": verdict.instances - verdict.judged}
            assert verdict.judged > verdict.instances / 4


# Several kinks at once.


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


def residuals(x, w, y):
    return jnp.abs(jnp.maximum(x @ w, 0) - y).sum()


def residuals_vjp(g, x, w, y, at_zero=0.0):
    z = x @ w
    dy = -g * np.sign(np.maximum(z, 0) - y)
    dz = -dy * np.where(z == 0, at_zero, z > 0)
    return dz @ w.T, x.T @ dz, dy


def test_kinks_may_cancel_by_chance():
    """As where x is zero, w = (-2, 2) and y = (-1, 2): the slopes by x are the same on both sides."""
    asked: Any = {"signature": "(b,n),(n,m),(b,m)->()", "sizes": {"b": 2, "n": 1, "m": 2}}
    asked |= {"dtypes": ("float64",), "seed": 4}  # at which there are some
    for at_zero in (0.0, 1.0):
        assert check_vjp(residuals, functools.partial(residuals_vjp, at_zero=at_zero), **asked).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(residuals, functools.partial(residuals_vjp, at_zero=20.0), **asked)


def test_a_kink_of_one_entry_leaves_the_others_as_they_are():
    bins = np.arange(-2.0, 3.0)

    def histogram(x):
        return jnp.maximum(0, 1 - jnp.abs(x[:, None] - bins)).sum(axis=0)

    def backward(g, x, at_ties=1):
        off = x[:, None] - bins
        return (-g * np.sign(off) * (np.abs(off) < 1)).sum(axis=1) * (at_ties if len(set(x)) < len(x) else 1)

    asked: Any = {"signature": "(n)->(5)", "dtypes": ("float64",)}
    assert check_vjp(histogram, backward, **asked).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(histogram, functools.partial(backward, at_ties=3), **asked)


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
