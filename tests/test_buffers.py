"""Functions of C that write into arrays of their caller, compiled here and judged through their pointers."""

import ctypes
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, adapt, check_value, check_vjp, domains

pytestmark = pytest.mark.skipif(which("cc") is None, reason="there is no C compiler called cc")

FEW: dict[str, Any] = {"dtypes": ("float32",), "shapes": 3, "instances": 16}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The library, by what gradients do to what is in an array."""
    folder = tmp_path_factory.mktemp("libraries")
    source = Path(__file__).parent / "clients" / "layers.c"

    def library(into: str) -> ctypes.CDLL:
        file = folder / f"{len(into)}.so"
        flags = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC", f"-DINTO={into}"]
        subprocess.run(["cc", *flags, "-o", file, source, "-lm"], check=True)
        return ctypes.CDLL(str(file))

    return {into: library(into) for into in ("+=", "=")}


def layernorm(x, w, b):
    m = x.mean(-1, keepdims=True)
    return (x - m) / jnp.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-5) * w + b


def matmul(x, w, b):
    return x @ w.T + b


def attention(qkv, heads=2):
    t = qkv.shape[0]
    q, k, v = qkv.reshape(t, 3, heads, -1).transpose(1, 2, 0, 3)
    scores = q @ k.mT / jnp.sqrt(q.shape[-1])
    return (jax.nn.softmax(jnp.where(jnp.tri(t, dtype=bool), scores, -jnp.inf)) @ v).transpose(1, 0, 2).reshape(t, -1)


def layernorm_in_c(library: ctypes.CDLL):
    forward = adapt.into_buffers(
        library.layernorm_forward,
        "float *out(t,c), float *mean(t), float *rstd(t), const float *x(t,c), const float *w(c), const float *b(c), "
        "int t, int c",
        takes="x w b",
        gives="out",
    )
    backward = adapt.into_buffers(
        library.layernorm_backward,
        "float *dx(t,c), float *dw(c), float *db(c), const float *dout(t,c), const float *x(t,c), const float *w(c), "
        "const float *mean(t), const float *rstd(t), int t, int c",
        takes="dout x w b",
        gives="dx dw db",
        after=forward,
        accumulates=True,
    )
    return forward, backward


def matmul_in_c(library: ctypes.CDLL):
    forward = adapt.into_buffers(
        library.matmul_forward, "out(t,k), x(t,c), w(k,c), b(k), t, c, k", takes="x w b", gives="out"
    )
    backward = adapt.into_buffers(
        library.matmul_backward,
        "dx(t,c), dw(k,c), db(k), dout(t,k), x(t,c), w(k,c), t, c, k",
        takes="dout x w b",
        gives="dx dw db",
        accumulates=True,
    )
    return forward, backward


def attention_in_c(library: ctypes.CDLL):
    forward = adapt.into_buffers(
        library.attention_forward,
        "float *out(t, heads*s), float *att(heads, t, t), const float *qkv(t, 3*heads*s), int t, int heads, int s",
        takes="qkv",
        gives="out",
    )
    backward = adapt.into_buffers(
        library.attention_backward,
        "float *dqkv(t, 3*heads*s), float *datt(heads, t, t), const float *dout(t, heads*s), "
        "const float *qkv(t, 3*heads*s), const float *att(heads, t, t), int t, int heads, int s",
        takes="dout qkv",
        gives="dqkv",
        after=forward,
        accumulates=True,
    )
    return forward, backward


LAYERS = {
    "layernorm": (layernorm, layernorm_in_c, "(t,c),(c),(c)->(t,c)", {}),
    "matmul": (matmul, matmul_in_c, "(t,c),(k,c),(k)->(t,k)", {}),
    "attention": (attention, attention_in_c, "(t,3*heads*s)->(t,heads*s)", {"static": {"heads": [1, 2]}}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_c_are_right(name, compiled):
    reference, in_c, signature, others = LAYERS[name]
    forward, backward = in_c(compiled["+="])
    options = {"signature": signature, **others, **FEW}
    assert check_value(reference, forward, **options).warnings == ()
    assert check_vjp(reference, backward, **options).warnings == (), "they take arrays in every layout"


@pytest.mark.parametrize(("name", "leaf", "array"), [("layernorm", "x", "dx"), ("matmul", "w", "dw")])
def test_what_overwrites_in_place_of_adding_is_named(name, leaf, array, compiled):
    reference, in_c, signature, _ = LAYERS[name]
    _, backward = in_c(compiled["="])
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(reference, backward, signature=signature, **FEW)
    assert list(caught.value.diagnoses) == [leaf]
    assert caught.value.diagnosis.kind == "reduction"
    assert f"it overwrites what {array} holds, where it is to add to it: `=` in place of `+=`" in str(caught.value)


MISUSES = {
    "twice_and_one_more": ("y(n), x(n), n", "(n)->(n)", "memory", "it writes beyond the end of the array y"),
    "twice_by_fours": ("y(n), x(n), n", "(n)->(n)", "non-finite", "it gives NaN where n is no multiple of 4"),
    "sum_and_one_more": ("y(), x(n), n", "(n)->()", "non-finite", "it gives NaN in every instance"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_memory_that_is_not_its_own_is_seen(name, compiled):
    prototype, signature, kind, says = MISUSES[name]
    candidate = adapt.into_buffers(compiled["="][name], prototype, takes="x", gives="y")
    function = jnp.sum if signature.endswith("()") else lambda x: 2 * x
    with pytest.raises(CandidateMismatch, match=says) as caught:
        check_value(function, candidate, signature=signature, dtypes=("float32",), instances=16)
    assert caught.value.diagnosis.kind == kind


def test_integers_are_converted_and_floating_point_numbers_are_not(compiled):
    def function(log_p, labels):
        return -jnp.take_along_axis(log_p, labels[:, None], 1)[:, 0]

    prototype = "float* loss(t), const float* log_p(t,c), const int* labels(t), int t, int c"
    candidate = adapt.into_buffers(compiled["="].labels_forward, prototype, takes="log_p labels", gives="loss")
    options: dict[str, Any] = {"signature": "(t,c),(t)->(t)", "domains": {"labels": domains.index("c")}}
    assert check_value(function, candidate, **options, **FEW).passed
    with pytest.raises(
        adapt.AdapterError, match=r'log_p is float32 in the .* are float64: ask for dtypes=\("float32",\)'
    ):
        check_value(function, candidate, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_functions_that_take_arrays(dtype):
    def backward(dx, dw, dout, x, w):
        dx += dout * w
        dw += (dout * x).sum(0)

    def overwrites(dx, dw, dout, x, w):
        backward(dx, dw, dout, x, w)
        dw[:] = np.sum(dout * x, 0)

    def twice(dx, dw, dout, x, w):
        dx *= 2
        backward(dx, dw, dout, x, w)

    def judged(function):
        adapted = adapt.into_buffers(
            function, "dx(t,c), dw(c), dout(t,c), x(t,c), w(c)", takes="dout x w", gives="dx dw", accumulates=True
        )
        options = {"signature": "(t,c),(c)->(t,c)", **FEW, "dtypes": (dtype,), "sizes": {"t": (1, 3), "c": (2, 5)}}
        return check_vjp(lambda x, w: x * w, adapted, **options)

    assert judged(backward).passed
    with pytest.raises(CandidateMismatch, match="w: it overwrites what dw holds"):
        judged(overwrites)
    with pytest.raises(CandidateMismatch, match="x: it does not add once to what dx holds: 2 times that is in it"):
        judged(twice)


def test_scratch_arrays_have_the_kind_that_is_said():
    def forward(y, order, highest, labels, x):
        order[:] = np.argsort(x)
        highest[()] = x[order[-1]]
        y[:] = highest + x[labels]

    prototype = "y(m), int order(n), highest(), labels(m), x(n)"
    candidate = adapt.into_buffers(forward, prototype, takes="labels x", gives="y")
    options: dict[str, Any] = {"signature": "(m),(n)->(m)", "domains": {"labels": domains.index("n")}}
    assert check_value(lambda labels, x: x.max() + x[labels], candidate, **options, **FEW).passed
    with pytest.raises(adapt.AdapterError, match="takes arrays of NumPy or torch, not a ArrayImpl"):
        check_value(lambda labels, x: x.max() + x[labels], candidate, **options, **FEW, arrays="jax")


def test_what_cannot_be_read_says_how_to_write_it():
    def adapted(prototype, takes="x", gives="y"):
        return adapt.into_buffers(lambda *arrays: None, prototype, takes, gives)

    with pytest.raises(ValueError, match=r"'y\[n\]' is no parameter; write one like"):
        adapted("y[n], x(n)")
    with pytest.raises(ValueError, match="flaot is no dtype; there are half, float,"):
        adapted("flaot y(n), x(n)")
    with pytest.raises(ValueError, match="gives: z is no array of the prototype; there are y, x"):
        adapted("y(n), x(n)", gives="z")
    with pytest.raises(adapt.AdapterError, match="m is neither a dimension nor an option"):
        adapted("y(n), x(n), m")(np.zeros(3))
    with pytest.raises(adapt.AdapterError, match=r"x has shape \(3,\), \(n, n\)"):
        adapted("y(n), x(n,n)")(np.zeros(3))
    with pytest.raises(adapt.AdapterError, match="takes x; it is called with 2 arrays"):
        adapted("y(n), x(n)")(np.zeros(3), np.zeros(3))
