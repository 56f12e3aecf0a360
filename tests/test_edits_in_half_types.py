"""Mistakes in the results of kernels that take half types only."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import check_vjp
from tests.mistakes import said

mistake = functools.partial(said, check_vjp)
half_types = pytest.mark.parametrize("dtype", ["bfloat16", "float16"])


def kernel(backward):
    """As one that takes and returns a half type, and computes in float32."""

    @functools.wraps(backward)
    def of_half_type(g, *given, **options):
        results = backward(*[x.astype(np.float32) for x in (g, *given)], **options)
        return jax.tree.map(lambda x: np.asarray(x).astype(g.dtype), results)

    return of_half_type


def normalised(x, w):
    off = x - x.mean(-1, keepdims=True)
    return off / jnp.sqrt((off * off).mean(-1, keepdims=True) + 1e-5) * w


def normalised_backward(g, x, w, projected=True):
    off = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((off * off).mean(-1, keepdims=True) + 1e-5)
    unit, d = off * scale, g * w
    along = unit * (unit * d).mean(-1, keepdims=True) if projected else 0
    return scale * (d - d.mean(-1, keepdims=True) - along), (g * unit).sum(0)


def attention(q, k, v):
    return jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[-1])) @ v


def attention_backward(g, q, k, v, across=-1):
    scores = q @ k.T / np.sqrt(q.shape[-1])
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(across, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.T @ q, p.T @ g


@half_types
def test_a_changed_step_is_named(dtype):
    wrong = kernel(functools.partial(normalised_backward, projected=False))
    said = mistake(normalised, wrong, signature="(b,c),(c)->(b,c)", dtypes=(dtype,))
    assert said.startswith("detached: it treats `off * off` (line ")
    wrong = kernel(functools.partial(attention_backward, across=0))
    said = mistake(attention, wrong, signature="(t,c),(s,c),(s,d)->(t,d)", dtypes=(dtype,))
    assert said.startswith("reduction: it sums what it pulls back to the sum in `jax.nn.softmax(")
    assert said.endswith("over axis 0 in place of axis 1")


@half_types
def test_another_value_of_an_option_is_named(dtype):
    def smoothed(x, alpha):
        return (x * x).sum() * (1 - alpha) + x.sum() * alpha

    def backward(g, x, alpha):
        return g * (2 * x * (1 - 0.5) + 0.5)

    asked: Any = {"signature": "(n)->()", "static": {"alpha": [0.1, 0.5]}, "dtypes": (dtype,)}
    assert mistake(smoothed, kernel(backward), **asked) == "constant: it takes 0.5 for the option alpha"


@half_types
def test_what_no_change_of_a_step_gives_is_not_explained_by_one(dtype):
    def noisy(g, x, w):
        return tuple(d * (1 + 0.08 * np.sin(37 * d)) for d in normalised_backward(g, x, w))

    said = mistake(normalised, kernel(noisy), signature="(b,c),(c)->(b,c)", dtypes=(dtype,))
    assert "in a way that no simple change explains" in said
