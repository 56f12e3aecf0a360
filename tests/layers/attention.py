"""Attention and what belongs to it."""

import jax
import jax.numpy as jnp
import numpy as np

from identities.domains import boolean
from tests.layers.corpus import layer


@layer("(h,t,d),(h,t,d),(h,t,d)->(h,t,d)")
def causal_attention(q, k, v):
    t, d = q.shape[1:]
    scale = 1 / np.sqrt(d)
    scores = jnp.einsum("htd,hsd->hts", q, k) * scale
    mask = jnp.tril(jnp.ones((t, t), bool))
    masked = jnp.where(mask, scores, -1e30)
    largest = jax.lax.stop_gradient(masked.max(-1, keepdims=True))
    e = jnp.exp(masked - largest)
    total = e.sum(-1, keepdims=True)
    p = e / total
    return jnp.einsum("hts,hsd->htd", p, v)


@causal_attention.backward
def causal_attention_backward(dout, q, k, v):
    heads, t, d = q.shape
    scale = 1 / np.sqrt(d)
    mask = np.tril(np.ones((t, t), bool))
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for h in range(heads):
        s = np.where(mask, q[h] @ k[h].T * scale, -np.inf)
        p = np.exp(s - s.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        dp = dout[h] @ v[h].T
        ds = p * (dp - (dp * p).sum(-1, keepdims=True))
        dq[h] = ds @ k[h] * scale
        dk[h] = ds.T @ q[h] * scale
        dv[h] = p.T @ dout[h]
    return dq, dk, dv


causal_attention.wrong("missing-factor|factor|constant", "", ("dq[h] = ds @ k[h] * scale", "dq[h] = ds @ k[h]"))
causal_attention.wrong("constant|operation", "", ("scale = 1 / np.sqrt(d)", "scale = 1 / d"))
causal_attention.wrong("detached|missing-term", r"total|sum", ("dp - (dp * p).sum(-1, keepdims=True)", "dp"))
causal_attention.wrong("operation|reduction", "", ("(dp * p).sum(", "(dp * p).mean("))
causal_attention.wrong("index", "", ("np.ones((t, t), bool))", "np.ones((t, t), bool), 1)"))
causal_attention.wrong(
    "missing-factor|other-argument|operation",
    "",
    ("np.where(mask, q[h] @ k[h].T * scale, -np.inf)", "q[h] @ k[h].T * scale"),
)
causal_attention.wrong("region|missing-term|reduction", "", ("in range(heads)", "in range(1)"))
causal_attention.wrong("transpose|layout", "", ("ds.T @ q[h]", "ds @ q[h]"))
causal_attention.wrong("transpose|layout", "", ("p.T @ dout[h]", "p @ dout[h]"))
causal_attention.wrong("swapped", "", ("return dq, dk, dv", "return dk, dq, dv"))


@layer("(t,d),(s,d),(s,e),(s)->(t,e)", mask=boolean)
def padded_attention(q, k, v, mask):
    scores = q @ k.T / jnp.sqrt(q.shape[-1])
    masked = jnp.where(mask, scores, -1e9)
    p = jax.nn.softmax(masked, axis=-1)
    return p @ v


@padded_attention.backward
def padded_attention_backward(dout, q, k, v, mask):
    d = q.shape[-1]
    s = np.where(mask, q @ k.T / np.sqrt(d), -1e9)
    p = np.exp(s - s.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    dv = p.T @ dout
    dp = dout @ v.T
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    ds = np.where(mask, ds, 0) / np.sqrt(d)
    return ds @ k, ds.T @ q, dv


padded_attention.wrong("region|missing-factor", "", ("np.where(mask, ds, 0)", "ds"))  # where nothing is attended to
padded_attention.wrong(
    "missing-factor|other-argument|operation",
    "",
    ("np.where(mask, q @ k.T / np.sqrt(d), -1e9)", "q @ k.T / np.sqrt(d)"),
)
padded_attention.wrong("operation|other-argument", "", ("np.where(mask, q @", "np.where(~mask, q @"))
padded_attention.wrong("detached|missing-term", r"softmax|\bp\b", ("dp - (p * dp).sum(-1, keepdims=True)", "dp"))
padded_attention.wrong("missing-factor|other-argument", "", ("ds = p * (dp", "ds = (dp"))
padded_attention.wrong("factor|constant", "", ("np.where(mask, ds, 0) / np.sqrt(d)", "np.where(mask, ds, 0) / d"))
padded_attention.wrong("factor|constant", "", ("dp = dout @ v.T", "dp = dout @ v.T / np.sqrt(d)"))
padded_attention.wrong("other-argument", "", ("dv = p.T @ dout", "dv = s.T @ dout"))


@layer("(t,d),(t,d),(t,d)->(t,d)", static={"window": [2, 3]})
def sliding_attention(q, k, v, window):
    t, d = q.shape
    scores = (q @ k.T) / jnp.sqrt(d)
    distance = jnp.arange(t)[:, None] - jnp.arange(t)[None, :]
    near = (distance >= 0) & (distance < window)
    masked = jnp.where(near, scores, -jnp.inf)
    p = jax.nn.softmax(masked, axis=-1)
    return p @ v


@sliding_attention.backward
def sliding_attention_backward(dout, q, k, v, window):
    t, d = q.shape
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for i in range(t):
        low = max(0, i - window + 1)
        near = slice(low, i + 1)
        s = k[near] @ q[i] / np.sqrt(d)
        p = np.exp(s - s.max())
        p /= p.sum()
        dp = v[near] @ dout[i]
        ds = p * (dp - p @ dp) / np.sqrt(d)
        dq[i] = ds @ k[near]
        dk[near] += np.outer(ds, q[i])
        dv[near] += np.outer(p, dout[i])
    return dq, dk, dv


sliding_attention.wrong("index|constant", "", ("i - window + 1", "i - window"))
sliding_attention.wrong("reduction", "", ("dk[near] += np", "dk[near] = np"))
sliding_attention.wrong("reduction", "", ("dv[near] += np", "dv[near] = np"))
sliding_attention.wrong(
    "region|index|reduction|missing-term|cotangent", "", ("for i in range(t)", "for i in range(max(t - 1, 1))")
)
sliding_attention.wrong("region|reduction|missing-term", "", ("for i in range(t)", "for i in range(min(t, 64))"))
sliding_attention.wrong("detached|missing-term", r"softmax|\bp\b", ("dp - p @ dp", "dp"))
sliding_attention.wrong("other-argument", "", ("np.outer(ds, q[i])", "np.outer(ds, k[i])"))
sliding_attention.wrong("swapped", "", ("return dq, dk, dv", "return dq, dv, dk"))


@layer("(t,c),(c,d),(c,d),(c,d),(d,c)->(t,c)")
def self_attention_block(x, wq, wk, wv, wo):
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T * q.shape[-1] ** -0.5
    p = jax.nn.softmax(scores, axis=-1)
    mixed = p @ v
    return x + mixed @ wo


@self_attention_block.backward
def self_attention_block_backward(dout, x, wq, wk, wv, wo):
    q, k, v = x @ wq, x @ wk, x @ wv
    scale = 1 / np.sqrt(q.shape[-1])
    s = q @ k.T * scale
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    mixed = p @ v
    dwo = mixed.T @ dout
    dmixed = dout @ wo.T
    dv = p.T @ dmixed
    dp = dmixed @ v.T
    ds = p * (dp - (dp * p).sum(1, keepdims=True)) * scale
    dq, dk = ds @ k, ds.T @ q
    dx = dout + dq @ wq.T + dk @ wk.T + dv @ wv.T
    return dx, x.T @ dq, x.T @ dk, x.T @ dv, dwo


self_attention_block.wrong("missing-term|detached", r"", ("dx = dout + dq", "dx = dq"))
self_attention_block.wrong("missing-term|detached", r"", (" + dk @ wk.T", ""))
self_attention_block.wrong("missing-term|detached", r"", (" + dv @ wv.T", ""))
self_attention_block.wrong("other-argument", "", ("dk @ wk.T", "dk @ wq.T"))
self_attention_block.wrong(
    "swapped|other-argument", "", ("x.T @ dq, x.T @ dk, x.T @ dv", "x.T @ dk, x.T @ dq, x.T @ dv")
)
self_attention_block.wrong("reduction", "", ("(dp * p).sum(1, keepdims=True)", "(dp * p).sum(0, keepdims=True)"))
self_attention_block.wrong("other-argument|missing-factor", "", ("mixed.T @ dout", "v.T @ dout"))
self_attention_block.wrong("zero|detached", "", ("x.T @ dq, x.T @ dk, x.T @ dv", "x.T @ dq, 0 * wk, x.T @ dv"))


@layer("(t,h,2*p),(t,h,2*p),(t,p),(t,p)->(t,h,2*p),(t,h,2*p)", wrt=("q", "k"))
def rotary(q, k, cos, sin):
    c, s = cos[:, None], sin[:, None]
    q1, q2 = jnp.split(q, 2, axis=-1)
    k1, k2 = jnp.split(k, 2, axis=-1)
    q_turned = jnp.concatenate([q1 * c - q2 * s, q2 * c + q1 * s], axis=-1)
    k_turned = jnp.concatenate([k1 * c - k2 * s, k2 * c + k1 * s], axis=-1)
    return q_turned, k_turned


@rotary.backward
def rotary_backward(dq_out, dk_out, q, k, cos, sin):
    c, s = cos[:, None], sin[:, None]
    half = cos.shape[-1]
    dq, dk = np.empty_like(q), np.empty_like(k)
    a, b = dq_out[..., :half], dq_out[..., half:]
    dq[..., :half] = a * c + b * s
    dq[..., half:] = b * c - a * s
    a, b = dk_out[..., :half], dk_out[..., half:]
    dk[..., :half] = a * c + b * s
    dk[..., half:] = b * c - a * s
    return dq, dk


rotary.wrong(
    "sign|transpose",
    "",
    ("dq[..., :half] = a * c + b * s", "dq[..., :half] = a * c - b * s"),
    ("dq[..., half:] = b * c - a * s", "dq[..., half:] = b * c + a * s"),
)
rotary.wrong("sign", "", ("dk[..., half:] = b * c - a * s", "dk[..., half:] = b * c + a * s"))
rotary.wrong("missing-term|detached", "", ("dq[..., half:] = b * c - a * s", "dq[..., half:] = b * c"))
rotary.wrong(
    "other-argument|cotangent",
    "",
    ("a, b = dk_out[..., :half], dk_out[..., half:]", "a, b = dq_out[..., :half], dq_out[..., half:]"),
)
rotary.wrong("swapped", "", ("return dq, dk", "return dk, dq"))
rotary.wrong("other-argument|operation", "", ("dk[..., :half] = a * c + b * s", "dk[..., :half] = a * s + b * c"))
rotary.wrong("returned", "", ("return dq, dk", "return dq, dk_out"))
rotary.wrong(
    "index",
    "",
    ("c, s = cos[:, None], sin[:, None]", "c, s = np.roll(cos, 1, 0)[:, None], np.roll(sin, 1, 0)[:, None]"),
)
