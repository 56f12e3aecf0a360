"""Attention: two products, with a softmax between them, taken back one by one."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.derivation import derivation, derivative, equation, function
from identities.layers.heads import few, several_keys

Queries = Annotated[Float[Array, "t d"], few]
Keys = Annotated[Float[Array, "s d"], several_keys]
Values = Annotated[Float[Array, "s e"], few]


@derivation
def scaled_dot_product_attention_vjp(delta, q: Queries, k: Keys, v: Values):
    """One head, in which every query sees every key, with the usual scale.

    A prime is the cotangent of what it stands at.
    """
    c = 1 / jnp.sqrt(q.shape[-1])
    S = c * q @ k.T
    P = jax.nn.softmax(S)
    z = P @ v
    yield function(
        r"z_i = \sum_j P_{ij} v_j, \quad P_{ij} = \frac{e^{S_{ij}}}{\sum_l e^{S_{il}}},"
        r" \quad S_{ij} = c q_i^\top k_j, \quad c = \frac{1}{\sqrt{d}}",
        z,
        "for each query, the mean of the values by the weights of their keys",
    )
    yield derivative(
        r"\frac{\partial J}{\partial v_j} = \sum_i P_{ij} \delta_i",
        P.T @ delta,
        "identity (5), entry by entry: v_j is in every z_i, with weight P_ij",
        by="v",
    )
    dP = delta @ v.T
    yield equation(
        r"P'_{ij} = \delta_i^\top v_j",
        jax.vjp(lambda P: P @ v, P)[1](delta)[0],
        dP,
        "P_ij is in z_i alone, with factor v_j (the left side by automatic differentiation)",
    )
    dS = P * (dP - jnp.sum(P * dP, axis=1, keepdims=True))
    yield equation(
        r"S'_{ij} = P_{ij} \left(P'_{ij} - \sum_l P_{il} P'_{il}\right)",
        jax.vjp(jax.nn.softmax, S)[1](dP)[0],
        dS,
        "the softmax of each row, see softmax_vjp (the left side by automatic differentiation)",
    )
    D = jnp.sum(delta * z, axis=1, keepdims=True)
    yield equation(
        r"\sum_l P_{il} P'_{il} = \delta_i^\top \sum_l P_{il} v_l = \delta_i^\top z_i = D_i",
        jnp.sum(P * dP, axis=1, keepdims=True),
        D,
        "the result itself appears: no sum over keys, and no weights, are needed for it",
    )
    dS = P * (dP - D)
    yield derivative(
        r"\frac{\partial J}{\partial q_i} = c \sum_j S'_{ij} k_j, \quad S'_{ij} = P_{ij} (\delta_i^\top v_j - D_i)",
        c * dS @ k,
        "q_i is in row i of the scores, with factor c k_j",
        by="q",
    )
    yield derivative(
        r"\frac{\partial J}{\partial k_j} = c \sum_i S'_{ij} q_i",
        c * dS.T @ q,
        "k_j is in column j of the scores, with factor c q_i",
        by="k",
    )
