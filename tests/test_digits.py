"""Layers where digits are easily lost, or a derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog


def test_the_mean_of_a_tangent_leaves_nothing_over_in_normalised_rows():
    rng = np.random.default_rng(0)

    def near(mean, spread):
        return (mean + spread * rng.standard_normal((300, 2))).astype(np.float32)

    x, dx = near(2, 0.02), near(4, 1)
    zero, one = np.zeros(2, np.float32), np.ones(2, np.float32)

    def pushed(x, dx):
        return jax.jvp(lambda x: catalog["layer_norm_jvp"].function(x, one, zero), (x,), (dx,))[1]

    with jax.enable_x64(True):
        right = np.asarray(pushed(x.astype(float), dx.astype(float)))
    ours, by_rules = catalog["layer_norm_jvp"].closed_form(x, one, zero, dx, zero, zero), pushed(x, dx)
    off, usual = (np.sqrt(np.mean((np.asarray(z, float) - right) ** 2)) for z in (ours, by_rules))
    assert off <= 1.5 * usual  # it was 4.4 times as much


@pytest.mark.parametrize("p", [1.5, 3.0, 4.0])
def test_the_norm_of_a_small_vector_and_of_a_large_one_has_all_of_its_digits(p: float):
    distance = catalog["pairwise_distance_vjp"]
    sizes = np.array([1e-6, 1e-100 ** (1 / p), np.finfo(float).max ** (1 / p) * (1 - 1e-15)])
    with jax.enable_x64(True):
        x, y = sizes[:, None], jnp.zeros((3, 1))
        norm = distance.function(x, y, p=p, eps=0.0)
        dx, _ = distance.closed_form(jnp.ones(3), x, y, p=p, eps=0.0)
    np.testing.assert_array_max_ulp(np.asarray(norm), sizes, maxulp=1)
    np.testing.assert_array_max_ulp(np.asarray(dx)[0], np.ones(1), maxulp=1)
    # The power of a quotient is off by p - 1 times as much.
    assert np.abs(np.asarray(dx) - 1).max() <= (p - 1) * np.finfo(float).eps


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_a_distance_of_nothing_has_a_derivative_of_zero(p: float):
    x, pdist = jnp.zeros((3, 2)), catalog["pdist_vjp"]
    np.testing.assert_array_equal(jax.grad(lambda x: pdist.function(x, p=p).sum())(x), 0)
    np.testing.assert_array_equal(pdist.closed_form(jnp.ones(3), x, p=p), 0)
