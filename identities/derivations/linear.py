"""The notes' identities (1) to (3), (5), (6) and (8): products of a matrix and a vector, and the squared norm.

I is the identity matrix: what an entry of an argument does when another one moves.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.derivation import derivation, derivative, equation, function


@derivation
def matvec_jacobian_x(W, x):
    """What entry i of the result does when entry j of x moves."""
    yield function(r"z_i = \sum_k W_{ik} x_k", jnp.sum(W * x, axis=1), "entry i of the product")
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = \sum_k W_{ik} \frac{\partial x_k}{\partial x_j} = \sum_k W_{ik} I_{kj}",
        jnp.einsum("ik,kj->ij", W, I),
        "W does not depend on x, and x_k moves with x_j where k = j alone",
    )
    yield derivative(r"= W_{ij}", W, "of the sum, the term k = j is left")


@derivation
def vecmat_jacobian_x(x: Float[Array, " n"], W):
    """As for a column, with the indices of W the other way around."""
    yield function(r"z_j = \sum_k x_k W_{kj}", jnp.sum(x[:, None] * W, axis=0), "entry j of the product")
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial z_j}{\partial x_i} = \sum_k \frac{\partial x_k}{\partial x_i} W_{kj} = \sum_k I_{ki} W_{kj}",
        jnp.einsum("ki,kj->ji", I, W),
        "j, the index of the result, comes first in a Jacobian",
    )
    yield derivative(r"= W_{ij} = (W^\top)_{ji}", W.T, "of the sum, the term k = i is left")


@derivation
def identity_map_jacobian(x):
    """Each entry is itself."""
    yield function(r"z_i = x_i", x)
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial z_i}{\partial x_j} = \frac{\partial x_i}{\partial x_j} = I_{ij}",
        I,
        "one where i = j, else zero",
    )


@derivation
def matvec_vjp_W(delta, W, x):
    """The tensor of all derivatives has three indices; a cotangent contracts it to an outer product."""
    n, m = W.shape
    yield function(r"z_k = \sum_l W_{kl} x_l", W @ x, "entry k of the product")
    of_rows, of_columns = jnp.eye(n), jnp.eye(m)
    yield equation(
        r"\frac{\partial z_k}{\partial W_{ij}} = \sum_l I_{ki} I_{lj} x_l",
        jax.jacobian(lambda W: W @ x)(W),
        jnp.einsum("ki,lj,l->kij", of_rows, of_columns, x),
        "W_kl moves with W_ij where k = i and l = j alone (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial J}{\partial W_{ij}} = \sum_k \delta_k \frac{\partial z_k}{\partial W_{ij}}"
        r" = \sum_k \delta_k I_{ki} x_j",
        jnp.einsum("k,ki,j->ij", delta, of_rows, x),
        "chain rule over all entries of z; of the sum over l, the term l = j is left",
    )
    yield derivative(r"= \delta_i x_j", delta[:, None] * x, "of the sum over k, the term k = i is left")
    yield derivative(r"\frac{\partial J}{\partial W} = \delta^\top x^\top", jnp.outer(delta, x), "the outer product")


@derivation
def matvec_jacobian_W(W, x):
    """The tensor of all derivatives, most of which are zero."""
    n, m = W.shape
    yield function(r"z_k = \sum_l W_{kl} x_l", W @ x, "entry k of the product")
    of_rows, of_columns = jnp.eye(n), jnp.eye(m)
    yield derivative(
        r"\frac{\partial z_k}{\partial W_{ij}} = \sum_l \frac{\partial W_{kl}}{\partial W_{ij}} x_l"
        r" = \sum_l I_{ki} I_{lj} x_l",
        jnp.einsum("ki,lj,l->kij", of_rows, of_columns, x),
        "W_kl moves with W_ij where k = i and l = j alone",
    )
    yield derivative(r"= I_{ki} x_j", of_rows[:, :, None] * x, "of the sum, the term l = j is left")


@derivation
def vecmat_vjp_W(delta, x: Float[Array, " n"], W):
    """As for a column: the factors of the outer product change places."""
    n, m = W.shape
    yield function(r"z_k = \sum_l x_l W_{lk}", x @ W, "entry k of the product")
    of_rows, of_columns = jnp.eye(n), jnp.eye(m)
    yield equation(
        r"\frac{\partial z_k}{\partial W_{ij}} = \sum_l x_l I_{li} I_{kj}",
        jax.jacobian(lambda W: x @ W)(W),
        jnp.einsum("l,li,kj->kij", x, of_rows, of_columns),
        "W_lk moves with W_ij where l = i and k = j alone (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial J}{\partial W_{ij}} = \sum_k \delta_k \frac{\partial z_k}{\partial W_{ij}}"
        r" = \sum_k \delta_k x_i I_{kj}",
        jnp.einsum("k,i,kj->ij", delta, x, of_columns),
        "chain rule over all entries of z; of the sum over l, the term l = i is left",
    )
    yield derivative(r"= x_i \delta_j", x[:, None] * delta, "of the sum over k, the term k = j is left")
    yield derivative(r"\frac{\partial J}{\partial W} = x^\top \delta", jnp.outer(x, delta), "the outer product")


@derivation
def vecmat_jacobian_W(x: Float[Array, " n"], W):
    """The tensor of all derivatives, most of which are zero."""
    n, m = W.shape
    yield function(r"z_k = \sum_l x_l W_{lk}", x @ W, "entry k of the product")
    of_rows, of_columns = jnp.eye(n), jnp.eye(m)
    yield derivative(
        r"\frac{\partial z_k}{\partial W_{ij}} = \sum_l x_l \frac{\partial W_{lk}}{\partial W_{ij}}"
        r" = \sum_l x_l I_{li} I_{jk}",
        jnp.einsum("l,li,jk->kij", x, of_rows, of_columns),
        "W_lk moves with W_ij where l = i and k = j alone",
    )
    yield derivative(r"= x_i I_{jk}", of_columns[:, None, :] * x[:, None], "of the sum, the term l = i is left")


@derivation
def squared_norm_jacobian(x):
    """The product rule, on a sum of products."""
    yield function(r"\lVert x \rVert^2 = \sum_i x_i x_i", jnp.sum(x * x))
    I = jnp.eye(x.shape[0])
    yield derivative(
        r"\frac{\partial}{\partial x_j} \sum_i x_i x_i = \sum_i I_{ij} x_i + x_i I_{ij}",
        I.T @ x + x @ I,
        "product rule",
    )
    yield derivative(r"= x_j + x_j = 2 x_j", 2 * x, "of each sum, the term i = j is left")


@derivation
def squared_norm_hessian(x):
    """The derivative of the derivative."""
    I = jnp.eye(x.shape[0])
    yield equation(
        r"\frac{\partial}{\partial x_j} \lVert x \rVert^2 = 2 x_j",
        jax.grad(lambda x: x @ x)(x),
        2 * x,
        "identity (8) (the left side by automatic differentiation)",
    )
    yield derivative(
        r"\frac{\partial^2}{\partial x_k \partial x_j} \lVert x \rVert^2"
        r" = 2 \frac{\partial x_j}{\partial x_k} = 2 I_{jk}",
        2 * I,
        "identity (3)",
    )
