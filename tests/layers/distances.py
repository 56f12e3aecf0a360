"""Losses of embeddings, margins and distances."""

import jax
import jax.numpy as jnp
import numpy as np

from identities.domains import boolean, index
from tests.layers.corpus import layer


@layer("(b,d),(b,d)->()", static={"temperature": 0.5, "eps": 1e-6})
def contrastive(x, y, temperature, eps):
    x_norm = jnp.sqrt((x * x).sum(-1, keepdims=True) + eps)
    y_norm = jnp.sqrt((y * y).sum(-1, keepdims=True) + eps)
    xn, yn = x / x_norm, y / y_norm
    logits = xn @ yn.T / temperature
    logp = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.diagonal(logp).mean()


@contrastive.backward
def contrastive_backward(dout, x, y, temperature=0.5, eps=1e-6):
    n = len(x)
    x_norm = np.sqrt((x * x).sum(-1, keepdims=True) + eps)
    y_norm = np.sqrt((y * y).sum(-1, keepdims=True) + eps)
    xn, yn = x / x_norm, y / y_norm
    logits = xn @ yn.T / temperature
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dlogits = dout * (p - np.eye(n)) / n / temperature
    dxn = dlogits @ yn
    dyn = dlogits.T @ xn
    dx = (dxn - xn * (dxn * xn).sum(-1, keepdims=True)) / x_norm
    dy = (dyn - yn * (dyn * yn).sum(-1, keepdims=True)) / y_norm
    return dx, dy


contrastive.wrong("detached|missing-term", "x_norm|norm", ("dxn - xn * (dxn * xn).sum(-1, keepdims=True)", "dxn"))
contrastive.wrong("detached|missing-term", "y_norm|norm", ("dyn - yn * (dyn * yn).sum(-1, keepdims=True)", "dyn"))
contrastive.wrong("factor|missing-factor|constant", "", (" / n / temperature", " / n"))
contrastive.wrong("transpose|layout", "", ("dlogits.T @ xn", "dlogits @ xn"))
contrastive.wrong("missing-factor", "", (" / y_norm\n    return", "\n    return"))
contrastive.wrong("zero|detached", "", ("return dx, dy", "return dx, 0 * dy"))
contrastive.wrong("index", "", ("np.eye(n)", "np.roll(np.eye(n), 1, 1)"))
contrastive.wrong("swapped", "", ("return dx, dy", "return dy, dx"))


@layer("(b,d),(b,d),(b,d)->()", static={"margin": 1.0})
def triplet(anchor, near, far, margin):
    to_near = anchor - near
    to_far = anchor - far
    excess = (to_near**2).sum(-1) - (to_far**2).sum(-1) + margin
    hinge = jnp.maximum(excess, 0)
    return hinge.mean()


@triplet.backward
def triplet_backward(dout, anchor, near, far, margin=1.0):
    to_near, to_far = anchor - near, anchor - far
    excess = (to_near**2).sum(-1) - (to_far**2).sum(-1) + margin
    active = (excess > 0)[:, None] * dout / len(anchor)
    danchor = 2 * active * (far - near)
    dnear = -2 * active * to_near
    dfar = 2 * active * to_far
    return danchor, dnear, dfar


triplet.wrong("missing-factor", "", ("(excess > 0)[:, None] * dout", "dout"))
triplet.wrong("constant|missing-term", "", ("(to_far**2).sum(-1) + margin", "(to_far**2).sum(-1)"))
triplet.wrong("sign", "", ("dnear = -2", "dnear = 2"))
triplet.wrong("missing-term|detached|other-argument", "", ("2 * active * (far - near)", "2 * active * to_near"))
triplet.wrong("sign|missing-factor", "", ("(to_near**2).sum(-1) - (to_far**2)", "(to_near**2).sum(-1) + (to_far**2)"))
triplet.wrong("swapped", "", ("return danchor, dnear, dfar", "return danchor, dfar, dnear"))
triplet.wrong("constant|factor|missing-factor", "", ("dfar = 2 * active", "dfar = active"))


@layer("(n,d),(d,k),(n)->()", static={"reg": 0.125}, y=index("k"))
def multiclass_hinge(x, w, y, reg):
    scores = x @ w
    correct = jnp.take_along_axis(scores, y[:, None], axis=1)
    margins = jnp.maximum(scores - correct + 1, 0)
    others = jnp.arange(w.shape[1]) != y[:, None]
    data = jnp.where(others, margins, 0).sum() / x.shape[0]
    return data + reg * (w * w).sum()


@multiclass_hinge.backward
def multiclass_hinge_backward(dout, x, w, y, reg):
    n = len(x)
    scores = x @ w
    margins = scores - scores[np.arange(n), y][:, None] + 1
    d = (margins > 0).astype(x.dtype)
    d[np.arange(n), y] = 0
    d[np.arange(n), y] = -d.sum(1)
    d *= dout / n
    dw = x.T @ d + 2 * dout * reg * w
    return d @ w.T, dw


multiclass_hinge.wrong("missing-term|detached", "", (" + 2 * dout * reg * w", ""))
multiclass_hinge.wrong("cotangent|missing-factor", "", ("2 * dout * reg", "2 * reg"))
multiclass_hinge.wrong("missing-factor|constant|detached|missing-term", "", ("2 * dout * reg", "dout * reg"))
multiclass_hinge.wrong("detached|missing-term", "correct|take_along_axis", ("y] = -d.sum(1)", "y] = 0"))
multiclass_hinge.wrong("constant|missing-term", "", ("[:, None] + 1", "[:, None]"))
multiclass_hinge.wrong("reduction|constant", "", ("y] = -d.sum(1)", "y] = -1"))
multiclass_hinge.wrong("missing-factor|factor|reduction", "", ("d *= dout / n", "d *= dout"))


@layer("(b,d),(b,d)->(b)", static={"eps": 1e-2})
def cosine_similarity(a, b, eps):
    dot = (a * b).sum(-1)
    na = jnp.sqrt((a * a).sum(-1) + eps)
    nb = jnp.sqrt((b * b).sum(-1) + eps)
    return dot / (na * nb)


@cosine_similarity.backward
def cosine_similarity_backward(dout, a, b, eps=1e-2):
    dot = (a * b).sum(-1, keepdims=True)
    na = np.sqrt((a * a).sum(-1, keepdims=True) + eps)
    nb = np.sqrt((b * b).sum(-1, keepdims=True) + eps)
    g = dout[:, None] / (na * nb)
    da = g * (b - dot * a / na**2)
    db = g * (a - dot * b / nb**2)
    return da, db


cosine_similarity.wrong("detached|missing-term", r"\bna\b", ("b - dot * a / na**2", "b"))
cosine_similarity.wrong("constant|missing-factor|factor", "", ("na**2", "na"))
cosine_similarity.wrong("other-argument", "", ("dot * b / nb**2", "dot * b / na**2"))
cosine_similarity.wrong("missing-factor|factor", "", ("dout[:, None] / (na * nb)", "dout[:, None] / na"))
cosine_similarity.wrong("cotangent|reduction", "", ("dout[:, None] / (na", "dout[:1, None] / (na"))
cosine_similarity.wrong("swapped", "", ("return da, db", "return db, da"))
cosine_similarity.wrong(
    "constant",
    r"eps|0\.01|1e-0?[28]",
    ("(b * b).sum(-1, keepdims=True) + eps", "(b * b).sum(-1, keepdims=True) + 1e-8"),
)


@layer("(n),(n),(n)->()", static={"delta": 1.5}, keep=boolean)
def huber_loss(prediction, target, keep, delta):
    r = prediction - target
    size = jnp.abs(r)
    losses = jnp.where(size <= delta, 0.5 * r**2, delta * (size - 0.5 * delta))
    kept = jnp.where(keep, losses, 0)
    return kept.sum() / prediction.shape[0]


@huber_loss.backward
def huber_loss_backward(dout, prediction, target, keep, delta):
    r = prediction - target
    d = np.where(np.abs(r) <= delta, r, delta * np.sign(r))
    d = np.where(keep, d, 0) * dout / len(r)
    return d, -d


huber_loss.wrong("missing-factor|constant|region", "", ("delta * np.sign(r)", "np.sign(r)"))
huber_loss.wrong("missing-factor|sign|region", "", ("delta * np.sign(r)", "delta"))
huber_loss.wrong("constant|factor|region|missing-factor", "", ("<= delta, r,", "<= delta, 2 * r,"))
huber_loss.wrong("sign|other-argument", "", ("return d, -d", "return d, d"))
huber_loss.wrong("constant", "", ("np.abs(r) <= delta", "np.abs(r) <= 1"))
huber_loss.wrong("missing-factor|region|other-argument", "", ("np.where(keep, d, 0)", "d"))
huber_loss.wrong("missing-factor|operation|region", "", ("np.abs(r) <= delta", "r <= delta"))


@layer("(n,d),(m,d)->(n,m)", static={"length": 2.0})
def gaussian_kernel(x, y, length):
    difference = x[:, None, :] - y[None, :, :]
    squares = (difference**2).sum(-1)
    return jnp.exp(-squares / (2 * length**2))


@gaussian_kernel.backward
def gaussian_kernel_backward(dout, x, y, length):
    difference = x[:, None] - y[None]
    k = np.exp(-(difference**2).sum(-1) / (2 * length**2))
    g = dout * k / length**2
    dx = -(g[..., None] * difference).sum(1)
    dy = (g[..., None] * difference).sum(0)
    return dx, dy


gaussian_kernel.wrong("constant|factor|missing-factor", "", ("k / length**2", "k / length"))
gaussian_kernel.wrong("constant|factor", "", ("k / length**2", "k / (2 * length**2)"))
gaussian_kernel.wrong("missing-factor", "", ("g = dout * k /", "g = dout /"))
gaussian_kernel.wrong("sign", "", ("dy = (g", "dy = -(g"))
gaussian_kernel.wrong("cotangent|missing-factor", "", ("g = dout * k", "g = k"))
gaussian_kernel.wrong("constant|missing-factor", "", ("(2 * length**2))", "length**2)"))
