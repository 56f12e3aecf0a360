"""Normalisation."""

import jax
import jax.numpy as jnp
import numpy as np

from identities.domains import nonzero
from tests.layers.corpus import layer


@layer("(t,c),(c),(c)->(t,c)", static={"eps": 1e-5})
def layer_norm(x, w, b, eps):
    m = x.mean(-1, keepdims=True)
    centred = x - m
    v = (centred**2).mean(-1, keepdims=True)
    rstd = 1 / jnp.sqrt(v + eps)
    xhat = centred * rstd
    return xhat * w + b


@layer_norm.backward
def layer_norm_backward(dout, x, w, b, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    xhat = centred * rstd
    dw = (dout * xhat).sum(0)
    db = dout.sum(0)
    g = dout * w
    dx = rstd * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
    return dx, dw, db


layer_norm.wrong("detached|missing-term", r"mean|\bm\b", ("- g.mean(-1, keepdims=True)", ""))
layer_norm.wrong("detached|missing-term", r"\bv\b|rstd", ("- xhat * (g * xhat).mean(-1, keepdims=True)", ""))
layer_norm.wrong("missing-term|constant|factor", "", ("g - g.mean", "g - 2 * g.mean"))
layer_norm.wrong("constant", r"eps|1e-0?5|1e-0?6", ("+ eps", "+ 1e-6"))
layer_norm.wrong(
    "constant|operation",
    "",
    (".mean(-1, keepdims=True) + eps", ".sum(-1, keepdims=True) / max(x.shape[-1] - 1, 1) + eps"),
)
layer_norm.wrong("missing-factor|other-argument", "", ("g = dout * w", "g = dout"))
layer_norm.wrong("other-argument|missing-factor", "", ("dw = (dout * xhat)", "dw = (dout * centred)"))
layer_norm.wrong("swapped", "", ("return dx, dw, db", "return dx, db, dw"))
layer_norm.wrong("operation|reduction", "", ("(g * xhat).mean", "(g * xhat).sum"))


@layer("(t,c),(c)->(t,c)", static={"eps": 1e-6})
def rms_norm(x, w, eps):
    ms = (x * x).mean(-1, keepdims=True)
    r = jax.lax.rsqrt(ms + eps)
    normed = x * r
    return normed * w


@rms_norm.backward
def rms_norm_backward(dout, x, w, eps=1e-6):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    g = dout * w
    dot = (g * x).mean(-1, keepdims=True)
    dx = r * g - x * r**3 * dot
    dw = (dout * (x * r)).sum(0)
    return dx, dw


rms_norm.wrong("detached|missing-term", r"\bms\b|\br\b|rsqrt", (" - x * r**3 * dot", ""))
rms_norm.wrong("sign", "", ("- x * r**3", "+ x * r**3"))
rms_norm.wrong("missing-factor|constant", "", ("r**3", "r**2"))
rms_norm.wrong("missing-factor|other-argument", "", ("dot = (g * x)", "dot = (dout * x)"))
rms_norm.wrong("operation|reduction|missing-factor", "", ("(g * x).mean(", "(g * x).sum("))
rms_norm.wrong("missing-factor|other-argument", "", ("(dout * (x * r))", "(dout * x)"))
rms_norm.wrong("region|reduction|missing-term", "", ("(dout * (x * r)).sum(0)", "(dout * (x * r))[:32].sum(0)"))
rms_norm.wrong("missing-term|constant|factor", "", ("x * r**3 * dot", "2 * x * r**3 * dot"))
rms_norm.wrong("reduction", "", ("dot = (g * x).mean(-1, keepdims=True)", "dot = (g * x).mean(0, keepdims=True)"))


@layer("(b,c),(c),(c)->(b,c)", static={"eps": [1e-5, 1e-3]})
def batch_norm(x, gamma, beta, eps):
    mu = x.mean(0)
    xmu = x - mu
    var = (xmu**2).mean(0)
    inv = 1 / jnp.sqrt(var + eps)
    xhat = xmu * inv
    return gamma * xhat + beta


@batch_norm.backward
def batch_norm_backward(dout, x, gamma, beta, eps=1e-5):
    n = x.shape[0]
    xmu = x - x.mean(0)
    inv = 1 / np.sqrt((xmu**2).mean(0) + eps)
    dbeta = dout.sum(0)
    dgamma = (dout * xmu * inv).sum(0)
    dxhat = dout * gamma
    dvar = (dxhat * xmu).sum(0) * -0.5 * inv**3
    dmu = -(dxhat * inv).sum(0)
    dx = dxhat * inv + dvar * 2 * xmu / n + dmu / n
    return dx, dgamma, dbeta


batch_norm.wrong("detached|missing-term", r"\bmu\b|mean", (" + dmu / n", ""))
batch_norm.wrong("detached|missing-term", r"\bvar\b|\binv\b", (" + dvar * 2 * xmu / n", ""))
batch_norm.wrong("missing-factor|constant", "", ("dvar * 2 * xmu / n", "dvar * xmu / n"))
batch_norm.wrong("sign", "", ("* -0.5 *", "* 0.5 *"))
batch_norm.wrong("missing-factor|constant|factor", "", ("inv**3", "inv"))
batch_norm.wrong("missing-factor|operation|reduction|constant", "", ("+ dmu / n", "+ dmu"))
batch_norm.wrong("constant", r"eps|1e-0?[358]", ("+ eps", "+ 1e-8"))
batch_norm.wrong("missing-factor|other-argument", "", ("dxhat = dout * gamma", "dxhat = dout"))
batch_norm.wrong("reduction|factor|operation", "", ("dbeta = dout.sum(0)", "dbeta = dout.mean(0)"))
batch_norm.wrong("swapped", "", ("return dx, dgamma, dbeta", "return dx, dbeta, dgamma"))


@layer("(b,2*g,s),(2*g),(2*g)->(b,2*g,s)", static={"groups": 2, "eps": 1e-5})
def group_norm(x, w, b, groups, eps):
    grouped = x.reshape(x.shape[0], groups, -1)
    mean = grouped.mean(-1, keepdims=True)
    var = grouped.var(-1, keepdims=True)
    rstd = jax.lax.rsqrt(var + eps)
    xhat = (grouped - mean) * rstd
    return xhat.reshape(x.shape) * w[:, None] + b[:, None]


@group_norm.backward
def group_norm_backward(dout, x, w, b, groups=2, eps=1e-5):
    grouped = x.reshape(x.shape[0], groups, -1)
    n = grouped.shape[-1]
    rstd = 1 / np.sqrt(grouped.var(-1, keepdims=True) + eps)
    xhat = (grouped - grouped.mean(-1, keepdims=True)) * rstd
    dw = (dout * xhat.reshape(x.shape)).sum((0, 2))
    db = dout.sum((0, 2))
    g = (dout * w[:, None]).reshape(grouped.shape)
    dx = rstd / n * (n * g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True))
    return dx.reshape(x.shape), dw, db


group_norm.wrong("detached|missing-term", "mean", (" - g.sum(-1, keepdims=True)", ""))
group_norm.wrong("detached|missing-term", "var|rstd", (" - xhat * (g * xhat).sum(-1, keepdims=True)", ""))
group_norm.wrong("constant|other-argument", "", ("n = grouped.shape[-1]", "n = x.shape[-1]"))
group_norm.wrong(
    "constant", "", ("grouped = x.reshape(x.shape[0], groups, -1)", "grouped = x.reshape(x.shape[0], 1, -1)")
)
group_norm.wrong("reduction", "", ("db = dout.sum((0, 2))", "db = dout[:, :, 0].sum(0)"))
group_norm.wrong(
    "reduction|factor|operation",
    "",
    ("(dout * xhat.reshape(x.shape)).sum((0, 2))", "(dout * xhat.reshape(x.shape)).mean(0).sum(-1)"),
)
group_norm.wrong("missing-factor|other-argument", "", ("(dout * w[:, None])", "dout"))


@layer("(b,n),(m,n),(m)->(b,m)", v=nonzero)
def weight_norm(x, v, g):
    norm = jnp.sqrt((v * v).sum(-1, keepdims=True))
    w = g[:, None] * v / norm
    return x @ w.T


@weight_norm.backward
def weight_norm_backward(dout, x, v, g):
    norm = np.sqrt((v * v).sum(-1, keepdims=True))
    u = v / norm
    dw = dout.T @ x
    dg = (dw * u).sum(-1)
    dv = g[:, None] / norm * (dw - u * dg[:, None])
    dx = dout @ (g[:, None] * u)
    return dx, dv, dg


weight_norm.wrong("detached|missing-term", "norm", (" - u * dg[:, None]", ""))
weight_norm.wrong("missing-factor", "", ("g[:, None] / norm *", "g[:, None] *"))
weight_norm.wrong(
    "missing-factor|other-argument",
    "",
    ("dg = (dw * u)", "dg = (dw * v)"),
    ("u * dg[:, None]", "u * (dw * u).sum(-1)[:, None]"),
)
weight_norm.wrong("missing-factor|other-argument", "", ("(g[:, None] * u)", "v"))
weight_norm.wrong("missing-factor|other-argument", "", ("u * dg[:, None]", "v * dg[:, None]"))
weight_norm.wrong("sign", "", ("dw - u", "dw + u"))


@layer("(b,d)->(b,d)", static={"eps": 1e-6})
def l2_normalise(x, eps):
    squares = (x * x).sum(-1, keepdims=True)
    norm = jnp.sqrt(squares + eps)
    return x / norm


@l2_normalise.backward
def l2_normalise_backward(dout, x, eps=1e-6):
    norm = np.sqrt((x * x).sum(-1, keepdims=True) + eps)
    y = x / norm
    dot = (dout * y).sum(-1, keepdims=True)
    return (dout - y * dot) / norm


l2_normalise.wrong("detached|missing-term", "norm|squares", ("dout - y * dot", "dout"))
l2_normalise.wrong("operation|reduction", "", ("(dout * y).sum(", "(dout * y).mean("))
l2_normalise.wrong("constant", r"eps|1e-0?6|1e-12", ("+ eps", "+ 1e-12"))
l2_normalise.wrong("missing-factor", "", ("(dout - y * dot) / norm", "dout - y * dot"))
l2_normalise.wrong("other-argument|missing-factor", "", ("dout - y * dot", "dout - x * dot"))
l2_normalise.wrong("reduction", "", ("(dout * y).sum(-1, keepdims=True)", "(dout * y).sum(0, keepdims=True)"))
