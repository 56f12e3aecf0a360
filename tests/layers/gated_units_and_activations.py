"""Multi-layer perceptrons, gated units, activations and dropout."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from identities.domains import boolean
from tests.layers.corpus import layer


@layer("(b,n),(n,n),(n),(n,n),(n)->(b,n)")
def two_layer_mlp(x, w1, b1, w2, b2):
    z1 = x @ w1 + b1
    a1 = jnp.maximum(z1, 0)
    return a1 @ w2 + b2


@two_layer_mlp.backward
def two_layer_mlp_backward(dout, x, w1, b1, w2, b2):
    z1 = x @ w1 + b1
    a1 = np.maximum(z1, 0)
    dw2 = a1.T @ dout
    da1 = dout @ w2.T
    dz1 = da1 * (z1 > 0)
    dw1 = x.T @ dz1
    dx = dz1 @ w1.T
    return dx, dw1, dz1.sum(0), dw2, dout.sum(0)


two_layer_mlp.wrong("missing-factor", "", ("da1 * (z1 > 0)", "da1"))
two_layer_mlp.wrong("other-argument", "", ("dw2 = a1.T @ dout", "dw2 = z1.T @ dout"))
two_layer_mlp.wrong("transpose|layout", "", ("dout @ w2.T", "dout @ w2"))
two_layer_mlp.wrong("reduction|factor|operation", "", ("dz1.sum(0), dw2", "dz1.mean(0), dw2"))
two_layer_mlp.wrong("transpose|layout", "", ("dw1 = x.T @ dz1", "dw1 = dz1.T @ x"))
two_layer_mlp.wrong("other-argument", "", ("dx = dz1 @ w1.T", "dx = dz1 @ w2.T"))
two_layer_mlp.wrong("constant", "", ("(z1 > 0)", "(z1 > 1)"))
two_layer_mlp.wrong("other-argument|missing-factor", "", ("dz1.sum(0), dw2", "da1.sum(0), dw2"))


@layer("(b,n),(n,m),(n,m),(m,n)->(b,n)")
def swiglu(x, wg, wu, wd):
    gate = x @ wg
    up = x @ wu
    hidden = jax.nn.silu(gate) * up
    return hidden @ wd


@swiglu.backward
def swiglu_backward(dout, x, wg, wu, wd):
    gate, up = x @ wg, x @ wu
    s = expit(gate)
    act = gate * s
    hidden = act * up
    dwd = hidden.T @ dout
    dhidden = dout @ wd.T
    dup = dhidden * act
    dgate = dhidden * up * s * (1 + gate * expit(-gate))
    dx = dgate @ wg.T + dup @ wu.T
    return dx, x.T @ dgate, x.T @ dup, dwd


swiglu.wrong("missing-factor", "", ("dgate = dhidden * up * s", "dgate = dhidden * s"))
swiglu.wrong("detached|missing-term|missing-factor", "silu", ("s * (1 + gate * expit(-gate))", "s"))
swiglu.wrong("missing-factor|other-argument", "", ("dup = dhidden * act", "dup = dhidden * gate"))
swiglu.wrong("missing-term|detached", "", (" + dup @ wu.T", ""))
swiglu.wrong("swapped", "", ("x.T @ dgate, x.T @ dup", "x.T @ dup, x.T @ dgate"))
swiglu.wrong("operation|other-argument|sign", "", ("gate * expit(-gate)", "gate * expit(gate)"))
swiglu.wrong("other-argument|missing-factor", "", ("dwd = hidden.T", "dwd = act.T"))


@layer("(b,n),(n,2*m),(2*m),(m,n)->(b,n)")
def geglu(x, w1, b1, w2):
    both = x @ w1 + b1
    value, gate = jnp.split(both, 2, axis=-1)
    inner = 0.797884560802865 * (gate + 0.044715 * gate**3)
    activated = 0.5 * gate * (1 + jnp.tanh(inner))
    return (value * activated) @ w2


@geglu.backward
def geglu_backward(dout, x, w1, b1, w2):
    both = x @ w1 + b1
    value, gate = np.split(both, 2, axis=-1)
    k, c = 0.797884560802865, 0.044715
    inner = k * (gate + c * gate**3)
    half = expit(2 * inner)  # (1 + tanh(inner)) / 2
    activated = gate * half
    dw2 = (value * activated).T @ dout
    dboth = dout @ w2.T
    dinner = gate * 2 * half * expit(-2 * inner)
    dgate = dboth * value * (half + dinner * k * (1 + 3 * c * gate**2))
    dboth = np.concatenate([dboth * activated, dgate], axis=-1)
    return dboth @ w1.T, x.T @ dboth, dboth.sum(0), dw2


geglu.wrong("constant", r"0\.044715|0\.44715", ("0.044715", "0.44715"))
geglu.wrong("constant", r"0\.797|0\.8", ("0.797884560802865", "0.8"))
geglu.wrong("constant|missing-factor", "", ("1 + 3 * c", "1 + c"))
geglu.wrong("missing-term|detached", "", ("half + dinner * k * (1 + 3 * c * gate**2)", "half"))
geglu.wrong("missing-factor", "", ("dgate = dboth * value *", "dgate = dboth *"))
geglu.wrong("layout|swapped|cotangent|other-argument", "", ("[dboth * activated, dgate]", "[dgate, dboth * activated]"))
geglu.wrong("missing-factor|constant", "", ("dinner * k * (1", "dinner * (1"))
geglu.wrong("missing-factor|constant", "", ("gate * 2 * half * expit", "gate * half * expit"))


@layer("(b,n),(n,m),(m),(b,m)->(b,m)", static={"rate": 0.25}, keep=boolean)
def dense_with_dropout(x, w, b, keep, rate):
    z = x @ w + b
    a = jnp.tanh(z)
    kept = jnp.where(keep, a, 0)
    return kept / (1 - rate)


@dense_with_dropout.backward
def dense_with_dropout_backward(dout, x, w, b, keep, rate):
    a = np.tanh(x @ w + b)
    da = dout * keep / (1 - rate)
    dz = da * (1 - a) * (1 + a)
    return dz @ w.T, x.T @ dz, dz.sum(0)


dense_with_dropout.wrong("missing-factor", "keep", ("dout * keep / (1 - rate)", "dout / (1 - rate)"))
dense_with_dropout.wrong("missing-factor|factor|constant", "", ("keep / (1 - rate)", "keep"))
dense_with_dropout.wrong("constant|factor", "", ("keep / (1 - rate)", "keep / rate"))
dense_with_dropout.wrong("operation|other-argument", "", ("dout * keep", "dout * ~keep"))
dense_with_dropout.wrong("missing-factor", "", ("dz = da * (1 - a) * (1 + a)", "dz = da"))
dense_with_dropout.wrong("other-argument", "", ("a = np.tanh(x @ w + b)", "a = x @ w + b"))
dense_with_dropout.wrong("reduction|factor|operation", "", ("dz.sum(0)", "dz.mean(0)"))


@layer("(n,c),(c)->(n,c)", static={"threshold": 0.5})
def prelu_shrink(x, slope, threshold):
    leaky = jnp.where(x > 0, x, slope * x)
    clipped = jnp.minimum(leaky, 4.0)
    return jnp.where(jnp.abs(clipped) > threshold, clipped, 0) + leaky * 0.25


@prelu_shrink.backward
def prelu_shrink_backward(dout, x, slope, threshold):
    leaky = np.where(x > 0, x, slope * x)
    open_ = (leaky < 4.0) & (np.abs(np.minimum(leaky, 4.0)) > threshold)
    dleaky = dout * (open_ + 0.25)
    dx = dleaky * np.where(x > 0, 1, slope)
    dslope = np.where(x > 0, 0, dleaky * x).sum(0)
    return dx, dslope


prelu_shrink.wrong("missing-factor", "", ("np.where(x > 0, 0, dleaky * x)", "(dleaky * x)"))
prelu_shrink.wrong("constant", "", ("leaky < 4.0", "leaky < 6.0"))
prelu_shrink.wrong("missing-term|detached", "", ("(open_ + 0.25)", "open_"))
prelu_shrink.wrong("missing-factor|region", "", ("np.where(x > 0, 1, slope)", "1"))
prelu_shrink.wrong("reduction|factor|operation", "", ("dleaky * x).sum(0)", "dleaky * x).mean(0)"))
prelu_shrink.wrong("reduction", "", ("dleaky * x).sum(0)", "dleaky * x)[0]"))
prelu_shrink.wrong("operation|sign|missing-factor", "", ("np.abs(np.minimum(leaky, 4.0))", "np.minimum(leaky, 4.0)"))


@layer("(b,n),(n,k),(n,r),(r,k)->(b,k)", static={"alpha": 4.0})
def low_rank_adapter(x, w, down, up, alpha):
    rank = down.shape[1]
    scale = alpha / rank
    base = x @ w
    hidden = x @ down
    return base + scale * (hidden @ up)


@low_rank_adapter.backward
def low_rank_adapter_backward(dout, x, w, down, up, alpha):
    scale = alpha / down.shape[1]
    hidden = x @ down
    dup = scale * hidden.T @ dout
    dhidden = scale * dout @ up.T
    ddown = x.T @ dhidden
    dx = dout @ w.T + dhidden @ down.T
    return dx, x.T @ dout, ddown, dup


low_rank_adapter.wrong("missing-factor|factor|constant", "", ("dup = scale * hidden", "dup = hidden"))
low_rank_adapter.wrong("missing-term|detached", "", (" + dhidden @ down.T", ""))
low_rank_adapter.wrong("constant|factor|other-argument", "", ("alpha / down.shape[1]", "alpha / down.shape[0]"))
low_rank_adapter.wrong("zero|detached", "", ("x.T @ dout, ddown", "0 * w, ddown"))
low_rank_adapter.wrong("missing-factor|factor|constant", "", ("dhidden = scale * dout", "dhidden = dout"))
low_rank_adapter.wrong("constant|factor", "", ("alpha / down", "2 * alpha / down"))
