"""Gated linear units: one half of what comes in, through an activation, times the other half."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.diagonal import Kinked
from identities.domains import Drawn, inside_unit_interval
from identities.elementwise import (
    Approximate,
    gelu,
    gelu_derivative,
    relu,
    relu_derivative,
    sigmoid_derivative,
    silu,
    silu_derivative,
)
from identities.options import OneOf
from identities.sources import paper, torch

Rows: TypeAlias = Float[Array, "... n"]


@checked
def glu(x: Float[Array, "... 2*n"]) -> Rows:
    """z = a sigma(b), of the two halves of x."""
    a, b = jnp.split(x, 2, -1)
    return a * jax.nn.sigmoid(b)


@vjp(
    glu,
    states=r"\frac{\partial J}{\partial x}"
    r" = \left(\delta \circ \sigma(b), \delta \circ a \circ \sigma(b) (1 - \sigma(b))\right)",
    source=(torch("glu"), paper("GLU Variants", "4")),
)
def glu_vjp(delta, x):
    """The product rule, of both halves side by side."""
    a, b = jnp.split(x, 2, -1)
    return jnp.concatenate([delta * jax.nn.sigmoid(b), delta * a * sigmoid_derivative(b)], -1)


@checked
def swiglu(a: Rows, b: Rows) -> Rows:
    """z = silu(a) b."""
    return jax.nn.silu(a) * b


@vjp(
    swiglu,
    wrt=("a", "b"),
    states=(r"\delta \circ b \circ \sigma(a) (1 + a (1 - \sigma(a)))", r"\delta \circ a \circ \sigma(a)"),
    source=paper("GLU Variants", "5"),
)
def swiglu_vjp(delta, a, b):
    """The product rule."""
    return delta * b * silu_derivative(a), delta * jax.nn.silu(a)


@checked
def geglu(a: Rows, b: Rows, approximate: Approximate = "none") -> Rows:
    """z = gelu(a) b."""
    return gelu(a, approximate) * b


@vjp(
    geglu,
    wrt=("a", "b"),
    states=(r"\delta \circ b \circ (\Phi(a) + a \varphi(a))", r"\delta \circ a \circ \Phi(a)"),
    source=paper("GLU Variants", "5"),
)
def geglu_vjp(delta, a, b, approximate="none"):
    """The product rule."""
    return delta * b * gelu_derivative(a, approximate), delta * gelu(a, approximate)


@checked
def reglu(a: Kinked, b: Rows) -> Rows:
    """z = max(a, 0) b."""
    return jax.nn.relu(a) * b


@vjp(
    reglu,
    wrt=("a", "b"),
    states=(r"\delta \circ b \circ [a > 0]", r"\delta \circ \max(a, 0)"),
    source=paper("GLU Variants", "5"),
)
def reglu_vjp(delta, a, b):
    """The product rule."""
    return delta * b * relu_derivative(a), delta * jax.nn.relu(a)


def _uneven(z):
    """Moderate, and such that hardly any product is zero, where relu has its kink."""
    return 2 * inside_unit_interval.project(z) + 0.1 * np.cos(np.arange(z[0].size)).reshape(z[0].shape)


_moderate = Drawn(_uneven, admits=lambda shape: len(shape) < 3, largest=3)

_GATES = {"silu": (silu, silu_derivative), "gelu": (gelu, gelu_derivative), "relu": (relu, relu_derivative)}


@checked
def gated_ffn(
    x: Annotated[Float[Array, "... d"], _moderate],
    W: Annotated[Float[Array, "d h"], _moderate],
    V: Float[Array, "d h"],
    W2: Float[Array, "h d"],
    activation: Annotated[str, OneOf(*_GATES)] = "silu",
) -> Float[Array, "... d"]:
    """z = (f(x W) * x V) W2: the feed-forward layer with SwiGLU, GEGLU or ReGLU, f being silu, gelu or relu."""
    return (_GATES[activation][0](x @ W) * (x @ V)) @ W2


@vjp(
    gated_ffn,
    wrt=("x", "W", "V", "W2"),
    states=(
        r"\bar{a} W^\top + \bar{b} V^\top",
        r"x^\top \bar{a}, \quad \bar{a} = \delta W_2^\top \circ b \circ f'(a)",
        r"x^\top \bar{b}, \quad \bar{b} = \delta W_2^\top \circ f(a)",
        r"(f(a) \circ b)^\top \delta, \quad a = x W, \quad b = x V",
    ),
    source=paper("GLU Variants", "6"),
    saves="a, b",
)
def gated_ffn_vjp(delta, x, W, V, W2, activation="silu"):
    """That of the gate, between those of three products."""
    f, derivative = _GATES[activation]
    a, b = x @ W, x @ V
    gate, dhidden = f(a), delta @ W2.T
    da, db = dhidden * b * derivative(a), dhidden * gate
    return da @ W.T + db @ V.T, _of_weights(x, da), _of_weights(x, db), _of_weights(gate * b, delta)


def _of_weights(x, delta):
    """Of what x is multiplied with: x^T delta, over all rows of all leading axes."""
    rows = tuple(range(x.ndim - 1))
    return jnp.tensordot(x, delta, (rows, rows))
