"""What is ruled out before a candidate is blamed: that differences err, and that witnesses disagree."""

import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from identities import Verification, WitnessMismatch, check_hessian, check_jacobian, check_vjp, domains, verify
from identities.oracle.reference import extrapolation
from tests.mistakes import mismatch, said

few: Any = {"shapes": 3, "instances": 48}


mistake = functools.partial(said, check_vjp)


# Differences, by themselves.


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (np.exp, np.exp, np.exp),
        (np.sin, np.cos, lambda x: -np.sin(x)),
        (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
        (lambda x: (1e4 + np.sin(x)) - 1e4, np.cos, lambda x: -np.sin(x)),  # which has lost digits
        (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0), lambda x: 0 * x),
    ],
)
def test_derivatives_along_a_line_know_how_far_off_they_are(function, first, second):
    rng = np.random.default_rng(0)
    x = np.concatenate([scale * rng.standard_normal(500) for scale in (0.1, 1, 3, 100)])
    v = extrapolation.directions(x, rng)
    with np.errstate(all="ignore"):
        values = function(x + extrapolation.POINTS[:, None] * v)
        for found, right in ((extrapolation.first, first(x) * v), (extrapolation.second, second(x) * v * v)):
            value, error = found(values)
            known = np.isfinite(error) & np.isfinite(right)
            assert known.mean() > 0.85
            off = np.abs(value - right)[known]
            assert np.mean(off <= error[known] + 1e-15 * np.abs(right[known])) > 0.99
            assert np.median(error[known] / (np.abs(right[known]) + 1)) < 1e-6


def test_a_step_that_turns_within_a_thousandth_is_not_told_by_what_is_beyond_it():
    rng = np.random.default_rng(0)
    x = np.concatenate([scale * rng.standard_normal(2000) for scale in (0.1, 1, 3, 100)])
    v = extrapolation.directions(x, rng)
    steep = 1e3 * np.sin(1e3 * (x + extrapolation.POINTS[:, None] * v))
    right = 1e6 * np.cos(1e3 * x) / (1 + steep[0] ** 2) * v
    value, error = extrapolation.first(np.arctan(steep))
    assert np.mean(np.abs(value - right) > 8 * error + 1e-13 * np.abs(right)) < 0.005


def test_a_derivative_that_bends_close_by_is_not_told_by_what_agrees_beyond_the_bend():
    rng = np.random.default_rng(3)
    x, v = 0.2 * rng.standard_normal((2, 2, 20_000, 32))
    along = x + extrapolation.POINTS[:, None, None, None] * v
    sums = np.where(along > 0, along + 1, np.exp(np.minimum(along, 0))).sum(axis=-1)
    (above, below), (up, down) = sums[0], (np.exp(np.minimum(x, 0)) * v).sum(axis=-1)
    value, error = extrapolation.first(sums[:, 0] / sums[:, 1])
    assert np.max(np.abs(value - (up * below - above * down) / below**2) / error) < 4


def test_a_kink_has_two_derivatives():
    values = np.abs(extrapolation.POINTS)[:, None]
    (left, off_left), (right, off_right) = extrapolation.one_sided(values)
    assert left == pytest.approx(-1)
    assert right == pytest.approx(1)
    assert max(off_left, off_right) < 1e-9


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_what_may_bend_is_told_before_it_is_extrapolated(size):
    x = extrapolation.POINTS[:, None]
    smooth = size * np.hstack([np.sin(1 + x), np.exp(3 * x), 1 / (2 + x), np.sqrt(1 + x), 1 + x**3, 0 * x + 0.3])
    assert not extrapolation.may_bend(smooth).any()
    for kink in (np.abs(x), np.maximum(x, 0), np.where(x > 0, x, x**2)):
        assert extrapolation.may_bend(smooth + 1e-9 * size * kink).all()
        assert extrapolation.may_bend(size * kink).all()


def test_a_value_all_by_itself_is_no_limit():
    x = extrapolation.POINTS
    assert extrapolation.leaps(np.where(x == 0, 0.5, 1.0))
    assert extrapolation.leaps(np.sign(x + 1e-300) + x)
    for values in (np.abs(x), np.sin(1 + x), np.sqrt(np.abs(x)), (1e3 + np.sin(x)) - 1e3, 0 * x):
        assert not extrapolation.leaps(values, terms=values + 1e3)


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-7, 1e-8, 1e-12, 0])
def test_what_changes_at_a_smaller_scale_than_the_steps_is_not_known(scale):
    slope = np.concatenate([np.random.default_rng(0).standard_normal(500), [100.0, 1e3, 1e5]])
    x = extrapolation.POINTS[:, None] * slope
    with np.errstate(all="ignore"):
        values = np.where(x == 0, 0, x / np.sqrt(x * x + scale**2))
        right = slope / np.float64(scale)
        for found, error in (extrapolation.first(values), *extrapolation.one_sided(values)):
            assert np.all(np.isinf(error) | (np.abs(found - right) <= 2 * error))


# Witnesses that disagree.


def test_values_that_move_by_leaps_of_rounding_are_no_flat_function():
    def sigmoid_cross_gradient(x, y):  # arguments are drawn by the name
        return jax.grad(lambda x: jnp.mean((jax.nn.sigmoid(x) - y) ** 2))(x)

    def second_derivative(x, y):
        s, slope = special.expit(x), special.expit(x) * special.expit(-x)
        return np.diag(2 * (slope * slope + (s - y) * slope * (1 - 2 * s)) / len(x))

    assert check_jacobian(sigmoid_cross_gradient, second_derivative, "x", signature="(n),(n)->(n)", seed=7).passed


@jax.custom_jvp
def cubed(x):
    return x**3


@cubed.defjvp
def _wrong(primals, tangents):
    return cubed(*primals), 2 * primals[0] ** 2 * tangents[0]


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_wrong_rule_is_nobody_elses_mistake(factor):
    with pytest.raises(WitnessMismatch) as caught:
        check_vjp(cubed, lambda g, x: factor * x**2 * g, signature="(n)->(n)", **few)
    found = caught.value
    assert "differences" in found.witnesses
    assert not isinstance(found, AssertionError)
    assert found.agrees == {2: ("jacfwd", "jacrev"), 3: ("differences",), 5: ()}[factor]
    for part in ("custom_jvp", "x = ", "differences"):
        assert part in str(found)
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)


@jax.custom_jvp
def squared(x):
    return x**2


@squared.defjvp
def _wrong_now_and_then(primals, tangents):
    (x,) = primals
    return squared(x), jnp.where((x > 5) & (x < 5.5), 3, 2) * x * tangents[0]


def test_a_rule_that_is_wrong_now_and_then_is_found_out_where_a_result_looks_wrong():
    asked: Any = {"signature": "(n)->(n)", "dtypes": ("float64",)}
    with pytest.raises(WitnessMismatch) as caught:
        check_vjp(squared, lambda g, x: 2 * g * x, **asked)
    assert caught.value.agrees == ("differences",)
    # What is wrong everywhere else too is wrong.
    assert mismatch(check_vjp, squared, lambda g, x: 5 * g * x, **asked).counterexample.dtype == "float64"


def test_second_differences_know_what_the_values_on_the_way_leave_of_their_digits():
    def loss(z, y, w):  # of a large z and y = 1, next to nothing is left
        return (w * (jax.nn.softplus(z) - y * z)).sum()

    def twice(z, y, w):
        return np.diag(2 * w * special.expit(z) * special.expit(-z))

    asked: Any = {"domains": {"y": domains.integers(0, 1), "w": domains.positive}}
    wrong = mismatch(check_hessian, loss, twice, "z", signature="(n),(n),(n)->()", **asked)
    assert wrong.diagnosis.factor == "2"


@pytest.mark.parametrize("factor", [2, 3])
def test_a_wrong_rule_of_a_jacobian_too_large_to_be_written_down_is_nobodys_mistake(factor):
    asked: Any = {"signature": "(n)->(n)", "sizes": {"n": 200}, "dtypes": ("float64",)}
    with pytest.raises(WitnessMismatch) as caught:
        check_jacobian(cubed, lambda x: np.diag(factor * x**2), **asked)
    assert caught.value.agrees == {2: ("jacfwd", "jacrev"), 3: ("differences",)}[factor]

    def held(x):
        return jnp.sin(x) + jax.lax.stop_gradient(x)

    assert check_jacobian(held, lambda x: np.diag(np.cos(x)), **asked).passed


@pytest.mark.parametrize("clamps", [True, False])
def test_an_index_out_of_range_is_nobodys_mistake(clamps):
    def gradient(g, w, ids):
        found = np.zeros_like(w)
        for row, i in zip(g, ids, strict=True):
            if i < len(w) or clamps:
                found[min(i, len(w) - 1)] += row
        return found

    asked: Any = {"signature": "(v,c),(t)->(t,c)", "domains": {"ids": domains.integers(0, "v")}}
    with pytest.raises(WitnessMismatch) as caught:
        check_vjp(lambda w, ids: w[ids], gradient, "w", **asked, **few)
    assert "out of range" in caught.value.meaning


def test_what_is_held_constant_on_purpose_is_no_disagreement():
    def straight_through(x):
        return x + jax.lax.stop_gradient(jnp.round(x) - x)

    assert check_vjp(straight_through, lambda g, x: g, signature="(n)->(n)", **few).passed


@pytest.mark.parametrize("slope", [1.0, 1.01])
def test_forward_mode_has_the_function_of_a_custom_vjp_and_not_its_rule(slope):
    @jax.custom_vjp
    def softplus(x):
        return jnp.logaddexp(x, 0)

    softplus.defvjp(lambda x: (softplus(x), x), lambda x, g: (slope * g * jax.nn.sigmoid(x),))

    def summed(x, y):
        return jax.jit(softplus)(x) * y + jax.lax.scan(lambda sum_, u: (sum_ + softplus(u), sum_), 0.0, x)[0]

    def backward(g, x, y):
        return (g * y + g.sum()) / (1 + np.exp(-x)), g * np.logaddexp(x, 0)

    def judged():
        return check_vjp(summed, backward, signature="(n),(n)->(n)", dtypes=("float64",), **few)

    if slope == 1:
        assert judged().passed
    else:
        with pytest.raises(WitnessMismatch, match="custom_vjp"):
            judged()


def test_differences_alone_do_not_refute_what_is_exact():
    # Sums along a line from zero are rounded alike at all of its steps, so that rounding looks like a slope.
    assert verify("trace_kronecker_jacobian_X", dtypes=("bfloat16",), seed=6).passed


def test_every_verdict_has_all_three_witnesses():
    verdict: Verification = check_jacobian(
        lambda x: jnp.sin(x), lambda x: np.diag(np.cos(x)), signature="(n)->(n)", **few
    )
    assert list(verdict.errors) == ["jacfwd", "jacrev", "differences"]
    assert verdict.agrees("differences")
