"""What is ruled out before a candidate is blamed: witnesses that disagree, kinks, rounding on the way; and bias."""

import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from scipy import special

from identities import CandidateMismatch, Verification, WitnessMismatch, check_jacobian, check_value, check_vjp, domains
from identities.oracle.check import claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.reference import extrapolation
from identities.oracle.reference.rounding import rounding
from identities.oracle.verdict import bias
from tests.autodiff import judged_by_itself
from tests.functions import WRITTEN, Written

few: Any = {"shapes": 3, "instances": 48}


def mistake(*given, **options) -> str:
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(*given, **options)
    return str(caught.value.diagnosis)


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


def test_a_kink_has_two_derivatives():
    values = np.abs(extrapolation.POINTS)[:, None]
    (left, off_left), (right, off_right) = extrapolation.one_sided(values)
    assert left == pytest.approx(-1)
    assert right == pytest.approx(1)
    assert max(off_left, off_right) < 1e-9


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


# Kinks, and points that are smooth although automatic differentiation gives NaN.


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


def test_a_kink_is_seen_beside_huge_derivatives_elsewhere():
    wrong = functools.partial(hidden_units_backward, transposed=True)
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(hidden_units, wrong, seed=1, **relu_layer)
    assert {name: found.kind for name, found in caught.value.diagnoses.items()} == {"w": "transpose"}


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


# Rounding of every operation.


def test_right_gradients_that_round_otherwise_are_right():
    def deviation(x):
        return jnp.sqrt(jnp.sum((x - x.mean()) ** 2) / (len(x) - 1))

    def textbook(g, x):
        with np.errstate(invalid="ignore"):
            return g * (x - x.mean()) / ((len(x) - 1) * x.std(ddof=1))

    for seed in range(2):
        assert check_vjp(deviation, textbook, signature="(n+1)->()", seed=seed).passed
        by_cosh = check_vjp(
            jnp.tanh, lambda g, x: g / np.cosh(np.clip(x, -300, 300)) ** 2, signature="(n)->(n)", seed=seed
        )
        assert by_cosh.passed


def test_the_largest_entry_stays_one_of_the_entries_when_they_are_rounded():
    """A derivative of max asks which entry is equal to it; if none is, every instance looks beyond all range."""

    def softmax(x):
        scores = 3 * x * x
        e = jnp.exp(scores - scores.max())
        return e / e.sum()

    def without_the_sum(g, x):
        return 6 * x * special.softmax(3 * x * x) * g

    with pytest.raises(CandidateMismatch):
        check_vjp(softmax, without_the_sum, signature="(n)->(n)", **few)


@pytest.mark.parametrize("name", ["layer_norm", "sigmoid_naive", "softmax_naive"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_automatic_differentiation_in_the_dtype_under_test_is_right(name, dtype):
    written = next(w for w in WRITTEN if w.name == name)
    assert judged_by_itself(written, dtype, seed=0, instances=48).passed


@pytest.mark.parametrize(
    ("name", "dtype", "seed"),
    [
        ("normalised_safely", "float64", 0),  # which changes at a scale of 1e-3, at the zeros of a large shape
        ("gated", "bfloat16", 1),  # where 1 + exp(-x) is rounded within a sigmoid
        ("rms_norm", "bfloat16", 3),  # where terms cancel that are rounded each
        ("batch_norm", "float16", 0),  # where what is left of terms that cancel has few digits
        ("composition", "bfloat16", 1),  # where rounding leaves less than a digit
        ("curves_form", "float16", 1),  # and may lead beyond the range
    ],
)
def test_automatic_differentiation_is_right_where_it_is_hard(name, dtype, seed):
    written = next(w for w in WRITTEN if w.name == name)
    assert judged_by_itself(written, dtype, seed).passed


def test_rounding_leaves_no_digit_of_a_matrix_that_is_all_but_singular():
    def log_determinant(x):
        return jnp.linalg.slogdet(x)[1]

    asked = claim("vjp", log_determinant, None, "(5,5)->()")
    almost = np.vander(np.arange(5.0)) @ np.diag([1, 1, 1, 1, 1e-14]) @ np.vander(np.arange(1.0, 6.0))
    batch = {"delta": np.ones(2), "x": np.stack([almost, almost + 1e4 * np.eye(5)])}
    (moved,) = rounding(asked, Shape(()), batch, "float32", seed=0)
    size = np.abs(np.linalg.inv(batch["x"])).max(axis=(1, 2))
    assert moved[0] > 0.1 * size[0]
    assert moved[1] < 1e-4 * size[1]


def test_where_a_function_leaps_no_cotangent_makes_it_smooth():
    def projection(A):
        """Onto the last eigenvector, of which a matrix of zeros has any."""
        v = jnp.linalg.eigh(A + A.T)[1][:, -1]
        return v[:, None] * v

    asked: Any = {"signature": "(n,n)->(n,n)", "sizes": {"n": (2,)}, "dtypes": ("float32",), **few}
    assert check_vjp(projection, jax.jit(lambda g, A: jax.vjp(projection, A)[1](g)[0]), arrays="jax", **asked).passed


def test_there_are_functions_of_all_kinds():
    assert len(WRITTEN) >= 60


# Hard values.


@pytest.mark.parametrize("wrong", [5, np.nan])
def test_a_value_beyond_the_range_of_its_dtype_is_judged(wrong):
    def exponential(x):
        with np.errstate(over="ignore"):
            e = np.exp(x)
        return np.where(x > 100, np.float32(wrong), e)

    with pytest.raises(CandidateMismatch):
        check_value(jnp.exp, exponential, signature="(n)->(n)", dtypes=("float32",))


def test_an_overflow_is_said_to_be_one():
    def naive(g, x):
        with np.errstate(all="ignore"):
            z = np.exp(x) / np.exp(x).sum()
        return z * (g - g @ z)

    def stable(g, x):
        z = special.softmax(x)
        return z * (g - g @ z)

    for dtype, limit in (("float32", 88), ("float64", 709)):
        said = mistake(jax.nn.softmax, naive, signature="(n)->(n)", dtypes=(dtype,))
        assert "overflows" in said or "NaN" in said
        assert check_vjp(jax.nn.softmax, stable, signature="(n)->(n)", dtypes=(dtype,)).passed
        entrywise = mistake(
            jax.nn.sigmoid, lambda g, x: g * np.exp(x) / (1 + np.exp(x)) ** 2, signature="(n)->(n)", dtypes=(dtype,)
        )
        assert "overflows in the entries where x is" in entrywise
        assert limit / 3 < float(entrywise.split("above")[1].split(",")[0]) <= limit + 2


# Bias.


@pytest.mark.parametrize(("dtype", "excess"), [("bfloat16", 1e-2), ("float16", 1e-3), ("float32", 1e-7)])
def test_a_factor_that_no_single_entry_shows(dtype, excess):
    def product(x, w):
        return x @ w

    def backward(factor):
        def gradient(g, x, w):
            wide = [a.astype(np.float64) for a in (g, x, w)]
            exact = wide[0] @ wide[2].T, wide[1].T @ wide[0]
            return tuple((factor * v).astype(x.dtype) for v in exact)

        return gradient

    asked: Any = {"signature": "(n,m),(m,k)->(n,k)", "dtypes": (dtype,)}
    assert check_vjp(product, backward(1), **asked).passed
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(product, backward(1 + excess), **asked)
    assert caught.value.diagnosis.kind == "factor"
    assert float(caught.value.diagnosis.factor or 0) == pytest.approx(1 + excess, rel=excess / 5)


@pytest.mark.parametrize("factor", [1e-200, 1e-300, 1e36])
def test_results_next_to_the_ends_of_the_range_are_right(factor):
    def gradient(g, x):
        with np.errstate(over="ignore"):
            return (factor * g.astype(np.float64)).astype(x.dtype)

    assert check_vjp(lambda x: factor * x, gradient, signature="(n)->(n)", dtypes=("float32",), **few).passed


def test_slopes_that_are_known_ever_so_well_have_a_mean():
    together = bias._together([bias.Slope(1.0, 1e-200), bias.Slope(3.0, 1e-200), bias.Slope(9.0, 1.0)])
    assert together.off == pytest.approx(2)
    assert together.error == pytest.approx(1e-200 / np.sqrt(2))


def test_reciprocals_of_constants_are_rounded_alike_everywhere():
    def divided(x):
        return x * jnp.abs(x) / 3 / 3 / 3

    assert judged_by_itself(Written("divided", divided, "(n)->(n)"), "float32", seed=0).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(divided, lambda g, x: g * 2 * abs(x) / 26.999, signature="(n)->(n)", dtypes=("float32",))


def test_digits_that_were_lost_on_the_way_are_missed():
    def through(dtype):
        return lambda x: np.tanh(x.astype(np.float64)).astype(dtype).astype(x.dtype)

    asked: Any = {"signature": "(n)->(n)", "dtypes": ("float16",)}
    assert check_value(jnp.tanh, through(np.float16), **asked).passed
    with pytest.raises(CandidateMismatch) as caught:
        check_value(jnp.tanh, through(ml_dtypes.bfloat16), **asked)
    assert "bfloat16" in str(caught.value.diagnosis)


def test_every_verdict_has_all_three_witnesses():
    verdict: Verification = check_jacobian(
        lambda x: jnp.sin(x), lambda x: np.diag(np.cos(x)), signature="(n)->(n)", **few
    )
    assert list(verdict.errors) == ["jacfwd", "jacrev", "differences"]
    assert verdict.agrees("differences")
