"""Tables, gathers, scatters, and what is sampled between entries."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from identities.domains import boolean, index
from tests.layers.corpus import layer


@layer("(v,d),(t,d),(b,t)->(b,t,d)", static={"scale": 2.0}, ids=index("v"))
def embedding(table, positions, ids, scale):
    rows = table[ids]
    return rows * scale + positions


@embedding.backward
def embedding_backward(dout, table, positions, ids, scale):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dout * scale)
    dpositions = dout.sum(0)
    return dtable, dpositions


embedding.wrong("reduction", "", ("np.add.at(dtable, ids, dout * scale)", "dtable[ids] = dout * scale"))
embedding.wrong("reduction", "", ("np.add.at(dtable, ids, dout * scale)", "dtable[ids] += dout * scale"))
embedding.wrong("missing-factor|factor|constant", "", ("dout * scale)", "dout)"))
embedding.wrong("reduction|factor|operation", "", ("dout.sum(0)", "dout.mean(0)"))
embedding.wrong("reduction", "", ("dout.sum(0)", "dout[0].copy()"))
embedding.wrong(
    "region|missing-term", "", ("dtable, ids, dout * scale)", "dtable, ids, dout * scale * (ids != 0)[..., None])")
)
embedding.wrong("index", "", ("dtable, ids, dout", "dtable, ids - 1, dout"))
embedding.wrong("region|reduction", "", ("dtable, ids, dout * scale", "dtable, ids[:, :32], dout[:, :32] * scale"))


@layer("(n,d),(e),(e),(e)->(n,d)", source=index("n"), target=index("n"))
def message_passing(x, weight, source, target):
    messages = x[source] * weight[:, None]
    gathered = jnp.zeros_like(x).at[target].add(messages)
    return x + gathered


@message_passing.backward
def message_passing_backward(dout, x, weight, source, target):
    dmessages = dout[target]
    dx = dout.copy()
    np.add.at(dx, source, dmessages * weight[:, None])
    dweight = (dmessages * x[source]).sum(-1)
    return dx, dweight


message_passing.wrong("missing-term|detached", "", ("dx = dout.copy()", "dx = np.zeros_like(x)"))
message_passing.wrong(
    "reduction", "", ("np.add.at(dx, source, dmessages * weight[:, None])", "dx[source] += dmessages * weight[:, None]")
)
message_passing.wrong("other-argument|transpose|layout", "", ("np.add.at(dx, source,", "np.add.at(dx, target,"))
message_passing.wrong("other-argument", "", ("dmessages = dout[target]", "dmessages = dout[source]"))
message_passing.wrong("missing-factor", "", ("dmessages * weight[:, None]", "dmessages"))
message_passing.wrong("other-argument", "", ("x[source]", "x[target]"))
message_passing.wrong(
    "operation|reduction|factor", "", ("(dmessages * x[source]).sum(-1)", "(dmessages * x[source]).mean(-1)")
)


@layer("(n,d),(n),(k)->(k,d)", segment=index("k"))
def segment_mean(x, segment, bias):
    k = bias.shape[0]
    sums = jnp.zeros((k, x.shape[1]), x.dtype).at[segment].add(x)
    counts = jnp.zeros(k, x.dtype).at[segment].add(1)
    means = sums / jnp.maximum(counts, 1)[:, None]
    return means + bias[:, None]


@segment_mean.backward
def segment_mean_backward(dout, x, segment, bias):
    counts = np.bincount(segment, minlength=len(bias))
    shares = dout / np.maximum(counts, 1)[:, None]
    dx = shares[segment]
    dbias = dout.sum(-1)
    return dx, dbias


segment_mean.wrong("missing-factor|other-argument", "counts", ("shares[segment]", "dout[segment]"))
segment_mean.wrong("constant|operation", "", ("np.maximum(counts, 1)", "(counts + 1)"))
segment_mean.wrong("index", "", ("shares[segment]", "shares[segment - 1]"))
segment_mean.wrong("reduction|factor|operation", "", ("dout.sum(-1)", "dout.mean(-1)"))
segment_mean.wrong("other-argument|factor", "", ("dbias = dout.sum(-1)", "dbias = shares.sum(-1)"))
segment_mean.wrong("region|missing-factor", "", ("dbias = dout.sum(-1)", "dbias = dout.sum(-1) * (counts > 0)"))


@layer("(h+1,w+1),(p),(p),(p),(p)->(p)", i=index("h"), j=index("w"))
def bilinear_sample(image, fy, fx, i, j):
    top = image[i, j] * (1 - fx) + image[i, j + 1] * fx
    bottom = image[i + 1, j] * (1 - fx) + image[i + 1, j + 1] * fx
    return top * (1 - fy) + bottom * fy


@bilinear_sample.backward
def bilinear_sample_backward(dout, image, fy, fx, i, j):
    dimage = np.zeros_like(image)
    np.add.at(dimage, (i, j), dout * (1 - fy) * (1 - fx))
    np.add.at(dimage, (i, j + 1), dout * (1 - fy) * fx)
    np.add.at(dimage, (i + 1, j), dout * fy * (1 - fx))
    np.add.at(dimage, (i + 1, j + 1), dout * fy * fx)
    a, b, c, d = image[i, j], image[i, j + 1], image[i + 1, j], image[i + 1, j + 1]
    dfy = dout * ((c - a) * (1 - fx) + (d - b) * fx)
    dfx = dout * ((b - a) * (1 - fy) + (d - c) * fy)
    return dimage, dfy, dfx


bilinear_sample.wrong(
    "reduction", "", ("np.add.at(dimage, (i + 1, j + 1), dout * fy * fx)", "dimage[i + 1, j + 1] += dout * fy * fx")
)
bilinear_sample.wrong(
    "other-argument|transpose|layout",
    "",
    ("(i, j + 1), dout * (1 - fy) * fx", "(i, j + 1), dout * fy * (1 - fx)"),
    ("(i + 1, j), dout * fy * (1 - fx)", "(i + 1, j), dout * (1 - fy) * fx"),
)
bilinear_sample.wrong("missing-term|detached", "", ("    np.add.at(dimage, (i + 1, j + 1), dout * fy * fx)\n", ""))
bilinear_sample.wrong("sign", "", ("(b - a) * (1 - fy) + (d - c)", "(b - a) * (1 - fy) - (d - c)"))
bilinear_sample.wrong("missing-factor|missing-term", "", ("((c - a) * (1 - fx)", "((c - a)"))
bilinear_sample.wrong("swapped", "", ("return dimage, dfy, dfx", "return dimage, dfx, dfy"))
bilinear_sample.wrong("missing-term|detached", "", ("((c - a) * (1 - fx) + (d - b) * fx)", "(-a * (1 - fx) - b * fx)"))


@layer("(t,d),(d,k),(t,k,d)->(t,d)")
def mixture_gate(x, wg, experts):
    logits = x @ wg
    gate = jax.nn.softmax(logits, axis=-1)
    return (gate[:, :, None] * experts).sum(1)


@mixture_gate.backward
def mixture_gate_backward(dout, x, wg, experts):
    logits = x @ wg
    gate = np.exp(logits - logits.max(-1, keepdims=True))
    gate /= gate.sum(-1, keepdims=True)
    dgate = (dout[:, None] * experts).sum(-1)
    dlogits = gate * (dgate - (gate * dgate).sum(-1, keepdims=True))
    dexperts = gate[:, :, None] * dout[:, None]
    return dlogits @ wg.T, x.T @ dlogits, dexperts


mixture_gate.wrong("detached|missing-term", "softmax|gate", ("dgate - (gate * dgate).sum(-1, keepdims=True)", "dgate"))
mixture_gate.wrong(
    "missing-factor", "gate", ("dexperts = gate[:, :, None] * dout[:, None]", "dexperts = 0 * experts + dout[:, None]")
)
mixture_gate.wrong("missing-factor", "", ("dlogits = gate * (", "dlogits = ("))
mixture_gate.wrong("zero|detached", "", ("return dlogits @ wg.T,", "return 0 * x,"))
mixture_gate.wrong(
    "operation|reduction|factor", "", ("(dout[:, None] * experts).sum(-1)", "(dout[:, None] * experts).mean(-1)")
)
mixture_gate.wrong("reduction", "", ("(gate * dgate).sum(-1, keepdims=True)", "(gate * dgate)[:, :1]"))


@layer("(t,d),(t),(d)->()", mask=boolean)
def masked_mean_pool(x, mask, w):
    weights = mask.astype(x.dtype)
    count = jnp.maximum(weights.sum(), 1)
    pooled = (x * weights[:, None]).sum(0) / count
    score = pooled @ w
    return jax.nn.softplus(score)


@masked_mean_pool.backward
def masked_mean_pool_backward(dout, x, mask, w):
    count = max(mask.sum(), 1)
    pooled = x[mask].sum(0) / count
    score = pooled @ w
    dscore = dout * expit(score)
    dx = mask[:, None] * (dscore * w) / count
    return dx, dscore * pooled


masked_mean_pool.wrong(
    "other-argument|constant|reduction|factor", "", ("(dscore * w) / count", "(dscore * w) / len(x)")
)
masked_mean_pool.wrong("missing-factor", "mask|weights", ("mask[:, None] * (dscore", "np.ones_like(x) * (dscore"))
masked_mean_pool.wrong("missing-factor", "", ("dscore = dout * expit(score)", "dscore = dout"))
masked_mean_pool.wrong("other-argument", "", ("dout * expit(score)", "dout * expit(score) * expit(-score)"))
masked_mean_pool.wrong("region|index", "", ("mask[:, None] *", "(mask & (np.arange(len(x)) < len(x) - 1))[:, None] *"))
masked_mean_pool.wrong("other-argument|missing-factor|region", "", ("dscore * pooled", "dscore * x.mean(0)"))
