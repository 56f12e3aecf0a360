"""Statistics that are given, and gradients that overwrite each other."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import identities
from identities import domains

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}


def evaluated(z, gamma, mean, var):
    return gamma * (z - mean) / jnp.sqrt(var + 1e-2)


def evaluated_vjp(g, z, gamma, mean, var, own=False, through=False):
    scale = 1 / np.sqrt(var + 1e-2)
    y = (z - mean) * scale
    dz = g * gamma
    if through:
        dz = dz - dz.mean(0) - y * (dz * y).mean(0)
    if own:
        y = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-2)
    return dz * scale, (g * y).sum(0)


@pytest.mark.parametrize(
    ("wrong", "leaf", "says"),
    [
        ({"own": True}, "gamma", "takes the mean and the spread of z for mean and var, in"),
        (
            {"through": True},
            "z",
            "takes mean and var, which are given, for the mean and the spread of z on the way back",
        ),
    ],
)
def test_statistics_of_the_batch_for_given_ones(wrong, leaf, says):
    asked = {**quick, "signature": "(n,c),(c),(c),(c)->(n,c)", "domains": {"var": domains.positive}}
    asked["sizes"] = {"n": [2, 3, 5]}
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(evaluated, lambda *a: evaluated_vjp(*a, **wrong), ("z", "gamma"), **asked)
    ((name, diagnosis),) = caught.value.diagnoses.items()
    assert (name, diagnosis.kind) == (leaf, "other-argument")
    assert diagnosis.sentence.startswith(says)


def pooled(x):
    return jnp.maximum(jnp.maximum(x[:, :-2], x[:, 1:-1]), x[:, 2:])


def pooled_vjp(g, x):
    dx = np.zeros_like(x)
    for row, of_row, values in zip(dx, g, x, strict=True):
        for i, one in enumerate(of_row):
            row[i + values[i : i + 3].argmax()] = one
    return dx


def tapped(x, w):
    return sum(w[k] * jnp.pad(x, 1)[k : k + len(x)] for k in range(3))


def tapped_vjp(g, x, w):
    dpadded = np.zeros(len(x) + 2)
    for k in range(3):
        dpadded[k : k + len(x)] = w[k] * g
    return dpadded[1:-1]


@pytest.mark.parametrize(
    ("function", "wrong", "signature", "says"),
    [
        (pooled, pooled_vjp, "(b,n+2)->(b,n)", "keeps what the last entry of the result along n contributes, as `=`"),
        (tapped, tapped_vjp, "(n),(3)->(n)", "keeps what the first entry of the result along n contributes, as `=`"),
    ],
)
def test_windows_that_assign_where_they_are_to_add(function, wrong, signature, says):
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(function, wrong, "x", signature=signature, **quick)
    assert caught.value.diagnosis.kind == "reduction"
    assert caught.value.diagnosis.sentence.startswith(says)
