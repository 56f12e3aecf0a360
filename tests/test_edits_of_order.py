"""Entries, places and factors that are right and come in another order: axes, edges, memory, what is behind a sum."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import check_hessian, check_vjp, domains
from tests.mistakes import mismatch


def repeated(x, r):
    return jnp.repeat(x, r, axis=0) ** 2


def tiled_backward(g, x, r):
    return (2 * g * np.repeat(x, r, axis=0)).reshape(r, *x.shape).sum(axis=0)


def kronecker(A, B):
    return jnp.kron(A, B)


def kronecker_backward(g, A, B):
    (m, n), (p, q) = A.shape, B.shape
    blocks = g.reshape(p, m, q, n)
    return np.einsum("pmqn,pq->mn", blocks, B), np.einsum("pmqn,mn->pq", blocks, A)


def transposed_product(x, b):
    return x.T @ b


def read_as_it_lies(g, x, b):
    return b @ g.T, x.reshape(x.shape[::-1]).T @ g


@pytest.mark.parametrize(
    ("function", "backward", "wrt", "asked", "says"),
    [
        (
            repeated,
            tiled_backward,
            "x",
            {"signature": "(g,n)->(g*r,n)", "static": {"r": [2, 3]}},
            ("merges or splits axes in the other order", "`jnp.repeat(x, r, axis=0)`"),
        ),
        (
            kronecker,
            kronecker_backward,
            ("A", "B"),
            {"signature": "(m,n),(p,q)->(m*p,n*q)"},
            ("merges or splits axes in the other order", "`return jnp.kron(A, B)`"),
        ),
        (
            transposed_product,
            read_as_it_lies,
            ("x", "b"),
            {"signature": "(n,d),(n,k)->(d,k)"},
            ("reads what `x.T`", "in the order of memory, as if it were contiguous"),
        ),
    ],
)
def test_entries_in_another_order_are_named(function, backward, wrt, asked, says):
    wrong = mismatch(check_vjp, function, backward, wrt, **asked)
    for diagnosis in wrong.diagnoses.values():
        assert diagnosis.kind == "layout"
        assert all(part in diagnosis.sentence for part in says)


EDGES: Any = {
    "signature": "(n,d),(e),(e)->(n,d)",
    "domains": {"source": domains.index("n"), "target": domains.index("n")},
    "sizes": {"n": [3, 4], "e": [6, 8]},
}


def messages(x, source, target):
    count = 1 + jax.ops.segment_sum(jnp.ones(source.shape), target, x.shape[0])
    return jax.ops.segment_sum(x[source] / count[source][:, None], target, x.shape[0])


def along_the_edges(g, x, source, target):
    dx = np.zeros_like(x)
    np.add.at(dx, target, g[source] / (1 + np.bincount(target, minlength=len(x)))[source][:, None])
    return dx.astype(x.dtype)


def test_edges_that_are_walked_the_wrong_way_are_named():
    wrong = mismatch(check_vjp, messages, along_the_edges, "x", **EDGES)
    assert wrong.diagnosis.kind == "index"
    assert "takes the places of `x[source]`" in wrong.diagnosis.sentence
    assert "for each other" in wrong.diagnosis.sentence


def test_a_mask_without_its_offset_is_named():
    def after_the_past(past, x):
        s = jnp.concatenate([past, x])
        late = jnp.arange(len(s))[None, :] > jnp.arange(len(x))[:, None] + len(past)
        return jnp.where(late, 0, s**2).sum(axis=1)

    def backward(g, past, x):
        s = np.concatenate([past, x])
        late = np.arange(len(s))[None, :] > np.arange(len(x))[:, None]
        ds = 2 * s * np.where(late, 0, g[:, None]).sum(axis=0)
        return ds[: len(past)], ds[len(past) :]

    asked: Any = {"signature": "(c),(n)->(n)", "sizes": {"c": [1, 2, 3], "n": [2, 3, 4]}}
    wrong = mismatch(check_vjp, after_the_past, backward, **asked)
    for diagnosis in wrong.diagnoses.values():
        assert diagnosis.kind == "missing-term"
        assert "`jnp.arange(len(x))[:, None] + len(past)`" in diagnosis.sentence


def standardised(x):
    return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-3)


ROWS: Any = {"sizes": {"b": [2, 3], "n": [2, 3, 5]}}


def test_a_factor_that_belongs_before_the_means_of_a_norm_is_named_behind_them():
    def scaled(x, gamma):
        return standardised(x) * gamma

    def backward(g, x, gamma):
        scale = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
        h = (x - x.mean(-1, keepdims=True)) * scale
        dx = g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True)
        return gamma * scale * dx, (g * h).sum(axis=0)

    wrong = mismatch(check_vjp, scaled, backward, signature="(b,n),(n)->(b,n)", **ROWS)
    assert {*wrong.diagnoses} == {"x"}
    assert wrong.diagnosis.kind == "factor"
    assert "multiplies by gamma of `return standardised(x) * gamma`" in wrong.diagnosis.sentence


def test_a_mean_over_other_axes_is_named_though_it_is_a_variance():
    def scaled(x):
        return x / jnp.sqrt(x.var(-1, keepdims=True) + 1e-3)

    def backward(g, x):
        scale = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
        return scale * g - scale**2 * (x - x.mean(-1, keepdims=True)) * (g * x * scale).mean()

    wrong = mismatch(check_vjp, scaled, backward, signature="(b,n)->(b,n)", **ROWS)
    assert wrong.diagnosis.kind == "reduction"
    assert "`x.var(-1, keepdims=True)`" in wrong.diagnosis.sentence
    assert "over axes 0 and 1 in place of axis 1" in wrong.diagnosis.sentence


def test_a_root_of_a_dimension_is_a_factor():
    def scaled(q, k):
        return q @ k.T / jnp.sqrt(q.shape[1])

    wrong = mismatch(check_vjp, scaled, lambda g, q, k: (g @ k, g.T @ q), signature="(n,d),(m,d)->(n,m)")
    assert "returns sqrt(d) times the right result" in wrong.diagnoses["q"].sentence


def test_blocks_of_a_hessian_that_are_left_out_are_named():
    def regression(W, X):
        return jax.nn.logsumexp(X @ W, axis=1).sum()

    def hessian(W, X):
        e = np.exp(X @ W - (X @ W).max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return np.einsum("na,nb,ni,ij->aibj", X, X, p * (1 - p), np.eye(W.shape[1], dtype=W.dtype))

    wrong = mismatch(check_hessian, regression, hessian, "W", signature="(d,k),(n,d)->()")
    assert "is zero where the indices along axes 1 and 3 differ" in wrong.diagnosis.sentence
