"""Pixels in other places: moved between channels and space, and repeated beyond the edges."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.options import OneOf, Static, Tried
from identities.sources import torch

Factor: TypeAlias = Annotated[int, Static(1, 2)]
_few = Drawn(largest=4)


def _into_space(x, r):
    *batch, c, h, w = x.shape
    x = x.reshape(*batch, c // r**2, r, r, h, w)
    return jnp.moveaxis(x, (-4, -3), (-3, -1)).reshape(*batch, c // r**2, h * r, w * r)


def _into_channels(x, r):
    *batch, c, h, w = x.shape
    x = x.reshape(*batch, c, h // r, r, w // r, r)
    return jnp.moveaxis(x, (-3, -1), (-4, -3)).reshape(*batch, c * r**2, h // r, w // r)


@checked
def pixel_shuffle(
    x: Annotated[
        Float[Array, "c*upscale_factor*upscale_factor h w"] | Float[Array, "b c*upscale_factor*upscale_factor h w"],
        _few,
    ],
    upscale_factor: Factor,
) -> Float[Array, "c h*upscale_factor w*upscale_factor"] | Float[Array, "b c h*upscale_factor w*upscale_factor"]:
    """Channel (c, i, j) at (h, w) to channel c at (h * factor + i, w * factor + j)."""
    return _into_space(x, upscale_factor)


@vjp(
    pixel_shuffle,
    wrt="x",
    states=r"\bar{x}_{(c, i, j), h, w} = \delta_{c, hr + i, wr + j}",
    source=torch("pixel_shuffle"),
)
def pixel_shuffle_vjp(delta, x, upscale_factor):
    """Every cotangent to where its pixel is from."""
    return _into_channels(delta, upscale_factor)


@checked
def pixel_unshuffle(
    x: Annotated[
        Float[Array, "c h*downscale_factor w*downscale_factor"]
        | Float[Array, "b c h*downscale_factor w*downscale_factor"],
        _few,
    ],
    downscale_factor: Factor,
) -> (
    Float[Array, "c*downscale_factor*downscale_factor h w"] | Float[Array, "b c*downscale_factor*downscale_factor h w"]
):
    """What `pixel_shuffle` undoes."""
    return _into_channels(x, downscale_factor)


@vjp(
    pixel_unshuffle,
    wrt="x",
    states=r"\bar{x}_{c, hr + i, wr + j} = \delta_{(c, i, j), h, w}",
    source=torch("pixel_unshuffle"),
)
def pixel_unshuffle_vjp(delta, x, downscale_factor):
    """Every cotangent to where its pixel is from."""
    return _into_space(delta, downscale_factor)


_padded = Drawn(admits=lambda shape: min(shape[2:]) > 1 and shape[-1] > 2, largest=4)  # as far as reflections reach

Unpadded: TypeAlias = Annotated[Float[Array, "b c t"] | Float[Array, "b c h t"] | Float[Array, "b c d h t"], _padded]
_T, _H, _D = "t+left+right", "h+top+bottom", "d+front+back"
Padded: TypeAlias = Float[Array, f"b c {_T}"] | Float[Array, f"b c {_H} {_T}"] | Float[Array, f"b c {_D} {_H} {_T}"]
Two: TypeAlias = Annotated[int, Static(0, 2)]
One: TypeAlias = Annotated[int, Static(0, 1)]

_IN_NUMPY = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
Mode: TypeAlias = Annotated[str, OneOf(*_IN_NUMPY)]


@checked
def pad(
    x: Unpadded,
    left: Two,
    right: Two,
    top: One = 0,
    bottom: One = 0,
    front: One = 0,
    back: One = 0,
    mode: Mode = "constant",
    value: Annotated[float, Tried(0.0, 0.5)] = 0.0,
) -> Padded:
    """More entries before and behind: a value, or those that are there, mirrored, repeated or from the other end.

    What one, two or three axes of space have is told in the order of PyTorch, from the last axis on. A mirror has no
    more entries than one less than there are, and the other end no more than there are.
    """
    widths = ((front, back), (top, bottom), (left, right))[5 - x.ndim :]
    options = {"constant_values": value} if mode == "constant" else {}
    return jnp.pad(x, ((0, 0), (0, 0), *widths), mode=_IN_NUMPY[mode], **options)


def _constant(before, inside, behind):
    return inside


def _reflect(before, inside, behind):
    n = len(inside)
    return inside + _placed(before[::-1], 1, n) + _placed(behind[::-1], n - 1 - len(behind), n)


def _replicate(before, inside, behind):
    n = len(inside)
    return inside + _placed(before.sum(0)[None], 0, n) + _placed(behind.sum(0)[None], n - 1, n)


def _circular(before, inside, behind):
    n = len(inside)
    return inside + _placed(before, n - len(before), n) + _placed(behind, 0, n)


_FOLDED = {"constant": _constant, "reflect": _reflect, "replicate": _replicate, "circular": _circular}
"""What is added to the entries inside of an axis, of those before and behind."""


def _placed(a, start, n):
    """Some of n entries, from a start on, among zeros."""
    return jnp.pad(a, [(start, n - start - len(a))] + [(0, 0)] * (a.ndim - 1))


def _folded(delta, axis, before, behind, mode):
    delta = jnp.moveaxis(delta, axis, 0)
    end = len(delta) - behind
    return jnp.moveaxis(_FOLDED[mode](delta[:before], delta[before:end], delta[end:]), 0, axis)


@vjp(
    pad,
    wrt="x",
    states=r"\bar{x}_i = \textstyle\sum_{j \,:\, s(j) = i} \delta_j, \quad z_j = x_{s(j)} \text{ or a constant}",
    source=torch("pad"),
)
def pad_vjp(delta, x, left, right, top=0, bottom=0, front=0, back=0, mode="constant", value=0.0):
    """Cotangents from beyond the edges are folded back on the entries that stand there, axis after axis."""
    widths = ((left, right), (top, bottom), (front, back))
    for axis, (before, behind) in zip(range(-1, 1 - x.ndim, -1), widths, strict=False):
        delta = _folded(delta, axis, before, behind, mode)
    return delta
