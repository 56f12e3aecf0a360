"""The closed form: as accurate as an orthogonal factorisation, and never silently wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog
from identities.linear_regression import (
    closed_form,
    mean_squared_error_hessian_theta,
    mean_squared_error_jacobian_theta,
    normal_equations_vjp_X,
    normal_equations_vjp_Y,
)
from identities.oracle.run.programs import full_precision
from tests.linear_regression.nist import SETS, log_relative_error

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((50, 4)), rng.standard_normal(50)


def fit(X, Y, dtype="float64"):
    with full_precision():
        return np.asarray(closed_form(jnp.asarray(X, dtype), jnp.asarray(Y, dtype)))


def jitted(X, Y, dtype="float64"):
    with full_precision():
        return np.asarray(jax.jit(closed_form)(jnp.asarray(X, dtype), jnp.asarray(Y, dtype)))


@pytest.mark.parametrize("name", SETS)
def test_nist_reference_sets_come_out_as_with_lstsq_or_better(name):
    X, Y, certified = SETS[name]
    by_lstsq = log_relative_error(np.linalg.lstsq(X, Y)[0], certified)
    assert log_relative_error(fit(X, Y), certified) >= by_lstsq - 0.2


@pytest.mark.parametrize("condition", [1e1, 1e3, 1e5, 1e7, 1e9, 1e11])
def test_ill_conditioned_designs_come_out_as_with_lstsq(condition):
    U, V = (np.linalg.qr(rng.standard_normal(shape))[0] for shape in ((300, 8), (8, 8)))
    X = U * np.geomspace(1, 1 / condition, 8) @ V.T
    theta = np.ones(8)
    error = np.abs(fit(X, X @ theta) - theta).max()
    assert error < condition * 1e-15 * 10


def test_several_columns_of_targets_are_fitted_each():
    both = fit(X, np.column_stack([Y, 2 * Y]))
    np.testing.assert_allclose(both, np.column_stack([fit(X, Y), 2 * fit(X, Y)]), rtol=1e-12)


@pytest.mark.parametrize("n", [66_000, 66_003])
def test_large_designs_take_other_ways_to_the_same_result(n):
    X, theta = rng.standard_normal((n, 64)), rng.standard_normal(64)
    Y = X @ theta + rng.standard_normal(n)
    assert "dot_general" not in str(jax.make_jaxpr(mean_squared_error_jacobian_theta)(theta, X, Y)), "not large enough"
    np.testing.assert_allclose(fit(X, Y), np.linalg.lstsq(X, Y)[0], rtol=1e-10)
    with full_precision():
        gradient = mean_squared_error_jacobian_theta(jnp.asarray(theta), jnp.asarray(X), jnp.asarray(Y))
        hessian = mean_squared_error_hessian_theta(jnp.asarray(theta), jnp.asarray(X), jnp.asarray(Y))
    np.testing.assert_allclose(gradient, 2 / n * (X @ theta - Y) @ X, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian, 2 / n * X.T @ X, rtol=1e-10, atol=1e-12)


def with_column(j, column):
    changed = X.copy()
    changed[:, j] = column
    return changed


def with_entry(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("X", "Y", "said"),
    [
        (with_column(2, X[:, 0] - 2 * X[:, 1]), Y, "numerical rank 3, .*: column 2 .counted from 0. depends on"),
        (with_column(1, 0), Y, "numerical rank 3, .*: column 1 "),
        (np.column_stack([X, X]), Y, "numerical rank 4, .*: columns 4, 5, 6, 7 .* depend on"),
        (X.T, Y[:4], "more columns .50. than rows .4."),
        (with_entry(X, (3, 1), np.nan), Y, r"X holds nan at \(3, 1\)"),
        (X, with_entry(Y, 7, np.inf), r"Y holds inf at \(7,\)"),
        (with_column(3, X[:, 0] + 1e-15 * X[:, 3]), Y, r"numerical rank 3|condition number .* too large"),
    ],
)
def test_never_a_silently_wrong_result(X, Y, said):
    with pytest.raises(ValueError, match=f"closed_form: X? ?.*{said}"):
        fit(X, Y)
    assert np.isnan(jitted(X, Y)).all()


def test_a_design_may_be_too_ill_conditioned_for_one_dtype_only():
    nearly = with_column(3, X[:, 0] + 1e-7 * X[:, 3])
    assert np.isfinite(fit(nearly, Y)).all()
    with pytest.raises(ValueError, match=r"numerical rank 3|condition number .* too large .* in float32"):
        fit(nearly, Y, "float32")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_dtype_is_kept(dtype):
    theta = fit(X, Y, dtype)
    assert theta.dtype == dtype
    np.testing.assert_allclose(theta.astype(float), fit(X, Y), atol=20 * float(jnp.finfo(dtype).eps))


def test_it_is_differentiable_in_both_modes_and_the_derivative_is_an_identity():
    assert {"normal_equations_vjp_X", "normal_equations_vjp_Y", "normal_equations_jvp_X_Y"} <= set(catalog)
    with full_precision():
        delta = jnp.arange(4.0)
        args = jnp.asarray(X), jnp.asarray(Y)
        by_X, by_Y = jax.vjp(closed_form, *args)[1](delta)
        np.testing.assert_allclose(by_X, normal_equations_vjp_X(delta, *args), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(by_Y, normal_equations_vjp_Y(delta, *args), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(jax.jacfwd(closed_form, 1)(*args), jax.jacrev(closed_form, 1)(*args), atol=1e-12)


def test_the_derivative_is_as_accurate_as_the_solution_where_the_residual_is_small():
    U, V = (np.linalg.qr(rng.standard_normal(shape))[0] for shape in ((200, 6), (6, 6)))
    s = np.geomspace(1, 1e-9, 6)
    X = U * s @ V.T
    Y, theta = X @ np.ones(6), np.ones(6)
    with full_precision():
        by_Y = jax.grad(lambda Y: (closed_form(jnp.asarray(X), Y) ** 2).sum())(jnp.asarray(Y))
    exact = U / s @ V.T @ (2 * theta)  # of the pseudo-inverse
    np.testing.assert_allclose(by_Y, exact, atol=1e-5 * np.abs(exact).max())


def test_a_gradient_at_a_deficient_design_is_nan():
    with full_precision():
        deficient = jnp.asarray(np.column_stack([X, X]))
        assert jnp.isnan(jax.grad(lambda Y: closed_form(deficient, Y).sum())(jnp.asarray(Y))).any()
        assert jnp.isnan(jax.grad(lambda X: closed_form(X, jnp.asarray(Y)).sum())(deficient)).all()


MIXED = np.array([1e160, 1e-160, 1, 1e290])


@pytest.mark.parametrize("of_Y", [1, 1e160, 1e-160])
@pytest.mark.parametrize("of_X", [1e160, 1e-160, 1e300, 1e-300, MIXED], ids=str)
def test_columns_may_be_of_any_scale(of_X, of_Y):
    with np.errstate(over="ignore", under="ignore"):
        expected = np.linalg.lstsq(X, Y)[0] * of_Y / of_X
    if ((np.abs(expected) > 1e-307) & np.isfinite(expected)).all():
        np.testing.assert_allclose(fit(X * of_X, Y * of_Y), expected, rtol=1e-12)
        np.testing.assert_allclose(jitted(X * of_X, Y * of_Y), expected, rtol=1e-12)
    else:
        with pytest.raises(ValueError, match="closed_form: the parameters leave the range of float64; rescale X or Y"):
            fit(X * of_X, Y * of_Y)
        assert np.isnan(jitted(X * of_X, Y * of_Y)).all()


@pytest.mark.parametrize("of_Y", [1, 1e-10, 1e10])
@pytest.mark.parametrize("of_X", [1e25, 1e-25, np.array([1e25, 1e-25, 1, 1e-20])], ids=str)
def test_columns_of_float32_may_be_of_any_scale(of_X, of_Y):
    np.testing.assert_allclose(fit(X * of_X, Y * of_Y, "float32"), fit(X, Y) * of_Y / of_X, rtol=1e-4)


def test_each_column_of_targets_may_be_of_any_scale():
    of_Y = np.array([1, 1e-160, 1e140, 0])
    expected = fit(X, Y)[:, None] * of_Y * 1e160
    np.testing.assert_allclose(fit(X * 1e-160, Y[:, None] * of_Y), expected, rtol=1e-12)


def test_small_targets_are_refined_too():
    nearly = with_column(3, X[:, 0] + 1e-5 * X[:, 3])
    expected = np.linalg.lstsq(nearly, Y)[0]
    for of_Y in (1e-130, 1e-170, 1e-290):
        np.testing.assert_allclose(fit(nearly, Y * of_Y) / of_Y, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("of_X", [1e160, 1e-160, MIXED], ids=str)
def test_dependent_columns_are_found_at_any_scale(of_X):
    with pytest.raises(ValueError, match=r"numerical rank 3, .*: column 2 .counted from 0. depends on"):
        fit(with_column(2, X[:, 0] - 2 * X[:, 1]) * of_X, Y)
    nearly = with_column(3, X[:, 0] + 1e-9 * X[:, 3])
    np.testing.assert_allclose(fit(nearly * of_X, Y) * of_X, np.linalg.lstsq(nearly, Y)[0], rtol=1e-5)


def test_numbers_that_count_as_zero_are_named():
    with pytest.raises(ValueError, match=r"X is so small that entries below 2.2e-308, which count as zero, matter"):
        fit(X * np.array([1, 1e-307, 1, 1]), Y)
    with pytest.raises(ValueError, match=r"Y is so small that entries below 1.2e-38, which count as zero, matter"):
        fit(X, Y * 1e-38, "float32")
    np.testing.assert_allclose(fit(X, with_entry(Y, 3, 1e-310)), fit(X, with_entry(Y, 3, 0)), rtol=1e-12)


def test_parameters_outside_of_float16_are_named():
    with pytest.raises(ValueError, match="the parameters leave the range of float16; rescale X or Y"):
        fit(X / 1000, Y * 1000, "float16")


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_the_derivative_is_right_at_any_scale(scale, mode):
    of_X = scale * np.array([1, 1e-5, 10, 1e4])
    with full_precision():
        derivative = mode(closed_form, (0, 1))
        by_X, by_Y = map(np.asarray, derivative(jnp.asarray(X), jnp.asarray(Y)))
        of_scaled_by_X, of_scaled_by_Y = derivative(jnp.asarray(X * of_X), jnp.asarray(Y * scale))
    of_theta = (scale / of_X)[:, None]
    np.testing.assert_allclose(of_scaled_by_Y, by_Y * of_theta / scale, rtol=1e-9)
    np.testing.assert_allclose(of_scaled_by_X, by_X * of_theta[:, :, None] / of_X, rtol=1e-9)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"closed_form: argument Y has shape \(3,\), expected \(n,\) = \(50,\)"):
        fit(X, Y[:3])
    with pytest.raises(ValueError, match=r"closed_form: argument Y has shape \(3, 2\), expected \(n, m\) = \(50, 2\)"):
        fit(X, np.ones((3, 2)))
