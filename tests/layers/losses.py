"""Losses of logits."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from identities.domains import boolean, index
from tests.layers.corpus import layer


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@layer("(n,c),(c,k),(k),(n)->()", labels=index("k"))
def classifier(x, w, b, labels):
    logits = x @ w + b
    logp = jax.nn.log_softmax(logits, axis=-1)
    picked = jnp.take_along_axis(logp, labels[:, None], axis=1)
    return -picked.mean()


@classifier.backward
def classifier_backward(dout, x, w, b, labels):
    n = len(labels)
    logits = x @ w + b
    d = np.exp(logits - logits.max(1, keepdims=True))
    d /= d.sum(1, keepdims=True)
    d[np.arange(n), labels] -= 1
    d *= dout / n
    return d @ w.T, x.T @ d, d.sum(0)


classifier.wrong("missing-factor|factor|reduction|operation", "", ("d *= dout / n", "d *= dout"))
classifier.wrong("cotangent|missing-factor", "", ("d *= dout / n", "d /= n"))
classifier.wrong("index", "", ("labels] -= 1", "labels - 1] -= 1"))
classifier.wrong("missing-term|detached", "", ("d[np.arange(n), labels] -= 1", "pass"))
classifier.wrong(
    "detached|missing-term",
    "log_softmax|logp",
    ("    d /= d.sum(1, keepdims=True)\n", "    d = np.zeros_like(logits)\n"),
)
classifier.wrong("sign", "", ("labels] -= 1", "labels] += 1"))
classifier.wrong("reduction|factor|operation", "", ("d.sum(0)", "d.mean(0)"))
classifier.wrong("factor|constant|other-argument", "", ("dout / n", "dout / w.shape[1]"))
classifier.wrong(
    "region|missing-term|index|reduction", "", ("d[np.arange(n), labels] -= 1", "d[np.arange(n - 1), labels[:-1]] -= 1")
)


@layer("(n,k),(n)->()", static={"smoothing": 0.125}, labels=index("k"))
def label_smoothing(logits, labels, smoothing):
    k = logits.shape[-1]
    hot = jax.nn.one_hot(labels, k, dtype=logits.dtype)
    target = (1 - smoothing) * hot + smoothing / k
    logp = jax.nn.log_softmax(logits, axis=-1)
    return -(target * logp).sum(-1).mean()


@label_smoothing.backward
def label_smoothing_backward(dout, logits, labels, smoothing):
    n, k = logits.shape
    target = np.full((n, k), smoothing / k)
    target[np.arange(n), labels] += 1 - smoothing
    p = softmax(logits)
    return dout * (p - target) / n


label_smoothing.wrong("constant", "", ("smoothing / k)", "smoothing / max(k - 1, 1))"))
label_smoothing.wrong("reduction|missing-term", "", ("labels] += 1", "labels] = 1"))
label_smoothing.wrong("constant|missing-factor|missing-term", "", ("+= 1 - smoothing", "+= 1"))
label_smoothing.wrong("missing-factor|factor|reduction", "", ("(p - target) / n", "(p - target)"))
label_smoothing.wrong("index", "", ("np.arange(n), labels]", "np.arange(n), (labels + 1) % k]"))
label_smoothing.wrong("sign|factor", "", ("p - target", "target - p"))
label_smoothing.wrong("missing-term|constant", "", ("np.full((n, k), smoothing / k)", "np.zeros((n, k))"))


@layer("(n),(n)->()", static={"weight": 3.0}, y=boolean)
def binary_cross_entropy(x, y, weight):
    positive = jax.nn.softplus(-x)
    negative = jax.nn.softplus(x)
    losses = jnp.where(y, weight * positive, negative)
    return losses.mean()


@binary_cross_entropy.backward
def binary_cross_entropy_backward(dout, x, y, weight):
    d = np.where(y, -weight * expit(-x), expit(x))
    return dout * d / len(x)


binary_cross_entropy.wrong("missing-factor|constant|region", "", ("-weight * expit", "-expit"))
binary_cross_entropy.wrong("sign|region|constant", "", ("-weight", "weight"))
binary_cross_entropy.wrong("missing-factor|factor|reduction", "", ("d / len(x)", "d"))
binary_cross_entropy.wrong("other-argument|sign", "", ("expit(-x), expit(x)", "expit(x), expit(x)"))
binary_cross_entropy.wrong("cotangent|missing-factor", "", ("dout * d", "d"))
binary_cross_entropy.wrong("other-argument", "", ("expit(-x), expit(x)", "expit(-x) * expit(x), expit(x) * expit(-x)"))
binary_cross_entropy.wrong("region|missing-term|missing-factor|factor|detached", "", (", expit(x))", ", 0)"))


@layer("(n,k),(n,k)->()", static={"temperature": [2.0, 4.0]})
def distillation(student, teacher, temperature):
    q = jax.nn.softmax(teacher / temperature, axis=-1)
    logq = jax.nn.log_softmax(teacher / temperature, axis=-1)
    logp = jax.nn.log_softmax(student / temperature, axis=-1)
    divergence = (q * (logq - logp)).sum(-1)
    return temperature**2 * divergence.mean()


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


@distillation.backward
def distillation_backward(dout, student, teacher, temperature):
    n = len(student)
    logp, logq = log_softmax(student / temperature), log_softmax(teacher / temperature)
    p, q = np.exp(logp), np.exp(logq)
    scale = dout * temperature / n
    dstudent = scale * (p - q)
    gap = logq - logp
    dteacher = scale * q * (gap - (q * gap).sum(-1, keepdims=True))
    return dstudent, dteacher


distillation.wrong("factor|constant|missing-factor", "", ("dout * temperature / n", "dout * temperature**2 / n"))
distillation.wrong("missing-factor|factor|constant", "", ("dout * temperature / n", "dout / n"))
distillation.wrong("detached|missing-term", r"softmax|\bq\b|logq", (" - (q * gap).sum(-1, keepdims=True)", ""))
distillation.wrong("zero|detached", "", ("dteacher = scale", "dteacher = 0 * scale"))
distillation.wrong(
    "other-argument", "", ("dteacher = scale * q * (gap - (q * gap).sum(-1, keepdims=True))", "dteacher = -dstudent")
)
distillation.wrong("missing-factor", "", ("scale * q * (gap", "scale * (gap"))
distillation.wrong("swapped", "", ("return dstudent, dteacher", "return dteacher, dstudent"))
distillation.wrong("missing-factor|constant", "", ("log_softmax(student / temperature)", "log_softmax(student)"))


@layer("(n,k),(n)->()", static={"gamma": 2}, labels=index("k"))
def focal_loss(logits, labels, gamma):
    logp = jax.nn.log_softmax(logits, axis=-1)
    logpt = jnp.take_along_axis(logp, labels[:, None], axis=1)[:, 0]
    pt = jnp.exp(logpt)
    weight = (1 - pt) ** gamma
    return -(weight * logpt).mean()


@focal_loss.backward
def focal_loss_backward(dout, logits, labels, gamma):
    n = len(labels)
    rows = np.arange(n)
    shifted = logits - logits.max(1, keepdims=True)
    e = np.exp(shifted)
    p = e / e.sum(1, keepdims=True)
    logpt = shifted[rows, labels] - np.log(e.sum(1))
    pt = p[rows, labels]
    others = e.copy()
    others[rows, labels] = 0
    rest = others.sum(1) / e.sum(1)  # 1 - pt
    dlogpt = -(rest**gamma) + gamma * pt * rest ** (gamma - 1) * logpt
    direction = -p
    direction[rows, labels] = rest
    return dout / n * dlogpt[:, None] * direction


focal_loss.wrong("detached|missing-term", r"weight|\bpt\b", (" + gamma * pt * rest ** (gamma - 1) * logpt", ""))
focal_loss.wrong("missing-factor|constant", "", ("+ gamma * pt", "+ pt"))
focal_loss.wrong("missing-factor", "", ("+ gamma * pt * rest", "+ gamma * rest"))
focal_loss.wrong("constant|factor", "", ("rest ** (gamma - 1)", "rest**gamma"))
focal_loss.wrong("sign", "", ("+ gamma * pt", "- gamma * pt"))
focal_loss.wrong("missing-factor|factor|reduction", "", ("dout / n *", "dout *"))
focal_loss.wrong("index", "", ("logpt = shifted[rows, labels]", "logpt = shifted[rows, labels - 1]"))


@layer("(b,t,v),(b,t),(b,t)->()", targets=index("v"), mask=boolean)
def masked_language_model(logits, targets, mask):
    logz = jax.nn.logsumexp(logits, axis=-1)
    picked = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    nll = jnp.where(mask, logz - picked, 0)
    count = jnp.maximum(mask.sum(), 1)
    return nll.sum() / count


@masked_language_model.backward
def masked_language_model_backward(dout, logits, targets, mask):
    b, t, v = logits.shape
    d = softmax(logits).reshape(b * t, v)
    d[np.arange(b * t), targets.ravel()] -= 1
    d = d.reshape(b, t, v)
    count = max(mask.sum(), 1)
    return dout * d * mask[..., None] / count


masked_language_model.wrong("missing-factor|region", "", ("d * mask[..., None] / count", "d / count"))
masked_language_model.wrong(
    "other-argument|constant|reduction|factor", "", ("d * mask[..., None] / count", "d * mask[..., None] / (b * t)")
)
masked_language_model.wrong("index", "", ("targets.ravel()] -= 1", "np.roll(targets, -1, 1).ravel()] -= 1"))
masked_language_model.wrong("index", "", ("mask[..., None]", "np.roll(mask, 1, 1)[..., None]"))
masked_language_model.wrong("layout|transpose|index", "", ("targets.ravel()", "targets.T.ravel()"))
masked_language_model.wrong("missing-term|detached", "", ("targets.ravel()] -= 1", "targets.ravel()] -= 0"))
masked_language_model.wrong(
    "region|missing-term", "", ("d = d.reshape(b, t, v)", "d = d.reshape(b, t, v) * (np.arange(t) > 0)[:, None]")
)
