"""Implementations with a backward pass of their own, in JAX and in PyTorch, judged as they are."""

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import pallas as pl

from identities import adapt, check_value, check_vjp, domains
from tests.clients import torch, with_torch
from tests.mistakes import mismatch

FEW: dict[str, Any] = {"shapes": 2, "instances": 16}

HALF: dict[str, Any] = {**FEW, "dtypes": ("float64", "float32", "bfloat16")}


# Rules of JAX.


def scaled_norm(eps, x, w):
    """An option first, two results, and one that has no derivative."""
    length = jnp.sqrt((x * x).sum(-1) + eps)
    return x / length[:, None] * w, length, jnp.argmax(x, -1)


def ruled(backward, forward=scaled_norm):
    function = jax.custom_vjp(scaled_norm, nondiff_argnums=(0,))

    def pull(eps, saved, cotangents):
        return backward(*saved, cotangents[0], cotangents[1])

    def push(eps, x, w):
        out = forward(eps, x, w)
        return out, (x, w, out[1])

    function.defvjp(push, pull)
    return function


def right(x, w, length, dy, dlength):
    h = x / length[:, None]
    g = dy * w
    return (g - h * (g * h).sum(-1, keepdims=True)) / length[:, None] + h * dlength[:, None], (dy * h).sum(0)


def forgets_the_length(x, w, length, dy, dlength):
    return right(x, w, length, dy, 0 * dlength)


ASKED: dict[str, Any] = {"signature": "(t,c),(c)->(t,c),(t),(t)", "static": {"eps": 1e-2}}


def test_a_custom_vjp_is_judged_against_its_own_body():
    function = jax.jit(ruled(right), static_argnums=0)
    verdicts = adapt.check_custom(function, **ASKED, shapes=2, instances=16, dtypes=("float32", "bfloat16"))
    assert verdicts.value.passed
    assert verdicts.rule.identity == "scaled_norm_vjp_x_w"
    assert set(verdicts.rule.errors["jacrev"]) == {"float32", "bfloat16"}


def test_a_wrong_rule_is_named():
    wrong = mismatch(adapt.check_custom, ruled(forgets_the_length), **ASKED, **FEW)
    assert (wrong.identity, wrong.leaf) == ("scaled_norm_vjp_x_w", "x")
    assert "identities.adapt.check_custom(scaled_norm, signature=" in wrong.repeat
    assert wrong.static == {"eps": 1e-2}


def test_a_rule_that_computes_another_value_is_seen_though_its_gradient_is_right():
    other = ruled(right, lambda eps, x, w: scaled_norm(2 * eps, x, w))
    wrong = mismatch(adapt.check_custom, other, **ASKED, **FEW)
    assert wrong.identity == "scaled_norm_value, by its rule,"
    wrong = mismatch(adapt.check_custom, ruled(right), lambda eps, x, w: scaled_norm(2 * eps, x, w), **ASKED, **FEW)
    assert wrong.identity == "scaled_norm_value"


@jax.custom_jvp
def taken(x, places):
    return jnp.exp(x)[places]


def test_a_custom_jvp_is_judged_by_its_tangents():
    asked: dict[str, Any] = {"signature": "(n),(m)->(m)", "domains": {"places": domains.index("n")}, **FEW}
    taken.defjvp(lambda primals, tangents: (taken(*primals), taken(*primals) * tangents[0][primals[1]]))
    assert adapt.check_custom(taken, **asked).rule.identity == "taken_jvp_x"
    taken.defjvp(lambda primals, tangents: (taken(*primals), tangents[0][primals[1]]))
    assert mismatch(adapt.check_custom, taken, **asked).identity == "taken_jvp_x"


def test_what_has_no_rule_or_too_little_said_is_refused():
    with pytest.raises(TypeError, match=r"scaled_norm is no jax\.custom_vjp or jax\.custom_jvp"):
        adapt.check_custom(scaled_norm, **ASKED)
    with pytest.raises(ValueError, match=r"eps is in nondiff_argnums of scaled_norm: .* static=\{'eps': \.\.\.\}"):
        adapt.check_custom(ruled(right), signature=ASKED["signature"])
    with pytest.raises(TypeError, match="check_custom has no option 'tolerance'; there are signature, "):
        adapt.check_custom(ruled(right), **ASKED, tolerance=1)  # pyright: ignore[reportCallIssue]


def test_the_gradients_that_are_asked_for_and_no_others():
    def picked(x, places, w):
        return {"scaled": x[places] * w, "w": w}

    asked: dict[str, Any] = {"signature": (("n", "m", "m"), {"scaled": "m", "w": "m"})}
    asked |= {"domains": {"places": domains.index("n")}, **FEW}
    for wrt, arrays in [(None, "numpy"), (("w", "x"), "jax")]:
        assert check_vjp(picked, adapt.backward_of(picked), wrt, arrays=arrays, **asked).passed
    assert check_value(picked, adapt.backward_of(picked).value, **asked).passed


def test_a_function_that_looks_at_values_is_not_compiled():
    def flipped(x):
        return -x if float(x.sum()) > 0 else x

    asked: dict[str, Any] = {"signature": "(n)->(n)", "domains": {"x": domains.positive}, **FEW}
    assert check_value(lambda x: -x, adapt.backward_of(flipped).value, **asked).passed


# Kernels.


def by_tiles(kernel, tiles, *arrays):
    """A kernel over tiles of 32 rows."""
    rows = min(32, len(arrays[0]))
    tile = pl.BlockSpec((rows, arrays[0].shape[1]), lambda i: (i, 0))
    result = jax.ShapeDtypeStruct(arrays[0].shape, arrays[0].dtype)
    grid = (tiles(len(arrays[0]), rows),)
    in_specs = [tile] * len(arrays)
    return pl.pallas_call(kernel, result, grid=grid, in_specs=in_specs, out_specs=tile, interpret=True)(*arrays)


def softmax_of_rows(x):
    return jax.nn.softmax(x, axis=1)


def pallas_softmax(tiles):
    def forward_kernel(x, y):
        e = jnp.exp(x[...] - x[...].max(1, keepdims=True))
        y[...] = e / e.sum(1, keepdims=True)

    def backward_kernel(y, delta, dx):
        dx[...] = y[...] * (delta[...] - (y[...] * delta[...]).sum(1, keepdims=True))

    @jax.custom_vjp
    def softmax(x):
        return by_tiles(forward_kernel, pl.cdiv, x)

    softmax.defvjp(lambda x: (softmax(x),) * 2, lambda y, delta: (by_tiles(backward_kernel, tiles, y, delta),))
    return softmax


def test_a_pallas_kernel_and_one_that_forgets_the_last_tile():
    sizes = {"t": (3, 32, 33), "c": (2,)}
    asked: dict[str, Any] = {"signature": "(t,c)->(t,c)", "dtypes": ("float32",), "sizes": sizes, "instances": 4}
    assert adapt.check_custom(pallas_softmax(pl.cdiv), softmax_of_rows, **asked).rule.passed
    wrong = mismatch(adapt.check_custom, pallas_softmax(lambda n, rows: n // rows), softmax_of_rows, **asked)
    assert "from t = 33 on: beyond the first 32" in str(wrong)
    with pytest.raises(TypeError, match="JAX cannot differentiate the body of softmax: give a reference in JAX"):
        adapt.check_custom(pallas_softmax(pl.cdiv), **asked)


@with_torch
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed: pip install triton")
def test_a_triton_kernel_and_one_that_forgets_the_last_tile():
    from tests.clients import triton_kernel

    asked: dict[str, Any] = {"signature": "(n)->(n)", "dtypes": ("float32",), "arrays": "torch", **FEW}
    assert check_vjp(jax.nn.silu, triton_kernel.silu_backward, **asked).passed
    assert "from n = 33 on: beyond the first 32" in str(
        mismatch(check_vjp, jax.nn.silu, triton_kernel.forgets, **asked)
    )


# PyTorch.


@with_torch
def test_a_function_of_torch_with_a_rule_of_its_own():
    class Silu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return scale * x * torch.sigmoid(x), x.argmax()

        @staticmethod
        def backward(ctx, delta, _):
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x)
            return delta * ctx.scale * s * (1 + x * (1 - s)), None

    def silu(x, scale):
        return scale * x * jax.nn.sigmoid(x), jnp.argmax(x)

    asked: dict[str, Any] = {"signature": "(n)->(n),()", "static": {"scale": [1.0, 3.0]}, **HALF}
    for arrays in ("torch", "numpy"):
        assert check_vjp(silu, adapt.backward_of(Silu.apply), arrays=arrays, **asked).warnings == ()


def linear(x, weight, bias):
    return x @ weight.T + bias


@with_torch
def test_modules_have_gradients_by_their_parameters():
    asked: dict[str, Any] = {"signature": "(t,c),(k,c),(k)->(t,k)", **FEW}
    module = torch.nn.Linear(1, 1)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert check_vjp(linear, adapt.backward_of(module), **asked, dtypes=("bfloat16",)).passed
    assert check_vjp(linear, adapt.backward_of(module), ("bias", "x"), **asked).passed
    assert check_value(linear, adapt.backward_of(module).value, **asked).passed
    named = {**asked, "signature": "(t,c),(k),(k,c)->(t,k)"}
    backward = adapt.backward_of(module, parameters=("bias", "weight"))
    assert check_vjp(lambda x, bias, weight: linear(x, weight, bias), backward, **named).passed
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    with pytest.raises(adapt.AdapterError, match="the module has no parameter 'w'; it has weight, bias"):
        check_vjp(linear, adapt.backward_of(module, parameters=("w", "bias")), **asked)


@with_torch
def test_parameters_may_come_in_a_dict_by_their_names():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)

        def forward(self, x):
            return self.norm(torch.tanh(self.first(x)))

    def net(parameters, x):
        h = jnp.tanh(linear(x, **parameters["first"]))
        h = (h - h.mean(0)) / jnp.sqrt(h.var(0) + 1e-5)
        return h * parameters["norm"]["weight"] + parameters["norm"]["bias"]

    shapes = {"first": {"weight": "4 3", "bias": "4"}, "norm": {"weight": "4", "bias": "4"}}
    asked: dict[str, Any] = {"signature": ((shapes, "t 3"), "t 4"), "sizes": {"t": (2, 5)}, **FEW}
    module = Net()
    assert check_vjp(net, adapt.backward_of(module), **asked).passed
    assert int(module.norm.num_batches_tracked) == 0, "the module itself is left alone"


@with_torch
def test_a_wrong_rule_of_torch_is_named():
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, delta):
            x, w = ctx.saved_tensors
            return delta @ w.T, 2 * x.T @ delta

    wrong = mismatch(
        check_vjp, lambda x, w: x @ w, adapt.backward_of(Doubled.apply), signature="(t,c),(c,k)->(t,k)", **FEW
    )
    assert (wrong.leaf, wrong.diagnosis.factor) == ("w", "2")
    assert "backward_of(apply)" in wrong.repeat


@with_torch
def test_complex_gradients_of_torch_are_turned_into_those_of_jax():
    complex_numbers = dict.fromkeys("ab", domains.complex_numbers)
    asked: dict[str, Any] = {"signature": "(n,m),(m)->(n)", "domains": complex_numbers, "arrays": "torch", **FEW}
    assert check_vjp(lambda a, b: a @ b.conj(), adapt.backward_of(lambda a, b: a @ b.conj()), **asked).passed


def test_by_hand_it_is_called_with_one_cotangent():
    (dx,) = adapt.backward_of(jnp.sin)(np.ones(3), np.zeros(3))
    assert dx.tolist() == [1, 1, 1]
