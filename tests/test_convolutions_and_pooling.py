"""Convolutions and pooling: what they refuse, and what is right where PyTorch chooses otherwise."""

import jax.numpy as jnp
import numpy as np
import pytest

from identities.layers.convolution import conv
from identities.layers.pooling import avg_pool, lp_pool_vjp, max_pool, max_pool_vjp
from identities.layers.unpooling import max_unpool


def test_a_window_of_nothing_but_padding_is_refused():
    for pool in (avg_pool, max_pool):
        with pytest.raises(ValueError, match="padding must be at most half of the window, which spans 2; got 2"):
            pool(jnp.ones((1, 1, 4)), kernel_size=2, stride=1, padding=2)


def test_channels_that_make_no_groups_are_refused():
    with pytest.raises(ValueError, match=r"argument x has shape \(1, 3, 4\), expected \(b, groups\*c, t\)"):
        conv(jnp.ones((1, 3, 4)), jnp.ones((2, 1, 2)), jnp.ones(2), groups=2)


def test_entries_that_share_the_largest_value_share_the_cotangent():
    dx = max_pool_vjp(jnp.ones((1, 1, 1, 1)), jnp.zeros((1, 1, 2, 2)), kernel_size=2, stride=2)
    np.testing.assert_array_equal(dx, np.full((1, 1, 2, 2), 0.25))


def test_a_norm_of_zero_has_a_derivative_of_zero():
    dx = lp_pool_vjp(jnp.ones((1, 1, 1)), jnp.zeros((1, 1, 2)), norm_type=2.0, kernel_size=2, stride=2)
    np.testing.assert_array_equal(dx, np.zeros((1, 1, 2)))


def test_two_entries_are_never_unpooled_to_one_place():
    with pytest.raises(ValueError, match="different places in the flattened result"):
        max_unpool(jnp.ones((1, 1, 2)), jnp.array([[[1, 1]]]), kernel_size=2, stride=2)
