"""Attention by blocks: as right as with all scores at once, with the memory of a few blocks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities.layers.attention import (
    attention_with_sinks,
    attention_with_sinks_vjp,
    scaled_dot_product_attention,
    scaled_dot_product_attention_vjp,
    sliding_window_attention,
    sliding_window_attention_vjp,
)
from identities.layers.flash import flash_attention


def vjp_of(function):
    return lambda delta, *given: jax.vjp(function, *given)[1](delta)


def drawn(*shapes):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


LONG = (2, 530, 8), (2, 530, 8), (1, 590, 8), (1, 590, 8)
"""Cotangents, queries, keys and values beyond what is held at once; two heads of queries share one of keys."""


@pytest.mark.parametrize(
    ("function", "closed_form", "options", "more"),
    [
        (scaled_dot_product_attention, scaled_dot_product_attention_vjp, {"is_causal": False}, ()),
        (scaled_dot_product_attention, scaled_dot_product_attention_vjp, {"is_causal": True}, ()),
        (sliding_window_attention, sliding_window_attention_vjp, {"window": 20, "softcap": 3.0}, ()),
        (attention_with_sinks, attention_with_sinks_vjp, {"window": 300}, ((2,),)),
    ],
)
def test_long_sequences_go_by_blocks_and_give_the_same(function, closed_form, options, more):
    given = drawn(*LONG, *more)
    by_blocks = partial(closed_form, **options)
    assert "scan" in str(jax.make_jaxpr(by_blocks)(*given))
    expected = jax.jit(vjp_of(partial(function, **options)))(*given)
    for ours, right in zip(jax.jit(by_blocks)(*given), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_the_forward_pass_by_blocks_is_the_same():
    _, *given = drawn(*LONG)
    expected = scaled_dot_product_attention(*given, is_causal=True)
    np.testing.assert_allclose(flash_attention(*given, is_causal=True), expected, rtol=0, atol=1e-5)


def test_peak_memory_is_a_twentieth_of_that_of_automatic_differentiation():
    given = [jax.ShapeDtypeStruct((1, 8192, 64), jnp.float32)] * 4
    programs = (scaled_dot_product_attention_vjp, vjp_of(scaled_dot_product_attention))
    ours, jaxs = (jax.jit(program).lower(*given).compile().memory_analysis() for program in programs)
    assert ours is not None
    assert jaxs is not None
    assert 20 * ours.temp_size_in_bytes <= jaxs.temp_size_in_bytes


def test_a_query_that_sees_nothing_gathers_nothing():
    delta, q, k, v = drawn((4, 3), (4, 3), (2, 3), (2, 3))  # with a window of one, the last two come too late
    given = {"window": 1}
    assert not sliding_window_attention(q, k, v, **given)[2:].any()
    assert not sliding_window_attention_vjp(delta, q, k, v, **given)[0][2:].any()
