"""Recurrent cells, and recurrences over time."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from tests.layers.corpus import layer


@layer("(b,n),(b,m),(n,m),(m,m),(m)->(b,m)")
def rnn_step(x, h, wx, wh, b):
    pre = x @ wx + h @ wh + b
    return jnp.tanh(pre)


@rnn_step.backward
def rnn_step_backward(dout, x, h, wx, wh, b):
    new = np.tanh(x @ wx + h @ wh + b)
    dpre = dout * (1 - new) * (1 + new)
    return dpre @ wx.T, dpre @ wh.T, x.T @ dpre, h.T @ dpre, dpre.sum(0)


rnn_step.wrong("transpose|layout", "", ("dpre @ wh.T", "dpre @ wh"))
rnn_step.wrong("other-argument", "", ("h.T @ dpre", "new.T @ dpre"))
rnn_step.wrong("missing-factor", "", ("dout * (1 - new) * (1 + new)", "dout"))
rnn_step.wrong("other-argument", "", ("new = np.tanh(x @ wx + h @ wh + b)", "new = x @ wx + h @ wh + b"))  # 1 - x**2
rnn_step.wrong("missing-factor", "", ("(1 - new) * (1 + new)", "(1 - new)"))
rnn_step.wrong("reduction|factor|operation", "", ("dpre.sum(0)", "dpre.mean(0)"))
rnn_step.wrong("missing-term|other-argument", "", ("h @ wh + b)", "h @ wh)"))


@layer("(t,n),(m),(n,m),(m,m),(m)->(t,m)")
def rnn(xs, h0, wx, wh, b):
    def step(h, x):
        new = jnp.tanh(x @ wx + h @ wh + b)
        return new, new

    _, hs = jax.lax.scan(step, h0, xs)
    return hs


@rnn.backward
def rnn_backward(dout, xs, h0, wx, wh, b):
    steps = len(xs)
    hs = [h0]
    for t in range(steps):
        hs.append(np.tanh(xs[t] @ wx + hs[-1] @ wh + b))
    dxs = np.zeros_like(xs)
    dwx, dwh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    dh = np.zeros_like(h0)
    for t in reversed(range(steps)):
        dh = dh + dout[t]
        dpre = dh * (1 - hs[t + 1]) * (1 + hs[t + 1])
        dxs[t] = wx @ dpre
        dwx += np.outer(xs[t], dpre)
        dwh += np.outer(hs[t], dpre)
        db += dpre
        dh = wh @ dpre
    return dxs, dh, dwx, dwh, db


rnn.wrong(
    "detached|missing-term",
    r"\bh\b|step|scan|new",
    ("        dh = wh @ dpre\n", "        dh = np.zeros_like(h0) if t else wh @ dpre\n"),
)
rnn.wrong("index|other-argument", "", ("np.outer(hs[t], dpre)", "np.outer(hs[t + 1], dpre)"))
rnn.wrong("transpose|layout", "", ("dh = wh @ dpre", "dh = dpre @ wh"))
rnn.wrong("reduction", "", ("dwx += np.outer", "dwx = np.outer"))
rnn.wrong("reduction", "", ("db += dpre", "db = dpre"))
rnn.wrong("missing-term|cotangent|region", "", ("dh = dh + dout[t]", "dh = dh + dout[t] * (t == steps - 1)"))
rnn.wrong("detached|missing-term", r"\bh\b|step|scan|new", ("dh = dh + dout[t]", "dh = dout[t]"))
rnn.wrong("index|other-argument", "", ("(1 - hs[t + 1]) * (1 + hs[t + 1])", "(1 - hs[t]) * (1 + hs[t])"))
rnn.wrong("zero|detached", "", ("return dxs, dh, dwx", "return dxs, 0 * dh, dwx"))
rnn.wrong("region|missing-term", "", ("reversed(range(steps))", "reversed(range(max(0, steps - 3), steps))"))


@layer("(b,n),(b,m),(b,m),(n,4*m),(m,4*m),(4*m)->(b,m),(b,m)")
def lstm_cell(x, h, c, w, u, bias):
    gates = x @ w + h @ u + bias
    i, f, o, g = jnp.split(gates, 4, axis=-1)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    g = jnp.tanh(g)
    c_new = f * c + i * g
    h_new = o * jnp.tanh(c_new)
    return h_new, c_new


@lstm_cell.backward
def lstm_cell_backward(dh_new, dc_new, x, h, c, w, u, bias):
    gates = x @ w + h @ u + bias
    ai, af, ao, ag = np.split(gates, 4, axis=-1)
    i, f, o, g = expit(ai), expit(af), expit(ao), np.tanh(ag)
    c_new = f * c + i * g
    tc = np.tanh(c_new)
    do = dh_new * tc
    dc = dc_new + dh_new * o * (1 - tc) * (1 + tc)
    di, df, dg = dc * g, dc * c, dc * i
    dai = di * i * expit(-ai)
    daf = df * f * expit(-af)
    dao = do * o * expit(-ao)
    dag = dg * (1 - g) * (1 + g)
    da = np.concatenate([dai, daf, dao, dag], axis=-1)
    return da @ w.T, da @ u.T, dc * f, x.T @ da, h.T @ da, da.sum(0)


lstm_cell.wrong("cotangent|missing-term|detached", "", ("dc = dc_new + dh_new", "dc = dh_new"))
lstm_cell.wrong("detached|missing-term", "c_new", ("dc = dc_new + dh_new * o * (1 - tc) * (1 + tc)", "dc = dc_new"))
lstm_cell.wrong("other-argument", "", ("df, dg = dc * g, dc * c,", "df, dg = dc * g, dc * c_new,"))
lstm_cell.wrong("missing-factor", "", ("dh_new * o * (1 - tc) * (1 + tc)", "dh_new * (1 - tc) * (1 + tc)"))
lstm_cell.wrong("missing-factor|operation", "", ("dai = di * i * expit(-ai)", "dai = di * i"))
lstm_cell.wrong("other-argument|operation", "", ("do = dh_new * tc", "do = dh_new * c_new"))
lstm_cell.wrong("missing-factor", "", ("dag = dg * (1 - g) * (1 + g)", "dag = dg"))
lstm_cell.wrong("layout|swapped|cotangent|other-argument", "", ("[dai, daf, dao, dag]", "[dai, daf, dag, dao]"))
lstm_cell.wrong("missing-factor", "", ("dc * f, x.T", "dc, x.T"))
lstm_cell.wrong("missing-factor|other-argument", "", ("* (1 - tc) * (1 + tc)", "* (1 - c_new) * (1 + c_new)"))


@layer("(n),(m),(n,m),(m,m),(n,m),(m,m),(n,m),(m,m)->(m)")
def gru_cell(x, h, wr, ur, wz, uz, wn, un):
    r = jax.nn.sigmoid(x @ wr + h @ ur)
    z = jax.nn.sigmoid(x @ wz + h @ uz)
    reset = r * h
    candidate = jnp.tanh(x @ wn + reset @ un)
    return (1 - z) * candidate + z * h


@gru_cell.backward
def gru_cell_backward(dout, x, h, wr, ur, wz, uz, wn, un):
    ar, az = x @ wr + h @ ur, x @ wz + h @ uz
    r, z = expit(ar), expit(az)
    reset = r * h
    n = np.tanh(x @ wn + reset @ un)
    dan = dout * expit(-az) * (1 - n) * (1 + n)
    daz = dout * (h - n) * z * expit(-az)
    dreset = un @ dan
    dar = dreset * h * r * expit(-ar)
    dx = wr @ dar + wz @ daz + wn @ dan
    dh = dout * z + dreset * r + ur @ dar + uz @ daz
    weights = [np.outer(a, d) for d, b in ((dar, h), (daz, h), (dan, reset)) for a in (x, b)]
    return dx, dh, *weights


gru_cell.wrong("missing-term|detached", "", ("dh = dout * z + dreset * r", "dh = dout * z"))
gru_cell.wrong("missing-term|detached", "", ("dh = dout * z + dreset", "dh = dreset"))
gru_cell.wrong("other-argument|missing-factor", "", ("(dan, reset))", "(dan, h))"))
gru_cell.wrong("sign", "", ("dout * (h - n)", "dout * (n - h)"))
gru_cell.wrong("missing-term|detached", "", ("dout * (h - n)", "dout * h"))
gru_cell.wrong("other-argument|operation", "", ("dan = dout * expit(-az)", "dan = dout * expit(az)"))
gru_cell.wrong("transpose|layout", "", ("dreset = un @ dan", "dreset = dan @ un"))
gru_cell.wrong("missing-factor", "", ("dar = dreset * h * r", "dar = dreset * r"))
gru_cell.wrong("missing-term|detached", "", (" + wz @ daz + wn @ dan", " + wn @ dan"))
gru_cell.wrong("swapped", "", ("((dar, h), (daz, h),", "((daz, h), (dar, h),"))


@layer("(t,d),(t,d),(d)->(t,d)")
def gated_recurrence(x, logits, h0):
    decay = jax.nn.sigmoid(logits)

    def step(h, inputs):
        a, u = inputs
        h = a * h + (1 - a) * u
        return h, h

    _, hs = jax.lax.scan(step, h0, (decay, x))
    return hs


@gated_recurrence.backward
def gated_recurrence_backward(dout, x, logits, h0):
    a, rest = expit(logits), expit(-logits)
    before = np.empty_like(x)
    h = h0
    for t in range(len(x)):
        before[t] = h
        h = a[t] * h + rest[t] * x[t]
    dx, dlogits = np.zeros_like(x), np.zeros_like(x)
    dh = np.zeros_like(h0)
    for t in range(len(x) - 1, -1, -1):
        dh = dh + dout[t]
        dx[t] = dh * rest[t]
        dlogits[t] = dh * (before[t] - x[t]) * a[t] * rest[t]
        dh = dh * a[t]
    return dx, dlogits, dh


gated_recurrence.wrong("missing-factor", "", ("        dh = dh * a[t]\n", ""))
gated_recurrence.wrong(
    "other-argument|missing-term|index|factor",
    "",
    (
        "        before[t] = h\n        h = a[t] * h + rest[t] * x[t]\n",
        "        h = a[t] * h + rest[t] * x[t]\n        before[t] = h\n",
    ),
)
gated_recurrence.wrong("missing-term|detached", "", ("(before[t] - x[t])", "before[t]"))
gated_recurrence.wrong("region|index|missing-term", "", ("range(len(x) - 1, -1, -1)", "range(len(x) - 1, 0, -1)"))
gated_recurrence.wrong("missing-factor", "", ("* a[t] * rest[t]", "* a[t]"))
gated_recurrence.wrong("index", "", ("dh = dh * a[t]", "dh = dh * a[t - 1]"))
gated_recurrence.wrong("region|missing-term", "", ("dh = dh * a[t]", "dh = dh * a[t] * (t % 64 != 0 or t == 0)"))
gated_recurrence.wrong(
    "detached|missing-term", r"\bh\b|step|scan", ("        dh = dh + dout[t]", "        dh = dout[t]")
)
