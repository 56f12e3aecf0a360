"""Softmax where it is hard: large logits, one-hot targets, and targets that sum to something else."""

import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog, softmax, verify
from identities.domains import real
from tests.altered import with_domains


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_logits_and_one_hot_targets(size):
    theta = jnp.array([size, 0.0, size])
    y = jnp.array([1.0, 0.0, 0.0])
    yhat = np.array([0.5, 0, 0.5]) if size > 0 else np.array([0, 1.0, 0])
    np.testing.assert_array_equal(softmax.softmax(theta), yhat)
    np.testing.assert_array_equal(softmax.softmax_cross_entropy_jacobian_theta(theta, y), yhat - y)
    np.testing.assert_array_equal(softmax.softmax_jacobian(theta), np.diag(yhat) - np.outer(yhat, yhat))
    np.testing.assert_array_equal(softmax.softmax_vjp(y, theta), yhat * (y - yhat @ y))
    np.testing.assert_array_equal(softmax.logsumexp_jacobian(theta), yhat)
    loss = softmax.softmax_cross_entropy(theta, y)
    assert loss == pytest.approx(np.log(2) if size > 0 else 1e4, rel=1e-6)


@pytest.mark.parametrize("name", ["softmax_cross_entropy_jacobian_theta", "softmax_cross_entropy_hessian_theta"])
def test_the_precondition_is_needed(name):
    identity = catalog[name]
    assert identity.preconditions == ("y: non-negative entries that sum to one (a probability distribution)",)
    assert not verify(with_domains(identity, {"y": real}), shapes=1).passed
