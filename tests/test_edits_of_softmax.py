"""Slips of the pen in derivatives that are written by way of the result of a softmax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import check, check_vjp, domains
from tests.mistakes import mismatch


def row_sum(x):
    return x.sum(-1, keepdims=True)


def in_numpy(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / row_sum(e)


def own_softmax(x):
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / row_sum(e)


def own_log_softmax(x):
    largest = x.max(-1, keepdims=True)
    return x - jnp.log(row_sum(jnp.exp(x - largest))) - largest


SOFTMAX, LOG_SOFTMAX = (jax.nn.softmax, own_softmax), (jax.nn.log_softmax, own_log_softmax)


@pytest.mark.parametrize(
    ("functions", "wrong", "says"),
    [
        (SOFTMAX, lambda g, x, y: g * y * (1 - y), "is y (1 - y), as of a sigmoid"),
        (SOFTMAX, lambda g, x, y: y * (g - row_sum(g)), "leaves out y in the sum"),
        (SOFTMAX, lambda g, x, y: y * (g - row_sum(g * x)), "takes the argument for y in the sum"),
        (SOFTMAX, lambda g, x, y: y * g - x * row_sum(g * y), "takes the argument for y before the sum"),
        (SOFTMAX, lambda g, x, y: x * (g - row_sum(g * x)), "takes the argument for y wherever that is"),
        (SOFTMAX, lambda g, x, y: (g - row_sum(g * y)) ** 2, "where y has been overwritten"),
        (SOFTMAX, lambda g, x, y: g - y * row_sum(g), "is the derivative of its logarithm"),
        (LOG_SOFTMAX, lambda g, x, y: g - y, "leaves out the sum"),
        (LOG_SOFTMAX, lambda g, x, y: g * (1 - y), "is 1 - y, without the other entries"),
        (LOG_SOFTMAX, lambda g, x, y: y * (g - row_sum(g * y)), "is the derivative without the logarithm"),
    ],
)
def test_a_softmax_is_known_however_it_is_written(functions, wrong, says):
    for function in functions:
        mistake = mismatch(check_vjp, function, lambda g, x: wrong(g, x, in_numpy(x)), "x", signature="(b,n)->(b,n)")
        assert says in mistake.diagnosis.sentence


def test_softmax_of_the_catalog_is_known_too():
    wrong = mismatch(check, lambda delta, x: delta * in_numpy(x) * (1 - in_numpy(x)), "softmax_vjp")
    assert wrong.diagnosis.kind == "missing-term"
    assert "is y (1 - y), as of a sigmoid" in wrong.diagnosis.sentence


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        (lambda y, late, early, made: y * (late - row_sum(early * y)), "afterwards out of the first g of"),
        (lambda y, late, early, made: y * (early - row_sum(late * y)), "afterwards out of the second g of"),
        (lambda y, late, early, made: made * (late - row_sum(late * made)), "takes what is made of y afterwards"),
    ],
)
def test_what_is_done_to_the_weights_afterwards_belongs_in_both_places(slip, says):
    def dropped(x, v, keep, p):
        return jnp.where(keep, jax.nn.softmax(x) / (1 - p), 0) @ v

    def backward(g, x, v, keep, p):
        y, late = in_numpy(x), g @ v.T
        early = np.where(keep, late / (1 - p), 0)
        made = np.where(keep, y / (1 - p), 0)
        return slip(y, late, early, made), made.T @ g

    asked = {"signature": "(b,n),(n,d),(b,n)->(b,d)", "domains": {"keep": domains.boolean}, "static": {"p": [0.1, 0.5]}}
    mistake = mismatch(check_vjp, dropped, backward, ("x", "v"), **asked)
    assert says in mistake.diagnoses["x"].sentence


def test_a_softmax_of_a_softmax():
    def balance(x, f):
        return f @ jax.nn.softmax(x).mean(0)

    def backward(g, x, f):
        y = in_numpy(x)
        z = in_numpy(y)
        late = z * (f - row_sum(f * z)) * g / len(x)
        return y * (late - row_sum(late * y))

    mistake = mismatch(check_vjp, balance, backward, "x", signature="(t,e),(e)->()")
    assert mistake.diagnosis.kind == "operation"
    assert mistake.diagnosis.sentence.startswith("takes `jax.nn.softmax(x)`")
    assert mistake.diagnosis.sentence.endswith(" twice, the second time of its result")
