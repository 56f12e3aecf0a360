"""Mistakes that are made on the way back only: in loops, in what adds up, in what is taken for something like it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, check_vjp
from identities.domains import index

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}


def decayed(x, a, h0):
    def step(h, given):
        h = jnp.tanh(given[1] * h + given[0])
        return h, h

    return jax.lax.scan(step, h0, (x, a))[1]


def decayed_vjp(g, x, a, h0, first=0, by=0):
    states = [h0]
    for t in range(len(x)):
        states.append(np.tanh(a[t] * states[-1] + x[t]))
    dh = np.zeros_like(h0)
    for t in reversed(range(first, len(x))):
        dh = (dh + g[t]) * (1 - states[t + 1] ** 2) * a[t - by]
    return dh


def squashed(x, h0):
    def step(h, u):
        h = jnp.tanh(u + h)
        return h, h

    return jax.lax.scan(step, h0, x)[1]


def at_the_state_before(g, x, h0):
    before = [h0]
    for u in x[:-1]:
        before.append(np.tanh(u + before[-1]))
    dh = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        dh = (dh + g[t]) * (1 - before[t] ** 2)
    return dh


def penalised(x):
    return (x**3).sum() + (x[1:] ** 2).sum()


def assigned_penalty(g, x):
    dx = 3 * g * x**2
    dx[1:] = 2 * g * x[1:]
    return dx


def similarity(a, b):
    na, nb = jnp.sqrt(a @ a + 1), jnp.sqrt(b @ b + 1)
    return a @ b / (na * nb)


def by_the_other_norm(g, a, b):
    na, nb = np.sqrt(a @ a + 1), np.sqrt(b @ b + 1)
    return g / (na * nb) * (a - (a @ b) / na**2 * b)


def two_taps(x, w):
    return jnp.tanh(w[0] * x + w[1] * jnp.roll(x, 1))


def with_the_kernel_as_it_is(g, x, w):
    d = g / np.cosh(w[0] * x + w[1] * np.roll(x, 1)) ** 2
    return w[1] * d + w[0] * np.roll(d, -1)


def turned(x, c, s):
    return x * c + x[::-1] * s


def turned_by_the_next(g, x, c, s):
    c, s = np.roll(c, 1), np.roll(s, 1)
    return g * c + (g * s)[::-1]


def mixed(q, k, v):
    return jnp.tanh(q @ k.T) @ v


def mixed_vjp(g, q, k, v, of_cotangent=0, of_weights=0):
    """As if a query saw only some of the keys."""
    scores = q @ k.T
    below = np.tri(len(q), len(k), -1)
    d = g @ v.T / np.cosh(scores) ** 2 * (below if of_cotangent else 1)
    return d @ k, d.T @ q, (np.tanh(scores) * (below if of_weights else 1)).T @ g


def scaled(x):
    return x / jnp.sqrt(x @ x + 1e-2)


def scaled_with_the_number_outside(g, x):
    root = np.sqrt(x @ x) + 1e-2
    return g / root - x * (g @ x) / root**3


def put_together(x):
    return jnp.tanh(x).reshape(2, 3, -1).transpose(1, 0, 2)


def not_transposed_back(g, x):
    return g.ravel() / np.cosh(x) ** 2


def correlated(x, w):
    n, m = x.shape[0] - 1, x.shape[1] - 1
    return sum(w[i, j] * x[i : i + n, j : j + m] for i in range(2) for j in range(2))


def by_the_kernel_as_it_is(g, x, w):
    padded = np.pad(g, 1)
    return np.array([[(padded[i : i + 2, j : j + 2] * w).sum() for j in range(x.shape[1])] for i in range(x.shape[0])])


def averaged(x, i, b):
    counts = jnp.zeros(b.shape).at[i].add(1)
    return jnp.zeros(b.shape).at[i].add(x) / jnp.maximum(counts, 1) + b


def in_halves(x):
    a, b = jnp.split(x, 2)
    return jnp.tanh(a) * jnp.sin(b)


def halves_exchanged(g, x):
    a, b = np.split(x, 2)
    return np.concatenate([g * np.tanh(a) * np.cos(b), g * np.sin(b) / np.cosh(a) ** 2])


def in_slices(x, w):
    a = x @ w
    h = a.shape[1] // 2
    return jnp.tanh(a[:, :h]) * jnp.sin(a[:, h:])


def slices_exchanged(g, x, w):
    a, b = np.split(x @ w, 2, axis=1)
    return np.hstack([g * np.tanh(a) * np.cos(b), g * np.sin(b) / np.cosh(a) ** 2]) @ w.T


def gated(x, w, v):
    h = jnp.cos(x @ w)
    return h * (x @ v)


def by_the_first_gate(g, x, w, v):
    return x.T @ (g * np.cos(x @ w)[:1])


@pytest.mark.parametrize(
    ("function", "signature", "wrong", "wrt", "kind", "says"),
    [
        (
            *(decayed, "(t),(t),()->(t)", lambda *given: decayed_vjp(*given, first=1), "h0"),
            *("index", "leaves out the first pass of the loop"),
        ),
        (
            *(decayed, "(t),(t),()->(t)", lambda *given: decayed_vjp(*given, by=1), "h0"),
            *("index", "of the pass before in the derivative of `given[1] * h`"),
        ),
        (
            *(squashed, "(t),()->(t)", at_the_state_before, "h0"),
            *("other-argument", "for the result of `h = jnp.tanh(u + h)`"),
        ),
        (
            *(penalised, "(n)->()", assigned_penalty, "x"),
            *("reduction", "overwrites what x gets elsewhere with what it gets from `x[1:]`"),
        ),
        (
            *(similarity, "(n),(n)->()", by_the_other_norm, "b"),
            *("other-argument", "takes `jnp.sqrt(a @ a + 1)` for `jnp.sqrt(b @ b + 1)`, squared"),
        ),
        (
            *(two_taps, "(n),(2)->(n)", with_the_kernel_as_it_is, "x"),
            *("layout", "takes w backwards along axis 0, in what it multiplies cotangents with"),
        ),
        (
            *(turned, "(n),(n),(n)->(n)", turned_by_the_next, "x"),
            *("index", "takes c and s shifted by one along axis 0"),
        ),
        (
            *(lambda x, w: x * w, "(n,m),(n,m)->(n,m)", lambda g, x, w: g * w.T.reshape(w.shape), "x"),
            *("layout", "takes w by columns where it is to be read by rows"),
        ),
        (
            *(averaged, "(n),(n),(k)->(k)", lambda g, x, i, b: g * (np.bincount(i, minlength=len(b)) > 0), "b"),
            *("region", "is zero where"),
        ),
        (
            *(scaled, "(n)->(n)", scaled_with_the_number_outside, "x"),
            *("constant", "adds the small number to the root and not within"),
        ),
        (*(put_together, "(6*n)->(3,2,n)", not_transposed_back, "x"), *("layout", "does not transpose the cotangent")),
        (
            *(correlated, "(n+1,m+1),(2,2)->(n,m)", by_the_kernel_as_it_is, "x"),
            *("layout", "takes w backwards along every axis"),
        ),
        (
            *(jnp.cumsum, "(n)->(n)", lambda g, a: np.cumsum(np.append(g[:-1], 2 * g[-1])[::-1])[::-1], "a"),
            *("cotangent", "counts twice the last entry of the cotangent along axis 0"),
        ),
        (
            *(lambda x: jax.scipy.special.erfinv(jnp.tanh(x)), "(n)->(n)"),
            *(lambda g, x: g * np.sqrt(np.pi) / 2 * np.exp(np.tanh(x) ** 2) / np.cosh(x) ** 2, "x"),
            *("other-argument", "for its result, of which it takes the derivative"),
        ),
        (
            *(mixed, "(t,d),(s,d),(s,d)->(t,d)", lambda *given: mixed_vjp(*given, of_cotangent=1)[0], "q"),
            *("region", "counts of the cotangent of `q @ k.T` (line"),
        ),
        (
            *(mixed, "(t,d),(s,d),(s,d)->(t,d)", lambda *given: mixed_vjp(*given, of_weights=1)[2], "v"),
            *("region", "counts of `jnp.tanh(q @ k.T)` only what is below the diagonal"),
        ),
        (
            *(in_halves, "(2*n)->(n)", halves_exchanged, "x"),
            *("cotangent", "takes the cotangents of part 0 and part 1 for each other"),
        ),
        (
            *(in_slices, "(n,d),(d,2*h)->(n,h)", slices_exchanged, "x"),
            *("cotangent", "takes the cotangents of `a[:, :h]` (line"),
        ),
        (
            *(gated, "(b,n),(n,m),(n,m)->(b,m)", by_the_first_gate, "v"),
            *("index", "to be its first entry along axis 0 everywhere, in what it multiplies cotangents with"),
        ),
    ],
)
def test_the_way_back_has_mistakes_of_its_own(function, signature, wrong, wrt, kind, says):
    domains = {"i": index("k")} if "k" in signature else None
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(function, wrong, wrt, signature=signature, domains=domains, **quick)
    assert caught.value.diagnosis.kind == kind, str(caught.value)
    assert says in caught.value.diagnosis.sentence


@pytest.mark.parametrize(
    ("function", "wrong", "says"),
    [
        (jnp.tanh, lambda g, y: g * 1 - y * y, "g - y^2 for g (1 - y^2)"),
        (jnp.tanh, lambda g, y: 1 - y * y * g, "1 - y^2 g for (1 - y^2) g"),
        (jax.nn.sigmoid, lambda g, y: g * y * 1 - y, "g y - y for g y (1 - y)"),
    ],
)
def test_brackets_that_are_missing(function, wrong, says):
    def activated(x):
        return function(2 * x)

    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(activated, lambda g, x: 2 * wrong(g, np.asarray(function(2 * x))), signature="(n)->(n)", **quick)
    assert caught.value.diagnosis.sentence.startswith(f"takes {says} in the derivative of `return function(2 * x)`")


def test_an_operation_that_is_done_twice():
    def scaled(x):
        return x * jax.lax.rsqrt(1 + x**2)

    def backward(g, x):
        return g * (1 + x**2) ** 0.25 * (1 + x**2 / 2 / (1 + x**2))

    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(scaled, backward, signature="(n)->(n)", **quick)
    assert "rsqrt(1 + x**2)` (line" in caught.value.diagnosis.sentence
    assert caught.value.diagnosis.sentence.endswith(" twice, the second time of its result")


def test_two_equal_numbers_have_one_cotangent():
    def larger(a, b):
        return jnp.maximum(a, b)

    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(larger, lambda g, a, b: (g * (a >= b), g * (b >= a)), signature="(n),(n)->(n)", **quick)
    says = "gives the whole cotangent of `return jnp.maximum(a, b)` (line"
    assert all(diagnosis.sentence.startswith(says) for diagnosis in caught.value.diagnoses.values())
