"""Convolutions and pooling: what they refuse, and what is right where PyTorch chooses otherwise."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities.layers.convolution import conv, conv_vjp
from identities.layers.pooling import avg_pool, lp_pool_vjp, max_pool, max_pool_vjp
from identities.layers.resampled import interpolate
from identities.layers.unpooling import max_unpool
from identities.layers.windows import fold


def test_a_window_of_nothing_but_padding_is_refused():
    for pool in (avg_pool, max_pool):
        with pytest.raises(ValueError, match="padding must be at most half of the window, which spans 2; got 2"):
            pool(jnp.ones((1, 1, 4)), kernel_size=2, stride=1, padding=2)


def test_an_option_is_one_number_or_one_for_each_axis():
    x, w, b = jnp.arange(70.0).reshape(1, 2, 5, 7), jnp.ones((3, 2, 2, 2)), jnp.zeros(3)
    np.testing.assert_array_equal(conv(x, w, b, stride=2, padding=(1, 1)), conv(x, w, b, stride=[2, 2], padding=1))
    np.testing.assert_array_equal(conv(x, w, b, stride=(2, 1)), conv(x, w, b)[:, :, ::2])
    assert interpolate(x, size=(3, 8)).shape == (1, 2, 3, 8)
    assert fold(jnp.ones((1, 12, 9)), output_size=(4, 5), kernel_size=(2, 3)).shape == (1, 2, 4, 5)
    with pytest.raises(ValueError, match=r"one for each axis of space, of which there are 2; got \(2, 1, 1\)"):
        conv(x, w, b, stride=(2, 1, 1))
    with pytest.raises(ValueError, match="argument stride must be an integer, at least 1, or a tuple of one for each"):
        conv(x, w, b, stride=(2, 0))


def test_the_padding_of_the_same_size_is_that_of_jax():
    x, w, b = jnp.arange(30.0).reshape(1, 1, 5, 6), jnp.arange(6.0).reshape(1, 1, 2, 3), jnp.zeros(1)
    for stride, dilation in itertools.product((1, 2, 3), repeat=2):
        theirs = jax.lax.conv_general_dilated(x, w, [stride] * 2, "SAME", rhs_dilation=[dilation] * 2)
        np.testing.assert_array_equal(conv(x, w, b, stride, "same", dilation), theirs)
    unknown: Any = "full"
    with pytest.raises(ValueError, match="a tuple of one for each axis, or 'same', known outside jit; got 'full'"):
        conv(x, w, b, padding=unknown)


def test_a_kernel_of_the_size_of_its_stride_beside_a_larger_one_compiles():
    """Over which XLA ends the process, if it is left to itself: the derivative that it has of such a convolution."""
    x, w, b, options = jnp.arange(8.0).reshape(1, 1, 4, 2), jnp.arange(8.0).reshape(1, 1, 2, 4), jnp.zeros(1), (2, 1)
    delta = jnp.array([[[[1.0], [2.0], [4.0]]]])
    dx, _, _ = jax.jit(conv_vjp, static_argnums=(4, 5))(delta, x, w, b, *options)
    assert (dx * x).sum() == (delta * conv(x, w, b, *options)).sum()


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
