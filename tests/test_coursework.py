"""Homework as courses have it, judged as it is written: a teacher writes a reference and a table of ten layers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from identities import CandidateMismatch, adapt, check_jacobian, check_value, check_vjp, domains
from identities.oracle.candidates import start
from identities.oracle.candidates.adapters import resolve
from tests.clients import coursework


def affine(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b


def batchnorm(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / jnp.sqrt(x.var(0) + eps) + beta


def layernorm(x, gamma, beta, eps):
    return gamma * (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + eps) + beta


def conv(x, w, b, stride, pad):
    around = [(pad, pad)] * 2
    return jax.lax.conv_general_dilated(x, w, (stride, stride), around) + b[:, None, None]


def max_pool(x, size, stride):
    window, steps = (1, 1, size, size), (1, 1, stride, stride)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, steps, "VALID")


def lstm_step(x, prev_h, prev_c, Wx, Wh, b):
    i, f, o, g = jnp.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    c = jax.nn.sigmoid(f) * prev_c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def softmax_loss(x, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()


def svm_loss(x, y):
    margins = jnp.maximum(0, x - jnp.take_along_axis(x, y[:, None], 1) + 1)
    return jnp.where(jnp.arange(x.shape[1]) == y[:, None], 0, margins).sum() / x.shape[0]


class Layer(NamedTuple):
    reference: Callable[..., Any]
    candidate: Any
    signature: str
    others: dict[str, Any] = {}  # noqa: RUF012  # never written to


CLASSES: dict[str, Any] = {"domains": {"y": domains.index("k")}}
ROWS = {"n": (2, 3)}  # over one row every batch is normalised to nothing

LAYERS = {
    "affine": Layer(affine, adapt.with_cache("affine_forward", "affine_backward"), "(n,d,e),(d*e,m),(m)->(n,m)"),
    "relu": Layer(jax.nn.relu, adapt.with_cache("relu_forward", "relu_backward"), "(n,m)->(n,m)"),
    "batchnorm": Layer(
        batchnorm,
        adapt.with_cache("batchnorm_forward", "batchnorm_backward", {"bn_param": {"mode": "train"}}),
        "(n,m),(m),(m)->(n,m)",
        {"static": {"eps": [1e-5, 1e-2]}, "sizes": ROWS},
    ),
    "layernorm": Layer(
        layernorm,
        adapt.with_cache("layernorm_forward", "layernorm_backward", {"ln_param": {}}),
        "(n,m),(m),(m)->(n,m)",
        {"static": {"eps": 1e-2}},
    ),
    "conv": Layer(
        conv,
        adapt.with_cache("conv_forward", "conv_backward", {"conv_param": {}}),
        "(n,c,h,w),(f,c,k,k),(f)->(n,f,(h+2*pad-k)//stride+1,(w+2*pad-k)//stride+1)",
        {"static": {"stride": 2, "pad": 1}, "sizes": {"n": 2, "c": 2, "h": 4, "w": 3, "f": 2, "k": 2}},
    ),
    "max_pool": Layer(
        max_pool,
        adapt.with_cache("max_pool_forward", "max_pool_backward", {"pool_param": {}}),
        "(n,c,h,w)->(n,c,(h-size)//stride+1,(w-size)//stride+1)",
        {"static": {"size": 2, "stride": 1}, "sizes": {"n": 1, "c": 2, "h": 3, "w": 4}},
    ),
    "word_embedding": Layer(
        lambda words, W: W[words],
        adapt.with_cache("word_embedding_forward", "word_embedding_backward"),
        "(n,t),(v,d)->(n,t,d)",
        {"domains": {"words": domains.index("v")}},
    ),
    "lstm_step": Layer(
        lstm_step,
        adapt.with_cache("lstm_step_forward", "lstm_step_backward"),
        "(n,d),(n,h),(n,h),(d,4*h),(h,4*h),(4*h)->(n,h),(n,h)",
        {"sizes": {"n": 2, "d": 3, "h": (1, 2)}},
    ),
    "softmax_loss": Layer(softmax_loss, adapt.from_loss_and_gradients("softmax_loss"), "(n,k),(n)->()", CLASSES),
    "svm_loss": Layer(svm_loss, adapt.from_loss_and_gradients("svm_loss"), "(n,k),(n)->()", CLASSES),
}

FEW: dict[str, Any] = {"shapes": 2, "instances": 16}


def of_the_file(description: Any, **replaced: Callable[..., Any]) -> Callable[..., Any]:
    """What a table says in names, as it reaches the process that has the file."""
    return resolve(json.loads(json.dumps(description.plain())), {**vars(coursework), **replaced})


@pytest.mark.parametrize("name", LAYERS)
def test_ten_layers_are_right_as_they_are_written(name: str):
    layer = LAYERS[name]
    options = {"signature": layer.signature, **layer.others, **FEW}
    backward = check_vjp(layer.reference, of_the_file(layer.candidate), **options)
    forward = check_value(layer.reference, of_the_file(layer.candidate.value), **options)
    assert backward.warnings == forward.warnings == ()
    assert backward.judged


def test_a_mistake_in_a_pair_is_named():
    def forgetful(dout, cache):
        dx, dw, db = coursework.affine_backward(dout, cache)
        return dx, dw, db / len(dout)

    candidate = of_the_file(LAYERS["affine"].candidate, affine_backward=forgetful)
    with pytest.raises(CandidateMismatch, match="b: it returns 1/n times the right result"):
        check_vjp(affine, candidate, signature=LAYERS["affine"].signature, **FEW)


def test_a_forward_pass_without_a_cache_is_told_where_it_stands():
    def no_cache(x):
        return coursework.relu_forward(x)[0]

    def broken(x):
        raise ValueError("not done yet")

    says = {no_cache: "no_cache returns a ndarray, where .result, cache. is due", broken: "raises ValueError: not done"}
    for forward, words in says.items():
        with pytest.raises(CandidateMismatch, match=words) as caught:
            check_vjp(jax.nn.relu, adapt.with_cache(forward, coursework.relu_backward), signature="(n)->(n)", **FEW)
        assert caught.value.diagnosis.kind == "raises"


def test_a_loss_has_a_gradient_a_backward_pass_and_a_value():
    candidate = adapt.from_loss_and_gradients(coursework.softmax_loss)
    asked = {"signature": LAYERS["softmax_loss"].signature, **CLASSES, **FEW}
    assert check_jacobian(softmax_loss, candidate, **asked).passed
    assert check_value(softmax_loss, candidate.value, **asked).passed

    def scaled(x, y, scale):
        return scale * softmax_loss(x, y)

    def three(x, y, scale):
        loss, dx = coursework.softmax_loss(x, y)
        return scale * loss, {"x": scale * dx, "scale": loss}

    asked |= {"signature": "(n,k),(n),()->()"}
    assert check_vjp(scaled, adapt.from_loss_and_gradients(three), **asked).passed


def test_a_process_that_serves_candidates_knows_nothing_of_jax():
    description = adapt.with_cache("layernorm_forward", "layernorm_backward", {"ln_param": {}}).plain()
    script = f"""
import sys
sys.path.insert(0, {os.path.dirname(start.__file__)!r})
import numpy as np
import start
adapters = start.load_serving().written.adapters
file = start.loaded("file", start.Path({coursework.__file__!r}))
backward = adapters.resolve({description!r}, vars(file))
dx, dgamma, dbeta = backward(np.ones((3, 2)), np.eye(3, 2), np.ones(2), np.zeros(2), eps=0.01)
assert dbeta.tolist() == [3, 3]
assert "jax" not in sys.modules and "identities" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_table_has_names():
    with pytest.raises(adapt.AdapterError, match="'relu_forward' is only the name of a function"):
        check_vjp(jax.nn.relu, LAYERS["relu"].candidate, signature="(n)->(n)", **FEW)
    with pytest.raises(TypeError, match="has the names of functions; got a function"):
        adapt.with_cache(coursework.relu_forward, "relu_backward").plain()
    with pytest.raises(LookupError, match="there is no function rectifier_forward"):
        resolve(adapt.with_cache("rectifier_forward", "relu_backward").plain(), vars(coursework))
