"""The selective state space of Mamba: a linear recurrence in every channel, with coefficients that the input gives."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, inside_unit_interval
from identities.sources import paper

_few = Drawn(largest=3)
_inside = Drawn(inside_unit_interval.project, largest=3)  # where products over time neither vanish nor explode

Channels: TypeAlias = Annotated[Float[Array, "... t c"], _few]
Steps: TypeAlias = Annotated[Float[Array, "... t c"], _inside]
Rates: TypeAlias = Annotated[Float[Array, "c n"], _inside]
Coefficients: TypeAlias = Annotated[Float[Array, "... t n"], _few]


def _by_time(*arrays):
    return tuple(jnp.moveaxis(a, -2, 0) for a in arrays)


def _in_place(*arrays):
    return tuple(jnp.moveaxis(a, 0, -2) for a in arrays)


def _moved(h, u, dt, A, B):
    """The state (..., c, n) after a step of lengths dt."""
    return jnp.exp(dt[..., None] * A) * h + (dt * u)[..., None] * B[..., None, :]


def _no_state(u, A):
    return jnp.zeros((*u.shape[:-2], *A.shape), u.dtype)


@checked
def selective_scan(
    u: Channels, dt: Steps, A: Rates, B: Coefficients, C: Coefficients, D: Float[Array, " c"]
) -> Float[Array, "... t c"]:
    """y = C h + D u, of states h_t = exp(dt A) h_{t-1} + dt B u in every channel.

    Usually dt is positive and A negative.
    """

    def step(h, at):
        u, dt, B, C = at
        h = _moved(h, u, dt, A, B)
        return h, jnp.einsum("...cn,...n->...c", h, C)

    (y,) = _in_place(jax.lax.scan(step, _no_state(u, A), _by_time(u, dt, B, C))[1])
    return y + D * u


@vjp(
    selective_scan,
    wrt=("u", "dt", "A", "B", "C", "D"),
    states=(
        r"\Delta_t \circ \bar{h}_t B_t + D \circ \delta_t, \quad \bar{h}_t = \delta_t C_t^\top + a_{t+1} \circ"
        r" \bar{h}_{t+1}, \quad a_t = e^{\Delta_t A}, \quad h_t = a_t \circ h_{t-1} + (\Delta_t \circ u_t) B_t^\top",
        r"\textstyle\sum_n \bar{h}_t \circ (a_t \circ h_{t-1} \circ A + u_t B_t^\top)",
        r"\textstyle\sum_t \Delta_t \circ \bar{h}_t \circ a_t \circ h_{t-1}",
        r"\bar{h}_t^\top (\Delta_t \circ u_t)",
        r"h_t^\top \delta_t",
        r"\textstyle\sum_t \delta_t \circ u_t",
    ),
    source=paper("Mamba", "2, 4, Algorithm 2"),
    saves="h_t",
)
def selective_scan_vjp(delta, u, dt, A, B, C, D):
    """The state's cotangent goes back in time as the state came, with the states that were there."""
    delta_, u_, dt_, B_, C_ = _by_time(delta, u, dt, B, C)

    def forth(h, at):
        u, dt, B = at
        return _moved(h, u, dt, A, B), h

    _, states = jax.lax.scan(forth, _no_state(u, A), (u_, dt_, B_))

    def back(carry, at):
        dh, dA = carry
        h, delta, u, dt, B, C = at
        dh = dh + delta[..., None] * C[..., None, :]
        decay = jnp.exp(dt[..., None] * A)
        kept = decay * h
        new = kept + (dt * u)[..., None] * B[..., None, :]
        of_kept = dh * kept
        of_write = jnp.einsum("...cn,...n->...c", dh, B)
        by_dt = (of_kept * A).sum(-1) + u * of_write
        by_B, by_C = (jnp.einsum("...cn,...c->...n", a, b) for a, b in ((dh, dt * u), (new, delta)))
        return (dh * decay, dA + dt[..., None] * of_kept), (dt * of_write, by_dt, by_B, by_C)

    nothing = _no_state(u, A)
    (_, dA), given = jax.lax.scan(back, (nothing, nothing), (states, delta_, u_, dt_, B_, C_), reverse=True)
    du, ddt, dB, dC = _in_place(*given)
    dD = (delta * u).reshape(-1, len(D)).sum(0)
    return du + D * delta, ddt, dA.reshape(-1, *A.shape).sum(0), dB, dC, dD
