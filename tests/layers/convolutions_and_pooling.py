"""Convolutions and pooling."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from tests.layers.corpus import layer


@layer("(c,n),(o,c,3),(o)->(o,n)")
def conv1d(x, w, b):
    n = x.shape[1]
    padded = jnp.pad(x, ((0, 0), (1, 1)))
    taps = [w[:, :, k] @ padded[:, k : k + n] for k in range(3)]
    return sum(taps) + b[:, None]


@conv1d.backward
def conv1d_backward(dout, x, w, b):
    n = x.shape[1]
    padded = np.pad(x, ((0, 0), (1, 1)))
    dpadded = np.zeros_like(padded)
    dw = np.zeros_like(w)
    for k in range(3):
        dw[:, :, k] = dout @ padded[:, k : k + n].T
        dpadded[:, k : k + n] += w[:, :, k].T @ dout
    return dpadded[:, 1:-1], dw, dout.sum(1)


conv1d.wrong("layout|transpose|index", "", ("w[:, :, k].T @ dout", "w[:, :, 2 - k].T @ dout"))
conv1d.wrong("reduction|region", "", ("dpadded[:, k : k + n] += w", "dpadded[:, k : k + n] = w"))
conv1d.wrong("index", "", ("return dpadded[:, 1:-1],", "return dpadded[:, 2:],"))
conv1d.wrong("index", "", ("return dpadded[:, 1:-1],", "return dpadded[:, :-2],"))
conv1d.wrong("region|missing-term|reduction|detached", "", ("range(3)", "range(2)"))
conv1d.wrong("reduction|factor|operation", "", ("dout.sum(1)", "dout.mean(1)"))
conv1d.wrong(
    "operation|missing-term|region",
    "",
    ("padded = np.pad(x, ((0, 0), (1, 1)))", "padded = np.pad(x, ((0, 0), (1, 1)), mode='edge')"),
)
conv1d.wrong("layout|transpose|index", "", ("dw[:, :, k] = dout", "dw[:, :, 2 - k] = dout"))


@layer("(b,c,2*h+1,2*w+1),(o,c,3,3),(o)->(b,o,h,w)", static={"stride": 2})
def conv2d(x, kernel, bias, stride):
    strides = (stride, stride)
    numbers = ("NCHW", "OIHW", "NCHW")
    out = jax.lax.conv_general_dilated(x, kernel, strides, "VALID", dimension_numbers=numbers)
    return out + bias[:, None, None]


@conv2d.backward
def conv2d_backward(dout, x, kernel, bias, stride=2):
    h, w = dout.shape[2:]
    dx, dkernel = np.zeros_like(x), np.zeros_like(kernel)
    for i in range(3):
        for j in range(3):
            rows = slice(i, i + stride * (h - 1) + 1, stride)
            columns = slice(j, j + stride * (w - 1) + 1, stride)
            patch = x[:, :, rows, columns]
            dkernel[:, :, i, j] = np.einsum("bohw,bchw->oc", dout, patch)
            dx[:, :, rows, columns] += np.einsum("bohw,oc->bchw", dout, kernel[:, :, i, j])
    dbias = dout.sum((0, 2, 3))
    return dx, dkernel, dbias


conv2d.wrong("layout|transpose", "", ("dout, kernel[:, :, i, j])", "dout, kernel[:, :, 2 - i, 2 - j])"))
conv2d.wrong("layout|transpose", "", ("dout, kernel[:, :, i, j])", "dout, kernel[:, :, j, i])"))
conv2d.wrong("reduction", "", ("columns] += np", "columns] = np"))
conv2d.wrong("constant|index", "", ("rows = slice(i, i + stride * (h - 1) + 1, stride)", "rows = slice(i, i + h)"))
conv2d.wrong("region|missing-term|reduction", "", ("for j in range(3)", "for j in range(2)"))
conv2d.wrong(
    "region",
    "",
    ("dx[:, :, rows, columns] +=", "dx[:1, :, rows, columns] +="),
    ('bohw,oc->bchw", dout,', 'bohw,oc->bchw", dout[:1],'),
)
conv2d.wrong("reduction|factor", "", ("dout.sum((0, 2, 3))", "dout.sum((2, 3)).mean(0)"))
conv2d.wrong(
    "missing-term|reduction",
    "",
    ('np.einsum("bohw,bchw->oc", dout, patch)', 'np.einsum("ohw,chw->oc", dout[0], patch[0])'),
)


@layer("(t,c),(3,c),(c)->(t,c)")
def causal_depthwise_conv(x, w, b):
    t = x.shape[0]
    padded = jnp.pad(x, ((2, 0), (0, 0)))
    mixed = w[0] * padded[:t] + w[1] * padded[1 : t + 1] + w[2] * padded[2 : t + 2]
    pre = mixed + b
    return jax.nn.silu(pre)


@causal_depthwise_conv.backward
def causal_depthwise_conv_backward(dout, x, w, b):
    t = len(x)
    padded = np.pad(x, ((2, 0), (0, 0)))
    pre = b + sum(w[k] * padded[k : k + t] for k in range(3))
    s = expit(pre)
    dpre = dout * s * (1 + pre * expit(-pre))
    dw = np.stack([(dpre * padded[k : k + t]).sum(0) for k in range(3)])
    dpadded = np.zeros_like(padded)
    for k in range(3):
        dpadded[k : k + t] += w[k] * dpre
    return dpadded[2:], dw, dpre.sum(0)


causal_depthwise_conv.wrong("layout|index", "", ("+= w[k] * dpre", "+= w[2 - k] * dpre"))
causal_depthwise_conv.wrong("index", "", ("return dpadded[2:], dw", "return dpadded[1:-1], dw"))
causal_depthwise_conv.wrong("detached|missing-term|missing-factor", "silu", ("s * (1 + pre * expit(-pre))", "s"))
causal_depthwise_conv.wrong("missing-factor|other-argument", "", ("dout * s * (1 + pre * expit(-pre))", "dout"))
causal_depthwise_conv.wrong("missing-term|other-argument", "", ("pre = b + sum", "pre = sum"))
causal_depthwise_conv.wrong(
    "reduction|missing-term|detached", "", ("dpadded[k : k + t] += w", "dpadded[k : k + t] = w")
)
causal_depthwise_conv.wrong(
    "layout|index",
    "",
    ("dw = np.stack([(dpre * padded[k : k + t])", "dw = np.stack([(dpre * padded[2 - k : 2 - k + t])"),
)


@layer("(c,2*h,2*w)->(c,h,w)")
def max_pool(x):
    c, h, w = x.shape
    blocks = x.reshape(c, h // 2, 2, w // 2, 2)
    return blocks.max((2, 4))


@max_pool.backward
def max_pool_backward(dout, x):
    dx = np.zeros_like(x)
    for i in range(2):
        for j in range(2):
            others = [x[:, a::2, b::2] for a in range(2) for b in range(2)]
            largest = np.max(others, axis=0)
            hit = x[:, i::2, j::2] == largest
            ties = np.sum([o == largest for o in others], axis=0)
            dx[:, i::2, j::2] = hit * dout / ties
    return dx


max_pool.wrong("operation", "max|min", ("np.max(others", "np.min(others"))
max_pool.wrong("operation|missing-factor", "", ("hit * dout / ties", "dout / 4"))
max_pool.wrong("region|missing-term", "", ("for i in range(2)", "for i in range(1)"))
max_pool.wrong("cotangent|missing-factor", "", ("hit * dout / ties", "hit / ties"))
max_pool.wrong("missing-factor", "", ("hit * dout / ties", "dout / ties"))
max_pool.wrong("index|region|layout", "", ("hit = x[:, i::2, j::2] ==", "hit = x[:, i::2, 1 - j :: 2] =="))


@layer("(c,n+2)->(c,n)")
def average_pool(x):
    n = x.shape[1] - 2
    total = x[:, :n] + x[:, 1 : n + 1] + x[:, 2:]
    mean = total / 3
    return mean * jnp.abs(mean)


@average_pool.backward
def average_pool_backward(dout, x):
    n = dout.shape[1]
    mean = (x[:, :n] + x[:, 1 : n + 1] + x[:, 2:]) / 3
    dmean = dout * 2 * np.abs(mean)
    dx = np.zeros_like(x)
    for k in range(3):
        dx[:, k : k + n] += dmean / 3
    return dx


average_pool.wrong("reduction|region", "", ("dx[:, k : k + n] += dmean", "dx[:, k : k + n] = dmean"))
average_pool.wrong("missing-factor|factor|constant", "", ("+= dmean / 3", "+= dmean"))
average_pool.wrong("missing-factor|constant|factor|detached", "", ("dout * 2 * np.abs(mean)", "dout * np.abs(mean)"))
average_pool.wrong("sign|operation", "", ("np.abs(mean)", "mean"))
average_pool.wrong("missing-term|reduction|detached", "", ("in range(3)", "in range(2)"))
average_pool.wrong("factor|constant", "", ("dmean / 3", "dmean / 2"))


@layer("(n+1,c)->(2*n+1,c)")
def upsample_linear(x):
    n = x.shape[0] - 1
    between = (x[1:] + x[:-1]) / 2
    out = jnp.zeros((2 * n + 1, x.shape[1]), x.dtype)
    out = out.at[::2].set(x)
    return out.at[1::2].set(between)


@upsample_linear.backward
def upsample_linear_backward(dout, x):
    dx = dout[::2].copy()
    dx[1:] += dout[1::2] / 2
    dx[:-1] += dout[1::2] / 2
    return dx


upsample_linear.wrong("reduction|missing-term", "", ("dx[1:] += dout", "dx[1:] = dout"))
upsample_linear.wrong("missing-term|detached", "", ("    dx[:-1] += dout[1::2] / 2\n", ""))
upsample_linear.wrong("missing-factor|constant|factor", "", ("dx[1:] += dout[1::2] / 2", "dx[1:] += dout[1::2]"))
upsample_linear.wrong("index|missing-term", "", ("dx[1:] += dout[1::2]", "dx[:-1] += dout[1::2]"))
upsample_linear.wrong("missing-term|detached", "", ("dx = dout[::2].copy()", "dx = np.zeros_like(x)"))
upsample_linear.wrong(
    "region|missing-term",
    "",
    ("dx[:-1] += dout[1::2] / 2", "dx[:-1] += dout[1::2] * (np.arange(len(x) - 1) % 32 < 31)[:, None] / 2"),
)
