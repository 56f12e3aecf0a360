"""Derivatives by something else than the argument, and what options, strides and counts are mistaken for."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import identities

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}


def mistaken(function, wrong, wrt="x", **asked):
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(function, wrong, wrt, **{**quick, **asked})
    return caught.value.diagnosis


def bounded(x, t):
    low_high = 1 + 0.5 * jnp.sin(x)
    return low_high[0] * jnp.exp(-low_high[1] * t)


def test_the_derivative_by_a_value_on_the_way():
    def by_the_bounded_ones(g, x, t):
        a, b = 1 + 0.5 * np.sin(x)
        e = np.exp(-b * t)
        return np.array([g @ e, -g @ (a * t * e)])

    found = mistaken(bounded, by_the_bounded_ones, signature="(2),(n)->(n)")
    assert found.kind == "missing-factor"
    assert found.sentence.startswith("is the derivative by `low_high = 1 + 0.5 * jnp.sin(x)`")
    assert found.sentence.endswith("and not by x")


def test_the_derivative_by_a_probability_and_not_by_its_logit():
    def loss(x, y):
        return y @ jax.nn.log_sigmoid(x) + (1 - y) @ jax.nn.log_sigmoid(-x)

    def by_probability(g, x, y):
        p = expit(x)
        return g * (y / p - (1 - y) / (1 - p))

    found = mistaken(loss, by_probability, signature="(n),(n)->()")
    assert (found.kind, found.sentence) == ("missing-factor", "is the derivative by sigmoid(x), and not by x")


def test_an_option_in_the_place_of_a_constant():
    def dropped(x, kept, p):
        return jnp.sin(x * kept / (1 - p))

    def backward(g, x, kept, p):
        return g * np.cos(x * kept / (1 - p)) * kept * p

    asked = {"signature": "(n),(n)->(n)", "static": {"p": [0.1, 0.5]}, "domains": {"kept": identities.domains.boolean}}
    found = mistaken(dropped, backward, **asked)
    assert found.sentence.startswith("uses 1/p in place of")


def test_a_factor_of_three_dimensions():
    def averaged(x, w):
        return jnp.einsum("bhi,io->bho", x, w)

    def backward(g, x, w):
        return np.einsum("bhi,bho->io", x, g) / g.size

    found = mistaken(averaged, backward, "w", signature="(b,h,i),(i,o)->(b,h,o)")
    assert found.factor == "1/(b h o)"


def test_a_factor_of_the_size_of_a_result():
    def windowed(x, w):
        return jnp.convolve(x, w, mode="valid")

    def backward(g, x, w):
        return np.convolve(x, g[::-1], mode="valid")[::-1] / len(g)

    found = mistaken(windowed, backward, "w", signature="(n),(k)->(n-k+1)")
    assert found.factor == "1/(n-k+1)"


def test_the_stride_for_the_dilation():
    def conv(x, w):
        return jax.lax.conv_general_dilated(x, w, (2,), "VALID", rhs_dilation=(3,))

    def backward(g, x, w):
        dw = np.zeros_like(w)
        for j in range(w.shape[2]):
            for i in range(g.shape[2]):
                dw[:, :, j] += g[:, :, i].T @ x[:, :, 3 * i + 2 * j] if 3 * i + 2 * j < x.shape[2] else 0
        return dw

    found = mistaken(conv, backward, "w", signature="(b,c,2*n+3*k-4),(o,c,k)->(b,o,n)")
    assert found.kind == "index"
    assert found.sentence.startswith("takes the stride for the dilation, and the dilation for the stride")
