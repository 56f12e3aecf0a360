"""Attention without a softmax, as recurrences of a matrix that keys and values are written to: quick for any length."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, inside_unit_interval
from identities.options import Choice
from identities.sources import paper

_few = Drawn(largest=3)
_inside = Drawn(inside_unit_interval.project, largest=3)  # where products over time neither vanish nor explode

Vectors: TypeAlias = Annotated[Float[Array, "... t d"], _few]
Values: TypeAlias = Annotated[Float[Array, "... t e"], _few]
Keys: TypeAlias = Annotated[
    Float[Array, "... t d"], Drawn(admits=lambda shape: shape[-2] > 1, largest=3)  # the mean over one is constant
]


def _features(x):
    """elu(x) + 1, which is positive, and to all its digits where it is small."""
    return jnp.where(x > 0, x + 1, _features_derivative(x))


def _features_derivative(x):
    return jnp.exp(jnp.where(x > 0, 0, x))


def _with_ones(v):
    """Values, and a one that counts them: what queries gather of it is what they divide by."""
    return jnp.concatenate([v, jnp.ones_like(v[..., :1])], axis=-1)


def _by_time(*arrays):
    """With the axis of time first, where scans have it."""
    return [jnp.moveaxis(a, -2, 0) for a in arrays]


def _in_place(*arrays):
    """With the axis of time before the last again."""
    return [jnp.moveaxis(a, 0, -2) for a in arrays]


def _outer(a, b):
    return a[..., :, None] * b[..., None, :]


def _from_left(a, M):
    return jnp.einsum("...d,...de->...e", a, M)


def _from_right(M, b):
    return jnp.einsum("...de,...e->...d", M, b)


def _dot(a, b):
    return (a * b).sum(-1, keepdims=True)


def _no_state(a, b):
    return jnp.zeros((*a.shape[:-2], a.shape[-1], b.shape[-1]), a.dtype)


@checked
def linear_attention(q: Vectors, k: Keys, v: Values, is_causal: Annotated[bool, Choice(False, True)] = False) -> Values:
    """The mean of the values, weighted by f(q)'f(k) with f = elu + 1; of those up to the query, if it is causal."""
    f, g, ones = _features(q), _features(k), _with_ones(v)

    def step(state, at):
        f, g, v = at
        state = state + _outer(g, v)
        return state, _from_left(f, state)

    if is_causal:
        (y,) = _in_place(jax.lax.scan(step, _no_state(g, ones), _by_time(f, g, ones))[1])
    else:
        y = f @ (g.mT @ ones)
    return y[..., :-1] / y[..., -1:]


@vjp(
    linear_attention,
    wrt=("q", "k", "v"),
    states=(
        r"f'(q_i) \circ S_i \bar{y}_i, \quad S_i = \textstyle\sum_j f(k_j) (v_j, 1)^\top,"
        r" \quad \bar{y}_i = \frac{(\delta_i, -\delta_i^\top z_i)}{y_{i, e+1}}, \quad y_i = S_i^\top f(q_i)",
        r"f'(k_j) \circ R_j (v_j, 1), \quad R_j = \textstyle\sum_i f(q_i) \bar{y}_i^\top",
        r"(R_j^\top f(k_j))_{1 \ldots e}",
    ),
    source=paper("Linear attention", "13, 14, 15"),
    saves="y",
)
def linear_attention_vjp(delta, q, k, v, is_causal=False):
    """Sums over all keys and over all queries; if it is causal, running sums forth and back, of which none is kept.

    The weights' sum is what queries gather of a value of one, and z is what they gather, divided by it.
    """
    f, g, ones = _features(q), _features(k), _with_ones(v)

    def divided(delta, y):
        total = y[..., -1:]
        of_total = _dot(delta, y[..., :-1]) / total
        return jnp.concatenate([delta, -of_total], axis=-1) / total

    def forth(state, at):
        delta, f, g, v = at
        state = state + _outer(g, v)
        dy = divided(delta, _from_left(f, state))
        return state, (dy, _from_right(state, dy))

    def back(state, at):
        dy, f, g, v = at
        state = state + _outer(f, dy)
        return state, (_from_right(state, v), _from_left(g, state))

    if is_causal:
        nothing, given = _no_state(g, ones), _by_time(f, g, ones)
        _, (dy, df) = jax.lax.scan(forth, nothing, (*_by_time(delta), *given))
        _, (dg, dv) = jax.lax.scan(back, nothing, (dy, *given), reverse=True)
        df, dg, dv = _in_place(df, dg, dv)
    else:
        state = g.mT @ ones
        dy = divided(delta, f @ state)
        gathered = f.mT @ dy
        df, dg, dv = dy @ state.mT, ones @ gathered.mT, g @ gathered
    return df * _features_derivative(q), dg * _features_derivative(k), dv[..., :-1]


Gates: TypeAlias = Annotated[Float[Array, "... t"], _inside]


@checked
def gated_delta_rule(
    q: Vectors, k: Annotated[Float[Array, "... t d"], _inside], v: Values, alpha: Gates, beta: Gates
) -> Values:
    """o = S'q of a memory S that fades by alpha, and whose value at k moves towards v by a share beta.

    S_t = alpha S_{t-1} + beta k (v - alpha S_{t-1}' k)'. Usually keys are of length one, alpha and beta within 0 and 1.
    """

    def step(S, at):
        q, *writes = at
        S = _rewritten(S, *writes)
        return S, _from_left(q, S)

    given = _by_time(q, k, v, alpha[..., None], beta[..., None])
    return _in_place(jax.lax.scan(step, _no_state(k, v), given)[1])[0]


def _rewritten(S, k, v, alpha, beta):
    """The memory after a key and its value."""
    return alpha[..., None] * S + _outer(k, beta * (v - alpha * _from_left(k, S)))


@vjp(
    gated_delta_rule,
    wrt=("q", "k", "v", "alpha", "beta"),
    states=(
        r"S_t \delta_t",
        r"\bar{S}_t w_t - \alpha_t \beta_t S_{t-1} \bar{w}_t, \quad \bar{w}_t = \bar{S}_t^\top k_t, \quad"
        r" w_t = \beta_t r_t, \quad r_t = v_t - \alpha_t S_{t-1}^\top k_t, \quad \bar{S}_t = q_t \delta_t^\top +"
        r" \alpha_{t+1} (\bar{S}_{t+1} - \beta_{t+1} k_{t+1} \bar{w}_{t+1}^\top)",
        r"\beta_t \bar{w}_t",
        r"\langle \bar{S}_t, S_{t-1} \rangle - \beta_t \bar{w}_t^\top S_{t-1}^\top k_t",
        r"\bar{w}_t^\top r_t",
    ),
    source=paper("Gated Delta Networks", "10"),
    saves="S_t",
)
def gated_delta_rule_vjp(delta, q, k, v, alpha, beta):
    """The memory's cotangent goes back in time as the memory came, with the memories that were there."""
    delta, q, *writes = _by_time(delta, q, k, v, alpha[..., None], beta[..., None])
    nothing = _no_state(k, v)
    _, memories = jax.lax.scan(lambda S, at: (_rewritten(S, *at), S), nothing, tuple(writes))

    def back(dS, at):
        S, delta, q, k, v, alpha, beta = at
        u = _from_left(k, S)
        r = v - alpha * u
        dS = dS + _outer(q, delta)
        dw = _from_left(k, dS)
        by_q = alpha * _from_right(S, delta) + k * beta * _dot(r, delta)
        by_k = beta * (_from_right(dS, r) - alpha * _from_right(S, dw))
        by_alpha = (dS * S).sum((-2, -1))[..., None] - beta * _dot(dw, u)
        return alpha[..., None] * (dS - _outer(k, beta * dw)), (by_q, by_k, beta * dw, by_alpha, _dot(dw, r))

    _, gradients = jax.lax.scan(back, nothing, (memories, delta, q, *writes), reverse=True)
    dq, dk, dv, dalpha, dbeta = _in_place(*gradients)
    return dq, dk, dv, dalpha[..., 0], dbeta[..., 0]
