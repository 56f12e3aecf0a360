"""Layers and losses."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from scipy.special import expit, softmax

from identities.domains import Domain, distribution
from identities.oracle.asking import claim
from tests.reports.corpus import gradient, of_claim, vjp


def log_probabilities(x):
    return jax.nn.log_softmax(x)


logits = vjp("mlpack/mlpack#2360", log_probabilities, "x", "(n)->(n)", lambda g, x: g - softmax(x) * g.sum())
logits.wrong("cotangent|missing-factor|sign", lambda g, x: g + softmax(x))


def layer_norm(x, scale):
    centred = x - x.mean()
    return scale * centred / jnp.sqrt((centred**2).mean() + 1e-5)


def layer_norm_backward(g, x, scale, times=1):
    r = 1 / np.sqrt(x.var() + 1e-5)
    h = (x - x.mean()) * r
    d = g * scale
    return r * (d - times * d.mean() - h * (d * h).mean())


subtracted = vjp("tenstorrent/tt-metal#53204", layer_norm, "x", "(n),(n)->(n)", layer_norm_backward)
subtracted.wrong("factor", functools.partial(layer_norm_backward, times=2))


def layer_norm_of_sequences(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def sequences_backward(g, x):
    r = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    h = (x - x.mean(-1, keepdims=True)) * r
    return r * (g - g.mean(-1, keepdims=True) - h * (g * h).mean(-1, keepdims=True))


def as_two_axes(g, x):
    return sequences_backward(g.reshape(len(x), -1), x.reshape(len(x), -1)).reshape(x.shape)


sequences = vjp("flagos-ai/FlagGems#5392", layer_norm_of_sequences, "x", "(b,s,h)->(b,s,h)", sequences_backward)
sequences.wrong("reduction", as_two_axes)


def sum_and_its_norm(residual, x):
    total = residual + x
    return jnp.stack([total, total / jnp.sqrt((total**2).mean() + 1e-5)])


def rms_backward(g, x):
    r = 1 / np.sqrt((x**2).mean() + 1e-5)
    return r * g - x * r**3 * (g * x).mean()


pre_norm = vjp(
    "Dao-AILab/quack#53",
    sum_and_its_norm,
    "x",
    "(n),(n)->(2,n)",
    lambda g, residual, x: g[0] + rms_backward(g[1], residual + x),
)
pre_norm.wrong("cotangent", lambda g, residual, x: rms_backward(g[0] + g[1], residual + x))


def rms_norm(x, scale):
    return scale * x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


def scale_backward(g, x, scale, terms: Any = np.float32):
    wide = x.astype(np.float32)
    h = wide / np.sqrt((wide**2).mean(-1, keepdims=True) + np.float32(1e-5))
    return (g.astype(np.float32) * h).astype(terms).astype(np.float32).sum(0).astype(x.dtype)


halves = of_claim(
    "linkedin/Liger-Kernel#1253",
    claim("vjp", rms_norm, "scale", "(b,n),(n)->(b,n)", None),
    scale_backward,
    dtypes=("float16",),
    shapes=5,
    instances=128,
)
halves.wrong("precision", functools.partial(scale_backward, terms=ml_dtypes.bfloat16))


def row_losses(x, y):
    return -(y * jax.nn.log_softmax(x)).sum(-1)


unreduced = vjp(
    "linkedin/Liger-Kernel#680",
    row_losses,
    "x",
    "(b,k),(b,k)->(b)",
    lambda g, x, y: g[:, None] * (softmax(x, -1) - y),
    y=distribution,
)
unreduced.wrong("cotangent", lambda g, x, y: g[0] * (softmax(x, -1) - y))


def loss_of_some(x, labels):
    """Labels are whole numbers in floating point; rows with a negative one are ignored."""
    whole = jnp.round(labels)
    kept = whole >= 0
    at = (whole.astype(int) % x.shape[1])[:, None]
    own = jnp.take_along_axis(jax.nn.log_softmax(x), at, 1)[:, 0]
    return -jnp.where(kept, own, 0).sum() / jnp.maximum(kept.sum(), 1)


def loss_of_some_gradient(x, labels, guarded=True):
    b, k = x.shape
    kept = labels >= 0
    share = 1 / max(kept.sum(), 1)
    flat = (softmax(x, -1) * kept[:, None] * share).ravel()
    for row in range(b):
        if kept[row]:
            flat[row * k + int(labels[row]) % k] -= share
        elif row and not guarded:
            flat[row * k - 1] = 0  # the place of label -1 is the last one of the row before
    return flat.reshape(b, k)


some_ignored = Domain(
    "whole numbers, some of them -100",
    lambda z: np.where(z < -0.5, -100, np.floor(np.abs(4 * z))),
    lambda labels: jnp.array(True),
)
ignored = gradient(
    "flagos-ai/FlagGems#5025", loss_of_some, "x", "(b,k),(b)->()", loss_of_some_gradient, labels=some_ignored
)
ignored.wrong("region|index", functools.partial(loss_of_some_gradient, guarded=False))


def attention(q, k, v):
    return jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[1])) @ v


def queries_backward(g, q, k, v, block=1):
    size = -(-q.shape[1] // block) * block
    p = softmax(q @ k.T / np.sqrt(size), -1)
    dp = g @ v.T
    return p * (dp - (dp * p).sum(1, keepdims=True)) @ k / np.sqrt(size)


padded = vjp("tile-ai/tilelang-ascend#1670", attention, "q", "(q,d),(k,d),(k,v)->(q,v)", queries_backward)
padded.wrong("constant", functools.partial(queries_backward, block=4))


def strided_convolution(x, w):
    return jnp.stack([x[i : i + 3] @ w for i in range(0, x.shape[0] - 2, 2)])


def strided_backward(g, x, w, stride=2):
    found = np.zeros_like(x)
    for i, by in enumerate(g):
        found[stride * i : stride * i + 3] += by * w
    return found


strides = vjp("Kulbear/deep-learning-coursera#34", strided_convolution, "x", "(2*n+1),(3)->(n)", strided_backward)
strides.wrong("index", functools.partial(strided_backward, stride=1))

_SYMBOLS = [0, 1, 0]  # a blank, the only label, and a blank again


def alignment_loss(lp):
    """CTC, by forward recursion."""
    alpha = [lp[0, 0], lp[0, 1], jnp.array(-1e30)]
    for row in lp[1:]:
        before = [alpha[:1], alpha[:2], alpha[1:]]
        alpha = [jax.nn.logsumexp(jnp.stack(b)) + row[s] for b, s in zip(before, _SYMBOLS, strict=True)]
    return -jnp.logaddexp(alpha[1], alpha[2])


def alignment_gradient(lp, by_logits=False):
    """Minus how probable each symbol is at each time, from both recursions."""
    steps = len(lp)
    forward, backward = np.full((2, steps, 3), -np.inf)
    forward[0, :2], backward[-1, 1:] = lp[0, :2], 0
    for t in range(1, steps):
        entered = np.append(-np.inf, forward[t - 1, :-1])
        forward[t] = np.logaddexp(forward[t - 1], entered) + lp[t, _SYMBOLS]
    for t in reversed(range(steps - 1)):
        stayed = backward[t + 1] + lp[t + 1, _SYMBOLS]
        backward[t] = np.logaddexp(stayed, np.append(stayed[1:], -np.inf))
    posterior = np.exp(forward + backward - np.logaddexp(*forward[-1, 1:]))
    found = np.zeros_like(lp)
    np.add.at(found.T, _SYMBOLS, -posterior.T)
    return found + np.exp(lp) if by_logits else found


alignments = gradient("pytorch/pytorch#52241", alignment_loss, "lp", "(t,3)->()", alignment_gradient)
alignments.wrong("missing-term", functools.partial(alignment_gradient, by_logits=True))


def squared_error_of_sigmoid(x, y):
    return jnp.mean((jax.nn.sigmoid(x) - y) ** 2)


def sigmoid_hessian(x, y, curved=1):
    s, slope = expit(x), expit(x) * expit(-x)
    return np.diag(2 / len(x) * (slope**2 + curved * (s - y) * slope * (expit(-x) - s)))


hessian = gradient(
    "tensorflow/tensorflow#3767", jax.grad(squared_error_of_sigmoid), "x", "(n),(n)->(n)", sigmoid_hessian
)
hessian.wrong("detached|missing-term", functools.partial(sigmoid_hessian, curved=0))
