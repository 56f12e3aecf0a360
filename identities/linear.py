"""Products of a matrix and a vector, and the identity map."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import jacobian, vjp
from identities.checking import checked
from identities.sources import notes


@checked
def matvec(W: Float[Array, "n m"], x: Float[Array, " m"]) -> Float[Array, " n"]:
    """z = Wx, matrix times column vector."""
    return W @ x


@checked
def vecmat(
    x: Float[Array, " n"] | Float[Array, "1 n"], W: Float[Array, "n m"]
) -> Float[Array, " m"] | Float[Array, "1 m"]:
    """z = xW, row vector times matrix; the row may be given as (n,) or as (1, n), and comes back alike."""
    return x @ W


@checked
def identity_map(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """z = x."""
    return x


@jacobian(matvec, wrt="x", states=r"\frac{\partial Wx}{\partial x} = W", source=notes(1), exact=True)
def matvec_jacobian_x(W, x):
    """W itself, shape (n, m)."""
    return W


@jacobian(vecmat, wrt="x", states=r"\frac{\partial xW}{\partial x} = W^\top", source=notes(2), exact=True)
def vecmat_jacobian_x(x, W):
    """The transpose of W, shape (m, n)."""
    return W.T


@jacobian(identity_map, states=r"\frac{\partial x}{\partial x} = I", source=notes(3), exact=True)
def identity_map_jacobian(x):
    """The identity matrix, shape (n, n)."""
    return jnp.eye(x.shape[0], dtype=x.dtype)


@vjp(
    matvec,
    wrt="W",
    states=r"z = Wx: \quad \frac{\partial J}{\partial W} = \delta^\top x^\top",
    source=notes(5),
    exact=True,
)
def matvec_vjp_W(delta, W, x):
    """The outer product of cotangent and input, shape (n, m)."""
    return jnp.outer(delta, x)


@jacobian(matvec, wrt="W", states=r"\frac{\partial (Wx)_k}{\partial W_{ij}} = I_{ki} x_j", source=notes(5), exact=True)
def matvec_jacobian_W(W, x):
    """The full tensor that `matvec_vjp_W` contracts with the cotangent, shape (n, n, m)."""
    return jnp.eye(W.shape[0], dtype=x.dtype)[:, :, None] * x


@vjp(
    vecmat, wrt="W", states=r"z = xW: \quad \frac{\partial J}{\partial W} = x^\top \delta", source=notes(6), exact=True
)
def vecmat_vjp_W(delta, x, W):
    """The outer product of input and cotangent, shape (n, m)."""
    return jnp.outer(x, delta)


@jacobian(vecmat, wrt="W", states=r"\frac{\partial (xW)_k}{\partial W_{ij}} = x_i I_{jk}", source=notes(6), exact=True)
def vecmat_jacobian_W(x, W):
    """The full tensor that `vecmat_vjp_W` contracts with the cotangent, shape (m, n, m)."""
    return jnp.eye(W.shape[1], dtype=x.dtype)[:, None, :] * x.reshape(-1, 1)
