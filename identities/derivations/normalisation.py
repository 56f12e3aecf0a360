"""Normalisation of rows: what a row does to its own mean and variance comes back through both.

All of it is for each row; c is its length, mu the mean over it, g the cotangent of the normalised row.
"""

import jax
import jax.numpy as jnp

from identities.derivation import derivation, derivative, equation, function


@derivation
def layer_norm_vjp(delta, x, w, b, eps=1e-5):
    """Three ways lead from an entry of x to the result: the entry itself, the mean, and the deviation."""
    c, rows = x.shape[-1], tuple(range(x.ndim - 1))
    sigma = jnp.sqrt(x.var(-1, keepdims=True) + eps)
    xhat = (x - x.mean(-1, keepdims=True)) / sigma
    yield function(
        r"z_i = w_i \hat{x}_i + b_i, \quad \hat{x}_i = \frac{x_i - \mu}{\sigma},"
        r" \quad \mu = \frac{1}{c} \sum_k x_k, \quad \sigma = \sqrt{\frac{1}{c} \sum_k (x_k - \mu)^2 + \epsilon}",
        xhat * w + b,
        "each row by itself",
    )
    yield derivative(
        r"\frac{\partial J}{\partial b_i} = \sum \delta_i",
        delta.sum(rows),
        "b is added to every row: summed over rows",
        by="b",
    )
    yield derivative(
        r"\frac{\partial J}{\partial w_i} = \sum \delta_i \hat{x}_i",
        (delta * xhat).sum(rows),
        "w multiplies every row: summed over rows",
        by="w",
    )
    g = delta * w
    yield equation(
        r"\frac{\partial J}{\partial \hat{x}_i} = g_i = \delta_i w_i",
        jax.vjp(lambda h: h * w + b, xhat)[1](delta)[0],
        g,
        "the rest goes through the normalised row (the left side by automatic differentiation)",
    )
    yield equation(
        r"\frac{\partial \sigma}{\partial x_j} = \frac{1}{2 \sigma} \frac{2}{c} \sum_k (x_k - \mu)"
        r" \left(I_{kj} - \frac{1}{c}\right) = \frac{\hat{x}_j}{c}",
        jax.grad(lambda x: jnp.sqrt(x.var(-1) + eps).sum())(x),
        xhat / c,
        "chain rule; deviations sum to zero, so that 1/c drops out (the left side by automatic differentiation)",
    )
    P = jnp.eye(c) - 1 / c - xhat[..., :, None] * xhat[..., None, :] / c
    yield derivative(
        r"\frac{\partial J}{\partial x_j} = \sum_i g_i \frac{\partial \hat{x}_i}{\partial x_j} = \frac{1}{\sigma}"
        r" \sum_i g_i \left(I_{ij} - \frac{1}{c} - \frac{\hat{x}_i \hat{x}_j}{c}\right)",
        jnp.einsum("...i,...ij->...j", g, P) / sigma,
        "quotient rule: the entry itself, the mean, and the deviation",
        by="x",
    )
    yield derivative(
        r"= \frac{1}{\sigma} \left(g_j - \frac{1}{c} \sum_i g_i - \hat{x}_j \frac{1}{c} \sum_i g_i \hat{x}_i\right)",
        (g - g.sum(-1, keepdims=True) / c - xhat * (g * xhat).sum(-1, keepdims=True) / c) / sigma,
        "one sum for each of the three",
        by="x",
    )
    yield derivative(
        r"\frac{\partial J}{\partial x} = \frac{1}{\sigma} \left(g - \mu(g) - \hat{x} \, \mu(g \circ \hat{x})\right)",
        (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / sigma,
        "two means",
        by="x",
    )


@derivation
def rms_norm_vjp(delta, x, w, eps=1e-5):
    """Without a mean, two of the three ways are left."""
    c, rows = x.shape[-1], tuple(range(x.ndim - 1))
    sigma = jnp.sqrt((x * x).mean(-1, keepdims=True) + eps)
    xhat = x / sigma
    yield function(
        r"z_i = w_i \hat{x}_i, \quad \hat{x}_i = \frac{x_i}{\sigma},"
        r" \quad \sigma = \sqrt{\frac{1}{c} \sum_k x_k^2 + \epsilon}",
        xhat * w,
        "each row by itself",
    )
    yield derivative(
        r"\frac{\partial J}{\partial w_i} = \sum \delta_i \hat{x}_i",
        (delta * xhat).sum(rows),
        "w multiplies every row: summed over rows",
        by="w",
    )
    g = delta * w
    yield equation(
        r"\frac{\partial \sigma}{\partial x_j} = \frac{1}{2 \sigma} \frac{2 x_j}{c} = \frac{\hat{x}_j}{c}",
        jax.grad(lambda x: jnp.sqrt((x * x).mean(-1) + eps).sum())(x),
        xhat / c,
        "chain rule (the left side by automatic differentiation)",
    )
    P = jnp.eye(c) - xhat[..., :, None] * xhat[..., None, :] / c
    yield derivative(
        r"\frac{\partial J}{\partial x_j}"
        r" = \frac{1}{\sigma} \sum_i g_i \left(I_{ij} - \frac{\hat{x}_i \hat{x}_j}{c}\right), \quad g = \delta \circ w",
        jnp.einsum("...i,...ij->...j", g, P) / sigma,
        "quotient rule: the entry itself, and the root of the mean square",
        by="x",
    )
    yield derivative(
        r"\frac{\partial J}{\partial x} = \frac{1}{\sigma} \left(g - \hat{x} \, \mu(g \circ \hat{x})\right)",
        (g - xhat * (g * xhat).mean(-1, keepdims=True)) / sigma,
        "one mean",
        by="x",
    )
