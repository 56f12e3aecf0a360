"""Gradient descent: where it ends, and how fast it gets there, by theory."""

import jax.numpy as jnp
import numpy as np
import pytest

from identities.linear_regression import closed_form, gradient_descent, mean_squared_error
from identities.oracle.run.programs import full_precision

rng = np.random.default_rng(0)
X = rng.standard_normal((80, 5)) * [1, 1, 1, 1, 0.1]
Y = X @ np.arange(5.0) + 0.1 * rng.standard_normal(80)
L, mu = (lambda eigenvalues: (eigenvalues[-1], eigenvalues[0]))(np.linalg.eigvalsh(2 / 80 * X.T @ X))


@pytest.fixture(autouse=True)
def _in_float64():
    with full_precision():
        yield


def descend(**options):
    return gradient_descent(jnp.asarray(X), jnp.asarray(Y), **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": "nesterov"},
        {"momentum": 0.5},
        {"on_data": True},
        {"step": 1 / L / 2},
        {"theta0": np.full(5, 10.0)},
    ],
)
def test_it_ends_at_the_closed_form(options):
    descent = descend(**options)
    optimum = closed_form(jnp.asarray(X), jnp.asarray(Y))
    assert descent.converged
    # The gradient at theta is H (theta - optimum), and computing it costs some rounding.
    rounding = 32 * np.finfo(float).eps * L / mu * np.linalg.norm(optimum)
    assert np.linalg.norm(descent.theta - optimum) <= descent.gradient_norm / mu + rounding
    assert descent.condition == pytest.approx(L / mu)


@pytest.mark.parametrize(("momentum", "rate"), [(0.0, 1 - mu / L), ("nesterov", 1 - np.sqrt(mu / L))])
def test_it_converges_at_the_rate_of_the_theory(momentum, rate):
    descent = descend(momentum=momentum, losses=True, max_steps=20_000)
    assert descent.losses is not None
    losses = np.asarray(descent.losses)
    assert losses.shape == (20_001,)
    assert np.isnan(losses[int(descent.steps) + 1 :]).all()
    least = mean_squared_error(closed_form(jnp.asarray(X), jnp.asarray(Y)), jnp.asarray(X), jnp.asarray(Y))
    excess = losses[: int(descent.steps)] - least
    counted = excess > 1e-10 * excess[0]  # below, the losses' rounding is seen
    steps = counted.sum()
    measured = (excess[steps - 1] / excess[0]) ** (1 / (steps - 1))
    # Plain descent contracts the error by the rate, and the loss by its square; Nesterov's bound is on the loss.
    bound = rate**2 if momentum == 0.0 else rate
    assert measured <= bound * 1.001
    assert measured >= bound**2  # and not much faster: the bound is the right one


def test_momentum_takes_fewer_steps():
    assert descend(momentum="nesterov").steps < descend().steps / 3


def test_the_first_loss_is_that_of_the_start():
    descent = descend(losses=True, max_steps=20_000)
    assert descent.losses is not None
    assert descent.losses[0] == pytest.approx((Y**2).mean())


def test_a_design_too_ill_conditioned_to_converge_says_so():
    with pytest.warns(RuntimeWarning, match=r"not converged in 100 steps.* condition number \d"):
        descent = gradient_descent(jnp.asarray(X * [1, 1, 1, 1, 1e-4]), jnp.asarray(Y), max_steps=100)
    assert not descent.converged
    assert descent.condition > 1e8


def test_a_momentum_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"momentum must be 'nesterov' or in \[0, 1\), got 1.5"):
        descend(momentum=1.5)


def test_bfloat16_is_taken_and_given():
    descent = gradient_descent(jnp.asarray(X, jnp.bfloat16), jnp.asarray(Y, jnp.bfloat16))
    assert descent.theta.dtype == jnp.bfloat16
    assert descent.converged


def test_a_deficient_design_has_an_infinite_condition():
    descent = gradient_descent(jnp.ones((2, 5)), jnp.ones(2))
    assert jnp.isinf(descent.condition)
