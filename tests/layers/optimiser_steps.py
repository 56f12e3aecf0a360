"""Steps of an optimiser, differentiated, and losses with penalties."""

import jax.numpy as jnp
import numpy as np

from identities.domains import positive
from tests.layers.corpus import layer


@layer("(p),(p),(n,p),(n)->(p),(p)", static={"lr": 0.25, "momentum": 0.75, "decay": 0.125})
def momentum_step(w, velocity, x, y, lr, momentum, decay):
    residual = x @ w - y
    gradient = x.T @ residual / x.shape[0] + decay * w
    moved = momentum * velocity + gradient
    return w - lr * moved, moved


@momentum_step.backward
def momentum_step_backward(dw_new, dmoved, w, velocity, x, y, lr, momentum, decay):
    n = len(x)
    residual = x @ w - y
    total = dmoved - lr * dw_new
    dresidual = x @ total / n
    dw = dw_new + x.T @ dresidual + decay * total
    dx = np.outer(dresidual, w) + np.outer(residual, total) / n
    return dw, momentum * total, dx, -dresidual


momentum_step.wrong("missing-term|detached", "", ("dw = dw_new + x.T", "dw = x.T"))
momentum_step.wrong("missing-term|detached", "", (" + decay * total", ""))
momentum_step.wrong("cotangent|missing-term|detached", "", ("total = dmoved - lr * dw_new", "total = -lr * dw_new"))
momentum_step.wrong("sign", "", ("dmoved - lr", "dmoved + lr"))
momentum_step.wrong(
    "detached|missing-term",
    "residual",
    ("np.outer(dresidual, w) + np.outer(residual, total) / n", "np.outer(residual, total) / n"),
)
momentum_step.wrong(
    "other-argument|missing-term",
    "",
    ("np.outer(dresidual, w)", "np.outer(dresidual, w - lr * (momentum * velocity + x.T @ residual / n + decay * w))"),
)
momentum_step.wrong("missing-factor|factor|reduction", "", ("dresidual = x @ total / n", "dresidual = x @ total"))
momentum_step.wrong("missing-factor|factor|constant", "", ("momentum * total, dx", "total, dx"))


@layer("(n),(n),(n),(n)->(n),(n),(n)", static={"lr": 0.5, "b1": 0.75, "b2": 0.875, "eps": 1e-3}, v=positive)
def adam_step(w, m, v, g, lr, b1, b2, eps):
    m_new = b1 * m + (1 - b1) * g
    v_new = b2 * v + (1 - b2) * g**2
    root = jnp.sqrt(v_new)
    w_new = w - lr * m_new / (root + eps)
    return w_new, m_new, v_new


@adam_step.backward
def adam_step_backward(dw_new, dm_new, dv_new, w, m, v, g, lr, b1, b2, eps):
    m_new = b1 * m + (1 - b1) * g
    root = np.sqrt(b2 * v + (1 - b2) * g**2)
    d = root + eps
    dm = dm_new - lr * dw_new / d
    dv = dv_new + lr * dw_new * m_new / d**2 / (2 * root)
    dg = (1 - b1) * dm + (1 - b2) * 2 * g * dv
    return dw_new.copy(), b1 * dm, b2 * dv, dg


adam_step.wrong(
    "detached|missing-term|cotangent",
    "v_new|root",
    ("dv = dv_new + lr * dw_new * m_new / d**2 / (2 * root)", "dv = dv_new"),
)
adam_step.wrong("detached|missing-term", "v_new", (" + (1 - b2) * 2 * g * dv", ""))
adam_step.wrong("other-argument", "", ("dw_new * m_new / d**2", "dw_new * m / d**2"))
adam_step.wrong("missing-factor|constant", "", ("/ d**2 /", "/ d /"))
adam_step.wrong("constant", "eps|1e-0?[38]|0.001", ("d = root + eps", "d = root + 1e-8"))
adam_step.wrong("cotangent|missing-term|detached", "", ("dv = dv_new + lr", "dv = lr"))
adam_step.wrong("missing-factor|constant", "", ("(1 - b2) * 2 * g * dv", "(1 - b2) * g * dv"))
adam_step.wrong("constant|other-argument|factor", "", ("dg = (1 - b1) * dm", "dg = b1 * dm"))
adam_step.wrong("swapped", "", ("b1 * dm, b2 * dv, dg", "b2 * dv, b1 * dm, dg"))


@layer("(n),(n),(n),(n)->(n)", static={"lr": 0.25, "decay": 0.5, "eps": 1e-6}, scale=positive)
def normalised_step(w, g, scale, noise, lr, decay, eps):
    noisy = g + scale * noise
    norm = jnp.sqrt((noisy**2).sum() + eps)
    direction = noisy / norm
    return (1 - lr * decay) * w - lr * direction


@normalised_step.backward
def normalised_step_backward(dout, w, g, scale, noise, lr, decay, eps):
    noisy = g + scale * noise
    norm = np.sqrt((noisy**2).sum() + eps)
    direction = noisy / norm
    ddirection = -lr * dout
    dnoisy = (ddirection - direction * (direction @ ddirection)) / norm
    return (1 - lr * decay) * dout, dnoisy, dnoisy * noise, dnoisy * scale


normalised_step.wrong(
    "detached|missing-term", "norm", ("ddirection - direction * (direction @ ddirection)", "ddirection")
)
normalised_step.wrong("missing-factor", "", ("(direction @ ddirection)) / norm", "(direction @ ddirection))"))
normalised_step.wrong("sign", "", ("ddirection = -lr * dout", "ddirection = lr * dout"))
normalised_step.wrong(
    "constant|factor|missing-factor", "", ("return (1 - lr * decay) * dout", "return (1 - decay) * dout")
)
normalised_step.wrong(
    "returned|constant|factor|missing-factor", "", ("return (1 - lr * decay) * dout", "return dout.copy()")
)
normalised_step.wrong(
    "swapped|other-argument", "", ("dnoisy * noise, dnoisy * scale", "dnoisy * scale, dnoisy * noise")
)
normalised_step.wrong("missing-factor|other-argument", "", ("dnoisy * noise, dnoisy * scale", "dnoisy * noise, dnoisy"))


@layer("(p),(n,p),(n)->()", static={"l2": 0.5, "delta": 1.0})
def ridge_loss(w, x, y, l2, delta):
    prediction = x @ w
    error = prediction - y
    fit = (error**2).mean()
    penalty = l2 * (w[1:] ** 2).sum()
    smooth = delta * jnp.sqrt(1 + (w**2).sum())
    return fit + penalty + smooth


@ridge_loss.backward
def ridge_loss_backward(dout, w, x, y, l2, delta):
    error = x @ w - y
    derror = dout * 2 * error / len(y)
    dw = x.T @ derror + dout * delta * w / np.sqrt(1 + (w**2).sum())
    dw[1:] += dout * 2 * l2 * w[1:]
    return dw, np.outer(derror, w), -derror


ridge_loss.wrong("index|region|missing-term", "", ("dw[1:] += dout * 2 * l2 * w[1:]", "dw += dout * 2 * l2 * w"))
ridge_loss.wrong("missing-factor|constant", "", ("dout * 2 * l2", "dout * l2"))
ridge_loss.wrong("cotangent|missing-factor", "", ("dout * 2 * l2 * w", "2 * l2 * w"))
ridge_loss.wrong("missing-factor|factor|reduction", "", ("2 * error / len(y)", "2 * error"))
ridge_loss.wrong("reduction|region", "", ("dw[1:] += dout", "dw[1:] = dout"))
ridge_loss.wrong("missing-factor", "", ("delta * w / np.sqrt(1 + (w**2).sum())", "delta * w"))
ridge_loss.wrong("sign", "", ("-derror", "derror"))


@layer("(b,d),(b,d)->()", static={"free": 0.25})
def variational_penalty(mean, logvar, free):
    per_unit = -0.5 * (1 + logvar - mean**2 - jnp.exp(logvar))
    floored = jnp.maximum(per_unit, free)
    return floored.sum(-1).mean()


@variational_penalty.backward
def variational_penalty_backward(dout, mean, logvar, free):
    n = len(mean)
    per_unit = -0.5 * (1 + logvar - mean**2 - np.exp(logvar))
    d = dout / n * (per_unit > free)
    return d * mean, d * 0.5 * np.expm1(logvar)


variational_penalty.wrong("missing-factor", "", (" * (per_unit > free)", ""))
variational_penalty.wrong("constant|missing-factor", "", ("per_unit > free", "per_unit > 0"))
variational_penalty.wrong("missing-term|operation|constant|detached", "", ("np.expm1(logvar)", "np.exp(logvar)"))
variational_penalty.wrong("missing-factor|constant|factor", "", ("d * 0.5 *", "d *"))
variational_penalty.wrong("factor|missing-factor|reduction", "", ("dout / n *", "dout *"))
variational_penalty.wrong(
    "swapped", "", ("return d * mean, d * 0.5 * np.expm1(logvar)", "return d * 0.5 * np.expm1(logvar), d * mean")
)
