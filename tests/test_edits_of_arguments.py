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
    assert found.kind == "missing-factor"
    assert found.sentence.startswith("is the derivative by sigmoid(x), and not by x; besides, it overflows")


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


def test_a_mask_of_the_first_step_in_all_of_them():
    def kept(x, u, mask):
        h = jnp.zeros(x.shape[1])
        for row, stays in zip(x, mask, strict=True):
            h = jnp.where(stays, h, jnp.tanh(row + u * h))
        return h

    def backward(g, x, u, mask):
        hs = [np.zeros_like(g)]
        for row, stays in zip(x, mask, strict=True):
            hs.append(np.where(stays, hs[-1], np.tanh(row + u * hs[-1])))
        dx = np.zeros_like(x)
        for t in reversed(range(len(x))):
            dx[t] = np.where(mask[0], 0, g * (1 - np.tanh(x[t] + u * hs[t]) ** 2))
            g = np.where(mask[0], g, dx[t] * u)
        return dx

    asked = {"signature": "(t,n),(n),(t,n)->(n)", "domains": {"mask": identities.domains.boolean}}
    found = mistaken(kept, backward, **asked)
    assert (
        found.sentence
        == "takes mask to be its first entry along axis 0 everywhere, in what it pulls cotangents back by"
    )


def test_the_halves_of_an_argument_exchanged():
    def rotated(x, angle):
        return x * jnp.cos(angle) + jnp.roll(x, 1, -1) * jnp.sin(angle)

    def backward(g, x, angle):
        angle = np.roll(angle, angle.shape[-1] // 2, -1)
        return g * np.cos(angle) + np.roll(g * np.sin(angle), -1, -1)

    found = mistaken(rotated, backward, signature="(b,2*n),(b,2*n)->(b,2*n)")
    assert found.sentence == "takes angle with its halves exchanged along axis 1"


def test_one_row_for_whatever_is_looked_up():
    def looked_up(w, ids):
        return jnp.sin(w)[ids]

    def backward(g, w, ids):
        dw = np.zeros_like(w)
        dw[0] = g.sum(0) * np.cos(w[0])
        return dw

    found = mistaken(
        looked_up, backward, "w", signature="(k,n),(b)->(b,n)", domains={"ids": identities.domains.index("k")}
    )
    assert found.sentence.startswith("has zero for every index in `return jnp.sin(w)[ids]`")


@pytest.mark.parametrize(("axes", "count"), [((0, 2), "n in place of n h"), ((0, 1), "n in place of n c")])
def test_a_count_that_is_wrong_wherever_it_stands(axes, count):
    def normalised(x):
        mu = x.mean(axes, keepdims=True)
        var = ((x - mu) ** 2).mean(axes, keepdims=True)
        return (x - mu) / jnp.sqrt(var + 1e-2)

    def backward(g, x):
        deviation = np.sqrt(x.var(axes, keepdims=True) + 1e-2)
        y, means = (x - x.mean(axes, keepdims=True)) / deviation, {"axis": axes, "keepdims": True}
        return (g - g.sum(**means) / len(x) - y * (g * y).sum(**means) / len(x)) / deviation

    found = mistaken(normalised, backward, signature="(n,c,h)->(n,c,h)")
    assert found.kind == "constant"
    assert found.sentence == f"uses {count}, everywhere, in what it pulls cotangents back by"


def test_a_surrogate_of_a_step_is_told_what_it_is():
    found = mistaken(lambda x: jnp.sign(x), lambda g, x: g * (np.abs(x) <= 1), signature="(n)->(n)")
    assert found.sentence.startswith("is not zero, as the right result is everywhere: a surrogate is right as ")
