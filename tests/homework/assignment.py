"""What a class is asked for: ten layers, each as one function in JAX, and where their gradients are."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from identities import Choice, adapt, domains

Labels = Annotated[Int[Array, " n"], domains.index("c")]

CANDIDATES = {
    "softmax_loss_backward": adapt.from_loss_and_gradients("softmax_loss"),
    "svm_loss_backward": adapt.from_loss_and_gradients("svm_loss"),
}


def affine(x: Float[Array, "n d"], w: Float[Array, "d m"], b: Float[Array, " m"]) -> Float[Array, "n m"]:
    return x @ w + b


def relu(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    return jnp.maximum(x, 0)


def conv(
    x: Float[Array, "n c h w"], w: Float[Array, "f c kh kw"], b: Float[Array, " f"], pad: int = 0
) -> Float[Array, "n f h-kh+1 w-kw+1"]:
    dims = ("NCHW", "OIHW", "NCHW")
    return jax.lax.conv_general_dilated(x, w, (1, 1), [(pad, pad)] * 2, dimension_numbers=dims) + b[:, None, None]


def max_pool(x: Float[Array, "n c 2*h 2*w"]) -> Float[Array, "n c h w"]:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))


def batchnorm(
    x: Float[Array, "n d"], gamma: Float[Array, " d"], beta: Float[Array, " d"], eps: float = 1e-5
) -> Float[Array, "n d"]:
    return gamma * (x - x.mean(0)) / jnp.sqrt(x.var(0) + eps) + beta


def layernorm(
    x: Float[Array, "n d"], gamma: Float[Array, " d"], beta: Float[Array, " d"], eps: float = 1e-5
) -> Float[Array, "n d"]:
    centred = x - x.mean(1, keepdims=True)
    return gamma * centred / jnp.sqrt((centred**2).mean(1, keepdims=True) + eps) + beta


def dropout(
    x: Float[Array, "n d"], mask: Bool[Array, "n d"], p: Annotated[float, Choice(0.5, 0.8)]
) -> Float[Array, "n d"]:
    return jnp.where(mask, x / p, 0)


def softmax_loss(x: Float[Array, "n c"], y: Labels) -> Float[Array, ""]:
    return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()


def svm_loss(x: Float[Array, "n c"], y: Labels) -> Float[Array, ""]:
    margins = jnp.maximum(0, x - jnp.take_along_axis(x, y[:, None], 1) + 1)
    return (margins.sum(1) - 1).mean()


def lstm_step(
    x: Float[Array, "n d"],
    prev_h: Float[Array, "n m"],
    prev_c: Float[Array, "n m"],
    Wx: Float[Array, "d 4*m"],
    Wh: Float[Array, "m 4*m"],
    b: Float[Array, " 4*m"],
) -> tuple[Float[Array, "n m"], Float[Array, "n m"]]:
    i, f, o, g = jnp.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    next_c = jax.nn.sigmoid(f) * prev_c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(next_c), next_c
