"""Recurrent cells, and the LSTM over a sequence, with the gates in PyTorch's order.

In the statements, a bar is the cotangent of what it stands on; before the gates' functions that is what all other
gradients are made of.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.layers.rows import outer_over_rows, over_rows
from identities.options import OneOf
from identities.sources import Source, paper

_few = Drawn(largest=2)  # weights have four times as many rows
_longer = Drawn(admits=lambda shape: shape[0] > 1, largest=2)

Inputs: TypeAlias = Annotated[Float[Array, " n"] | Float[Array, "b n"], _few]
States: TypeAlias = Annotated[Float[Array, " m"] | Float[Array, "b m"], _few]
Sequences: TypeAlias = Annotated[Float[Array, "t n"], _longer]
State: TypeAlias = Annotated[Float[Array, " m"], _few]


def _module(name: str) -> Source:
    return Source("torch.nn", name)


@checked
def rnn_cell(
    x: Inputs,
    h: States,
    w_ih: Float[Array, "m n"],
    w_hh: Float[Array, "m m"],
    b_ih: Float[Array, " m"],
    b_hh: Float[Array, " m"],
    nonlinearity: Annotated[str, OneOf("tanh", "relu")] = "tanh",
) -> States:
    """tanh(W_ih x + b_ih + W_hh h + b_hh), or its positive part."""
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    return jnp.tanh(z) if nonlinearity == "tanh" else jax.nn.relu(z)


@vjp(
    rnn_cell,
    wrt=("x", "h", "w_ih", "w_hh", "b_ih", "b_hh"),
    states=(
        r"W_{ih}^\top \bar{z}, \quad \bar{z} = \delta \circ (1 - h'^2) \text{ or } \delta \circ [h' > 0]",
        r"W_{hh}^\top \bar{z}",
        r"\textstyle\sum \bar{z} x^\top",
        r"\textstyle\sum \bar{z} h^\top",
        r"\textstyle\sum \bar{z}",
        r"\textstyle\sum \bar{z}",
    ),
    source=_module("RNNCell"),
    saves="h'",
)
def rnn_cell_vjp(delta, x, h, w_ih, w_hh, b_ih, b_hh, nonlinearity="tanh"):
    """Through the nonlinearity, of which the new state h' says enough, and through two linear maps."""
    new = rnn_cell(x, h, w_ih, w_hh, b_ih, b_hh, nonlinearity)
    dz = delta * (1 - new) * (1 + new) if nonlinearity == "tanh" else jnp.where(new > 0, delta, 0)
    db = over_rows(dz)
    return dz @ w_ih, dz @ w_hh, outer_over_rows(dz, x), outer_over_rows(dz, h), db, db


def _lstm_gates(z):
    i, f, g, o = jnp.split(z, 4, axis=-1)
    return jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)


def _lstm_step(z, c):
    """The new states, hidden and of the cell, of what the gates are given and the cell's state."""
    i, f, g, o = _lstm_gates(z)
    c = f * c + i * g
    return o * jnp.tanh(c), c


def _lstm_step_back(dh, dc, z, c):
    """Cotangents of what the gates are given and of the cell's state, of those of the new states."""
    i, f, g, o = _lstm_gates(z)
    y = jnp.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - y) * (1 + y)
    dz = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g) * (1 + g), dh * y * o * (1 - o)
    return jnp.concatenate(dz, axis=-1), dc * f


@checked
def lstm_cell(
    x: Inputs,
    h: States,
    c: States,
    w_ih: Float[Array, "4*m n"],
    w_hh: Float[Array, "4*m m"],
    b_ih: Float[Array, " 4*m"],
    b_hh: Float[Array, " 4*m"],
) -> tuple[States, States]:
    """The new states h' = o tanh(c') and c' = f c + i g, by gates i, f, g and o of W_ih x + b_ih + W_hh h + b_hh."""
    return _lstm_step(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, c)


_LSTM = (
    r"\bar{z} = (\bar{c} g i (1 - i),\; \bar{c} c f (1 - f),\; \bar{c} i (1 - g^2),\;"
    r" \bar{h} \tanh(c') o (1 - o)), \quad \bar{c} = \delta_c + \bar{h} o (1 - \tanh^2 c')"
)


@vjp(
    lstm_cell,
    wrt=("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh"),
    states=(
        rf"W_{{ih}}^\top \bar{{z}}, \quad {_LSTM}, \quad \bar{{h}} = \delta_h",
        r"W_{hh}^\top \bar{z}",
        r"\bar{c} f",
        r"\textstyle\sum \bar{z} x^\top",
        r"\textstyle\sum \bar{z} h^\top",
        r"\textstyle\sum \bar{z}",
        r"\textstyle\sum \bar{z}",
    ),
    source=(_module("LSTMCell"), paper("Long short-term memory", "2")),
    saves="i, f, g, o, c'",
)
def lstm_cell_vjp(delta_h, delta_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """Cotangents of the cell's state come from the next one, and from the hidden state."""
    dz, dc = _lstm_step_back(delta_h, delta_c, x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, c)
    db = over_rows(dz)
    return dz @ w_ih, dz @ w_hh, dc, outer_over_rows(dz, x), outer_over_rows(dz, h), db, db


@checked
def lstm(
    x: Sequences,
    h: State,
    c: State,
    w_ih: Float[Array, "4*m n"],
    w_hh: Float[Array, "4*m m"],
    b_ih: Float[Array, " 4*m"],
    b_hh: Float[Array, " 4*m"],
) -> tuple[Float[Array, "t m"], Float[Array, " m"], Float[Array, " m"]]:
    """An LSTM cell over time: the hidden states of all times, and the last states. Batches are for `vmap`."""

    def step(states, z):
        h, c = states
        states = _lstm_step(z + h @ w_hh.T, c)
        return states, states[0]

    (h, c), hs = jax.lax.scan(step, (h, c), x @ w_ih.T + b_ih + b_hh)
    return hs, h, c


@vjp(
    lstm,
    wrt=("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh"),
    states=(
        rf"W_{{ih}}^\top \bar{{z}}_t, \quad {_LSTM}, \quad \bar{{h}} = \delta_t + W_{{hh}}^\top \bar{{z}}_{{t+1}},"
        r" \quad \delta_c = \bar{c}_{t+1} f_{t+1}",
        r"W_{hh}^\top \bar{z}_1",
        r"\bar{c}_1 f_1",
        r"\textstyle\sum_t \bar{z}_t x_t^\top",
        r"\textstyle\sum_t \bar{z}_t h_{t-1}^\top",
        r"\textstyle\sum_t \bar{z}_t",
        r"\textstyle\sum_t \bar{z}_t",
    ),
    source=(_module("LSTM"), paper("Long short-term memory", "2")),
    saves="z_t, c_t, h_t",
)
def lstm_vjp(delta, delta_h, delta_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """Backward in time for the gates alone; gradients by weights are products over all times at once."""

    transposed = w_hh.T  # which XLA would do at every step anew

    def step(states, z):
        h, c = states
        z = z + h @ transposed
        return _lstm_step(z, c), (z, h, c)

    _, (z, hs, cs) = jax.lax.scan(step, (h, c), x @ w_ih.T + b_ih + b_hh)

    def back(states, at):
        (dh, dc), (delta, z, c) = states, at
        dz, dc = _lstm_step_back(dh + delta, dc, z, c)
        return (transposed @ dz, dc), dz

    (dh, dc), dz = jax.lax.scan(back, (delta_h, delta_c), (delta, z, cs), reverse=True)
    db = over_rows(dz)
    return dz @ w_ih, dh, dc, outer_over_rows(dz, x), outer_over_rows(dz, hs), db, db


@checked
def gru_cell(
    x: Inputs,
    h: States,
    w_ih: Float[Array, "3*m n"],
    w_hh: Float[Array, "3*m m"],
    b_ih: Float[Array, " 3*m"],
    b_hh: Float[Array, " 3*m"],
) -> States:
    """h' = (1 - z) n + z h, by gates r and z and a proposal n = tanh(W_in x + b_in + r (W_hn h + b_hn))."""
    _, z, n, _ = _gru_gates(x, h, w_ih, w_hh, b_ih, b_hh)
    return (1 - z) * n + z * h


def _gru_gates(x, h, w_ih, w_hh, b_ih, b_hh):
    of_x, of_h = jnp.split(x @ w_ih.T + b_ih, 3, axis=-1), jnp.split(h @ w_hh.T + b_hh, 3, axis=-1)
    r, z = jax.nn.sigmoid(of_x[0] + of_h[0]), jax.nn.sigmoid(of_x[1] + of_h[1])
    return r, z, jnp.tanh(of_x[2] + r * of_h[2]), of_h[2]


@vjp(
    gru_cell,
    wrt=("x", "h", "w_ih", "w_hh", "b_ih", "b_hh"),
    states=(
        r"W_{ih}^\top \bar{a}, \quad \bar{a} = (\bar{n} u r (1 - r),\; \delta (h - n) z (1 - z),\; \bar{n}),"
        r" \quad \bar{n} = \delta (1 - z) (1 - n^2), \quad u = W_{hn} h + b_{hn}",
        r"\delta z + W_{hh}^\top \bar{b}, \quad \bar{b} = (\bar{a}_r,\; \bar{a}_z,\; r \bar{n})",
        r"\textstyle\sum \bar{a} x^\top",
        r"\textstyle\sum \bar{b} h^\top",
        r"\textstyle\sum \bar{a}",
        r"\textstyle\sum \bar{b}",
    ),
    source=(_module("GRUCell"), paper("Gated recurrent unit", "2.3")),
    saves="r, z, n, u",
)
def gru_cell_vjp(delta, x, h, w_ih, w_hh, b_ih, b_hh):
    """What inputs and states give to the gates has the same cotangents, but for the proposal's, which r gates."""
    r, z, n, u = _gru_gates(x, h, w_ih, w_hh, b_ih, b_hh)
    dn = delta * (1 - z) * (1 - n) * (1 + n)
    gates = dn * u * r * (1 - r), delta * (h - n) * z * (1 - z)
    da, db = jnp.concatenate([*gates, dn], axis=-1), jnp.concatenate([*gates, dn * r], axis=-1)
    return (
        da @ w_ih,
        delta * z + db @ w_hh,
        outer_over_rows(da, x),
        outer_over_rows(db, h),
        over_rows(da),
        over_rows(db),
    )
