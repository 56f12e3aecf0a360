"""Regression: the formulas agree with each other, and the notes' erratum is shown."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog, verify
from identities.linear_regression import (
    closed_form,
    gradient_descent,
    mean_squared_error,
    mean_squared_error_hessian_theta,
    mean_squared_error_jacobian_theta,
)
from identities.oracle.run.programs import full_precision


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(60), rng.standard_normal((60, 3))])
    return X, X @ np.array([1.0, -2.0, 3.0, 0.5]) + 0.1 * rng.standard_normal(60)


def test_the_gradient_as_printed_in_the_notes_has_lost_its_factor():
    identity = catalog["mean_squared_error_jacobian_theta"]
    assert "without the 1/n" in (identity.sources[0].erratum or "")

    def printed(theta, X, Y):
        return 2 * (Y - X @ theta) @ -X

    assert not verify(dataclasses.replace(identity, closed_form=printed), shapes=1).passed

    def mended(theta, X, Y):
        return printed(theta, X, Y) / X.shape[0]

    assert verify(dataclasses.replace(identity, closed_form=mended), shapes=1).passed


def test_the_closed_form_is_stationary_and_least(data):
    with full_precision():
        X, Y = map(jnp.asarray, data)
        theta = closed_form(X, Y)
        gradient = mean_squared_error_jacobian_theta(theta, X, Y)
        hessian = mean_squared_error_hessian_theta(theta, X, Y)
        assert np.abs(gradient).max() < 1e-14
        assert np.linalg.eigvalsh(hessian).min() > 0
        np.testing.assert_allclose(theta, np.linalg.lstsq(*data)[0], rtol=1e-13)
        assert mean_squared_error(theta, X, Y) < mean_squared_error(theta + 0.01, X, Y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_descent_agrees_as_far_as_the_conditioning_allows(data, dtype):
    with full_precision():
        X, Y = (jnp.asarray(a, dtype) for a in data)
        descent = gradient_descent(X, Y)
        smallest = np.linalg.eigvalsh(mean_squared_error_hessian_theta(descent.theta, X, Y)).min()
        assert descent.converged
        assert descent.theta.dtype == dtype
        # The gradient at theta is H (theta - optimum).
        error = np.linalg.norm(descent.theta - closed_form(X, Y))
        rounding = 8 * jnp.finfo(dtype).eps * np.linalg.norm(descent.theta)
        assert error <= descent.gradient_norm / smallest + rounding


def test_gradient_descent_says_when_it_has_not_converged(data):
    with pytest.warns(RuntimeWarning, match="has not converged in 3 steps"):
        descent = gradient_descent(*map(jnp.float32, data), max_steps=3)
    assert not descent.converged
    assert descent.steps == 3


def test_everything_runs_under_jit_and_vmap(data):
    X, Y = (jnp.stack([jnp.float32(a)] * 2) for a in data)
    both = jax.jit(jax.vmap(lambda X, Y: (closed_form(X, Y), gradient_descent(X, Y).theta)))(X, Y)
    np.testing.assert_allclose(*both, rtol=1e-4)
