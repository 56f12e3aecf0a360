"""Sums of many terms, of which a plain loop is right and a narrow accumulator is not."""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities import check_vjp, domains
from tests import mistakes

mismatch = functools.partial(mistakes.mismatch, check_vjp)


def matvec(W, x):
    return W @ x


def added_up(delta, W, x):
    dx = np.zeros_like(x)
    for d, row in zip(delta, W, strict=True):
        dx += d * row
    return dx


def added_up_in_float32(delta, W, x):
    return added_up(*(a.astype(np.float32) for a in (delta, W, x))).astype(x.dtype)


def terms(n, dtype):
    """Sums over so many terms of one sign."""
    of_one_sign = {"W": domains.positive, "delta": domains.positive}
    return {
        "signature": "(n,m),(m)->(n)",
        "domains": of_one_sign,
        "sizes": {"n": [n], "m": [2]},
        "dtypes": (dtype,),
        "shapes": 1,
        "instances": 4,
    }


def test_a_plain_loop_over_4096_terms_in_float32_is_right():
    verdict = check_vjp(matvec, added_up, "x", **terms(4096, "float32"))
    assert verdict.passed
    # An error in the sixth digit is still found there.
    wrong = mismatch(matvec, lambda *given: added_up(*given) * np.float32(1.0005), "x", **terms(4096, "float32"))
    assert wrong.diagnosis.kind in ("factor", "precision")


def test_a_plain_loop_over_equal_terms_in_float32_is_right():
    def sines(x, w):
        return (jnp.sin(x) * w).sum(0)

    def plain_loop(delta, x, w):
        dw = np.zeros_like(w)
        for row in np.sin(x):  # in whose sum every term is rounded in the same direction
            dw = dw + delta * row
        return delta * w * np.cos(x), dw

    asked = {"signature": "(n,m),(m)->(m)", "sizes": {"n": [3000], "m": [1]}, "dtypes": ("float32",), "shapes": 1}
    assert check_vjp(sines, plain_loop, **asked).passed
    wrong = mismatch(sines, lambda *given: [g * np.float32(1.0005) for g in plain_loop(*given)], **asked)
    assert wrong.diagnosis.kind in ("factor", "precision")


def test_sums_over_512_rows_are_wrong_in_bfloat16_and_right_in_float32():
    assert check_vjp(matvec, added_up_in_float32, "x", **terms(512, "bfloat16")).passed
    wrong = mismatch(matvec, added_up, "x", **terms(512, "bfloat16"))
    assert wrong.diagnosis.kind == "precision"


def looked_up(w, ids):
    return w[ids]


def added_up_by_row(delta, w, ids):
    dw = np.zeros_like(w)
    for row, i in zip(delta.reshape(-1, w.shape[1]), ids.ravel(), strict=True):
        dw[i] += row
    return dw


def test_what_is_looked_up_along_several_axes_is_one_long_sum():
    asked: dict[str, Any] = {
        "signature": "(v,d),(b,s,t)->(b,s,t,d)",
        "domains": {"ids": domains.index("v"), "delta": domains.positive},
        "shapes": 1,
        "instances": 2,
    }
    sizes = {"v": [2], "d": [1], "b": [16], "s": [20]}
    long = asked | {"sizes": sizes | {"t": [20]}, "dtypes": ("float32",)}
    assert check_vjp(looked_up, added_up_by_row, "w", **long).passed
    short = asked | {"sizes": sizes | {"t": [2]}, "dtypes": ("bfloat16",)}
    wrong = mismatch(looked_up, added_up_by_row, "w", **short)
    assert str(wrong.diagnosis) == "precision: it is right but for the rounding of sums that are kept in bfloat16"


def test_a_sum_kept_in_float16_is_named_where_only_equal_terms_show_it():
    def shares(y, t):
        return y * (1 - 1 / 16) + t

    def added_up_in_float16(delta, y, t):
        dy = delta.sum()
        for d in delta / np.float16(16):  # where they are equal, all of them are lost beside their sum
            dy -= d
        return dy

    wrong = mismatch(shares, added_up_in_float16, "y", signature="(),(m)->(m)", dtypes=("float16",), sizes={"m": [133]})
    assert str(wrong.diagnosis) == "precision: it is right but for the rounding of sums that are kept in float16"
