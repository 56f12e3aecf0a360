"""Mistakes in what moves over an array: convolutions, windows of slices, pooling."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import check_vjp
from tests.mistakes import mismatch

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}

mistake = functools.partial(mismatch, **quick)


def convolved(x, w):
    return jax.lax.conv_general_dilated(x[None, None], w[None, None], (2,), ((1, 1),))[0, 0]


def convolved_vjp(g, x, w, stride=2, pad=1, taps=3):
    there, dw = np.zeros(len(x) + 4), np.zeros_like(w)
    padded = np.pad(x, (pad, 4 - pad))
    for k in range(taps):
        met = slice(k, k + stride * (len(g) - 1) + 1, stride)
        there[met] += g * w[k]
        dw[k] = g @ padded[met]
    return there[pad : pad + len(x)], dw


@pytest.mark.parametrize(
    ("other", "says"),
    [({"stride": 1}, "ignores the stride"), ({"pad": 0}, "the padding"), ({"taps": 2}, "leaves out the last tap")],
)
def test_a_loop_over_windows_is_another(other, says):
    asked: Any = {"signature": "(2*n),(3)->(n)"}
    found = mistake(check_vjp, convolved, lambda *a: convolved_vjp(*a, **other), **asked).diagnoses
    assert len(found) == 2
    assert all(says in diagnosis.sentence for diagnosis in found.values())


def strided(x, w):
    return jnp.stack([x[3 * i : 3 * i + 3] @ w for i in range(len(x) // 3)])


def test_windows_of_slices_are_placed_side_by_side():
    def beside(g, x, w):
        dx = np.zeros_like(x)
        for i in range(len(g)):
            dx[i : i + 3] += g[i] * w
        return dx

    found = mistake(check_vjp, strided, beside, "x", signature="(3*n),(3)->(n)").diagnosis
    assert found.kind == "index"
    assert "ignores the stride in `x[3 * i : 3 * i + 3]`" in found.sentence


def pooled(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2), (1, 1), "VALID")


def pooled_vjp(g, x, equal, written):
    dx = np.zeros_like(x)
    for i, j in np.ndindex(g.shape):
        seen, out = x[i, j : j + 2], dx[i, j : j + 2]
        largest = seen == seen.max() if equal else np.arange(2) == seen.argmax()
        if written == "added":
            out += largest * g[i, j]
        else:
            where = largest if written == "to the largest" else slice(None)
            out[where] = (largest * g[i, j])[where]
    return dx


@pytest.mark.parametrize(
    ("equal", "written", "says"),
    [
        (True, "added", " to each of several equal entries"),
        (False, "to the largest", " gives to an entry, as `=` in place of `+=` does"),
        (False, "to the window", " gives to all of its entries, as `=` in place of `+=` does"),
    ],
)
def test_what_windows_that_overlap_give_to_an_entry_adds_up(equal, written, says):
    asked: Any = {"signature": "(n,m+1)->(n,m)"}
    assert check_vjp(pooled, lambda g, x: pooled_vjp(g, x, False, "added"), **asked, **quick).passed
    found = mistake(check_vjp, pooled, lambda g, x: pooled_vjp(g, x, equal, written), **asked).diagnosis
    assert found.sentence.endswith(says)
