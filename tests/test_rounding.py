"""How far off a right result may be: the rounding of every operation, hard values, and bias."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from scipy import special

from identities import CandidateMismatch, check_value, check_vjp, domains
from identities.oracle.asking import claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.reference.rounding import rounding
from identities.oracle.verdict import bias
from tests.autodiff import judged_by_itself
from tests.functions import WRITTEN, Written
from tests.mistakes import said

few: Any = {"shapes": 3, "instances": 48}


mistake = functools.partial(said, check_vjp)


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


@pytest.mark.parametrize("seed", range(3))
def test_what_float64_rounds_back_now_and_then_is_rounded_until_it_is_known(seed):
    def doubled(x):  # of 1e10, the derivative of the sum is right to six digits
        return jnp.logaddexp(x, x)

    large = domains.Domain("of about 1e10", lambda z: 1e10 * (1.5 + np.tanh(z)), lambda x: (x > 1e9).all())
    assert check_vjp(doubled, lambda g, x: g, signature="(n)->(n)", domains={"x": large}, seed=seed).passed


def attention(q, k, v):
    s = q @ k.T
    e = jnp.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


def attention_vjp(g, q, k, v):
    s = q @ k.T
    p = jnp.exp(s - jax.nn.logsumexp(s, -1, keepdims=True))
    ds = p * (g @ v.T - (g * (p @ v)).sum(-1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ g


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("backward", [attention_vjp, lambda *given: jax.vjp(attention, *given[1:])[1](given[0])])
def test_what_is_left_of_a_softmax_of_one_entry_is_rounding(backward, dtype):
    shapes: Any = {"signature": "(t,d),(s,d),(s,d)->(t,d)", "sizes": {"s": [1, 2, 3]}}
    assert check_vjp(attention, jax.jit(backward), dtypes=(dtype,), arrays="jax", **shapes).passed


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


def test_a_part_of_a_sum_may_be_beyond_the_range_where_all_of_it_is_not():
    asked = claim("vjp", lambda a, x: a * x, "a", "(),(4)->(4)")
    ones = np.array([1.0, 1.0, -1.0, -1.0])
    batch = {"delta": np.ones((2, 4)), "a": np.zeros(2), "x": np.stack([5e4 * ones, 1e4 * ones])}
    (moved,) = rounding(asked, Shape(()), batch, "float16", seed=0)
    assert np.isinf(moved).tolist() == [True, False]


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


def test_an_index_stays_what_it_is():
    """A whole number that is made of whole ones has no rounding, which would lead to the cell beside."""

    def looked_up(table, x):
        at = jnp.floor(x)
        cell = jnp.clip((at + 0).astype(int), 0, len(table) - 2)
        return table[cell] + (x - at) * (table[cell + 1] - table[cell])

    def backward(g, table, x, slope=1.0):
        cell = np.clip(np.floor(x).astype(int), 0, len(table) - 2)
        return g * (table[cell + 1] - table[cell]) * x.dtype.type(slope)

    asked: Any = {"wrt": "x", "signature": "(n+1),(k)->(k)"}
    assert check_vjp(looked_up, backward, **asked).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(looked_up, functools.partial(backward, slope=0.9), **asked)


_GROUPS = np.array([0, 1, 0, 2, 1])


@pytest.mark.parametrize(
    "chosen",
    [
        lambda x: jax.ops.segment_max(x, _GROUPS, 3),
        lambda x: jax.ops.segment_min(x, _GROUPS, 3),
        lambda x: jnp.zeros(3).at[_GROUPS].max(x),
        lambda x: jax.lax.top_k(x, 2)[0],
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID"),
        lambda x: jax.lax.cummax(x),
        jnp.median,
        lambda x: jnp.percentile(x, 75),
        lambda x: jnp.interp(x, jnp.linspace(-4, 4, 9), jnp.cos(jnp.arange(9.0))),
    ],
)
def test_what_is_chosen_stays_chosen_however_it_is_rounded(chosen):
    """Else the unit of rounding is as large as the gradient, and any gradient is right."""
    asked = claim("vjp", lambda x: jnp.sum(chosen(x) ** 2), None, "(5)->()")
    x = np.random.default_rng(0).permuted(np.linspace(-1.3, 1.4, 32 * 5)).reshape(32, 5)
    batch = {"delta": np.ones(32), "x": x}
    (moved,) = rounding(asked, Shape(()), batch, "float32", seed=0)
    assert moved.max() < 1e-5  # where gradients are about 1


def test_the_modulus_of_a_complex_number_is_rounded():
    """So that it may come to the other side of a comparison."""

    def rectified(z, b):
        size = jnp.abs(z)
        return jnp.where(size > b, (1 - b / size) * z, 0)

    asked = claim("vjp", rectified, None, "(),()->()", domains={"z": domains.complex_numbers})
    root = float(np.float32(np.sqrt(2)))
    batch = {"delta": np.full(2, 8 + 8j), "z": np.full(2, 1 - 1j), "b": np.array([root, root / 2])}
    by_z, by_b = rounding(asked, Shape(()), batch, "float32", seed=0)
    assert by_b[0] > 0.5
    assert max(by_z[1], by_b[1]) < 1e-4
