"""Pooling: the mean, the largest or the p-norm of the entries of each window.

In one, two or three dimensions, each with options of its own or all with the same. The mean, the largest entry and the
p-norm of a box are those of its rows' ones, so that every step is along one axis, and so is every step of the way back.

In the statements, W_i is a window, and the sums are over the windows that the entry j is in. Entries that share the
largest value share the cotangent, as they do in `jax.numpy.max`.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.layers.windows import (
    Dilation,
    KernelSize,
    Padding,
    Sizes,
    Stride,
    Windows,
    added,
    few,
    outer,
    padded,
    space,
    spread,
    taps,
    windows_along,
)
from identities.options import OneOf, Tried
from identities.sources import torch

CeilMode: TypeAlias = Annotated[bool, OneOf(False, True)]
Images: TypeAlias = Annotated[Float[Array, "b c t"] | Float[Array, "b c t h"] | Float[Array, "b c t h u"], few]


def _counts(padding: str = "0", dilation: str = "1") -> list[str]:
    """How many windows there are along each axis; in `ceil_mode`, of those that begin within the image."""
    count = "min(({n}+2*{p}-({d}*({k}-1)+1)+ceil_mode*({s}-1))//{s},({n}+{p}-1)//{s})+1"
    names = {"s": "stride[{i}]", "k": "kernel_size[{i}]", "p": padding, "d": dilation}
    return [count.format(n=n, **{key: name.format(i=i) for key, name in names.items()}) for i, n in enumerate("thu")]


_T, _H, _U = _counts("padding[{i}]", "dilation[{i}]")
DilatedPooled: TypeAlias = (
    Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]
)
_T, _H, _U = _counts("padding[{i}]")
PaddedPooled: TypeAlias = (
    Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]
)
_T, _H, _U = _counts()
Pooled: TypeAlias = Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]


def _windows(
    x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes = 0, dilation: Sizes = 1, ceil_mode: bool = False
) -> list[Windows]:
    """Those along each axis of space."""
    return [along.checked() for along in windows_along(x.ndim - 2, kernel_size, stride, padding, dilation, ceil_mode)]


def _of_each(x: Array, boxes: Sequence[Windows], include_pad: bool = True) -> Array:
    """How many entries of each window are averaged: all that are not beyond the padding, or beyond the image."""

    def along(n: int, windows: Windows) -> np.ndarray:
        starts = windows.stride * np.arange(windows.count(n)) - windows.padding
        ends = np.minimum(starts + windows.size, n + windows.padding)
        return ends - starts if include_pad else np.minimum(ends, n) - np.maximum(starts, 0)

    return outer([along(x.shape[axis], windows) for axis, windows in zip(space(x), boxes, strict=True)])


def _summed(x: Array, boxes: Sequence[Windows]) -> Array:
    """The sum of each window."""
    for axis, windows in zip(space(x), boxes, strict=True):
        x = added(taps(x, axis, windows))
    return x


def _spread_out(delta: Array, boxes: Sequence[Windows], shape: tuple[int, ...]) -> Array:
    """The transpose: for each entry the sum of what the windows have that it is in.

    Those are windows again, of stride one, over what has been set a stride apart.
    """
    for axis, windows in zip(space(delta), boxes, strict=True):
        first, last = windows.size - 1 - windows.padding, windows.stride * (delta.shape[axis] - 1)
        after = shape[axis] + windows.padding - 1 - last
        apart = padded(delta, axis, first, after, between=windows.stride - 1)
        delta = added(taps(apart, axis, Windows(windows.size, 1)))
    return delta


@checked
def avg_pool(
    x: Images,
    kernel_size: KernelSize,
    stride: Stride,
    padding: Padding = 0,
    ceil_mode: CeilMode = False,
    count_include_pad: Annotated[bool, OneOf(True, False)] = True,
) -> PaddedPooled:
    """The mean of each window, zeros of the padding included if they are to count."""
    boxes = _windows(x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    return _summed(x, boxes) / _of_each(x, boxes, count_include_pad)


@vjp(
    avg_pool,
    states=r"\sum_{i : j \in W_i} \frac{\delta_i}{|W_i|}",
    source=(torch("avg_pool1d"), torch("avg_pool2d"), torch("avg_pool3d")),
)
def avg_pool_vjp(delta, x, kernel_size, stride, padding=0, ceil_mode=False, count_include_pad=True):
    """The share of each entry in the windows that it is in."""
    boxes = _windows(x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    return _spread_out(delta / _of_each(x, boxes, count_include_pad), boxes, x.shape)


def _powers(x: Array, norm_type: float, boxes: Sequence[Windows]) -> Array:
    """The sums of the p-th powers, in float32 at least, since powers leave the range of anything shorter.

    In `ceil_mode`, a window that is not full counts as a full one of the same mean.
    """
    sums = _summed(_power(x.astype(jnp.promote_types(x.dtype, jnp.float32)), norm_type), boxes)
    return sums * _fullness(x, boxes).astype(sums.dtype)


def _fullness(x: Array, boxes: Sequence[Windows]) -> Array:
    """By how much a full window is larger than each."""
    return math.prod(windows.size for windows in boxes) / _of_each(x, boxes)


def _power(x: Array, power: float) -> Array:
    """By multiplication, where that does it."""
    return x ** (int(power) if power == int(power) else power)


def _where_positive(x: Array, power: float) -> Array:
    """The power of what is positive, and zero elsewhere."""
    return jnp.where(x > 0, jnp.where(x > 0, x, 1) ** power, 0)


@checked
def lp_pool(
    x: Images,
    norm_type: Annotated[float, Tried(2.0, 4.0)],
    kernel_size: KernelSize,
    stride: Stride,
    ceil_mode: CeilMode = False,
) -> Pooled:
    """The p-norm of each window, for an even p, or any one where no entry is negative.

    A norm of zero has no derivative; it gets that of zero.
    """
    boxes = _windows(x, kernel_size, stride, ceil_mode=ceil_mode)
    return _where_positive(_powers(x, norm_type, boxes), 1 / norm_type).astype(x.dtype)


@vjp(
    lp_pool,
    states=r"\sum_{i : j \in W_i} \delta_i \left(\frac{x_j}{z_i}\right)^{p-1}",
    source=(torch("lp_pool1d"), torch("lp_pool2d"), torch("lp_pool3d")),
    saves="z",
)
def lp_pool_vjp(delta, x, norm_type, kernel_size, stride, ceil_mode=False):
    """How much of each window's norm z is that of the entry."""
    boxes = _windows(x, kernel_size, stride, ceil_mode=ceil_mode)
    powers = _powers(x, norm_type, boxes)
    share = delta * _fullness(x, boxes).astype(powers.dtype) * _where_positive(powers, 1 / norm_type - 1)
    return (_power(x.astype(powers.dtype), norm_type - 1) * _spread_out(share, boxes, x.shape)).astype(x.dtype)


def largest(x: Array, along: Callable[[Array, int], Array]) -> Array:
    """The largest entry of each box, where `along` gives those of the windows along one axis."""
    for axis in space(x):
        x = along(x, axis)
    return x


def to_the_largest(delta: Array, x: Array, along: Callable[..., Array], back: Callable[..., Array]) -> Array:
    """Back to the entries that they are, where `back` goes back along one axis, from the values that were reached."""
    reached = [x]
    for axis in space(x):
        reached.append(along(reached[-1], axis))
    for axis, before, after in reversed([*zip(space(x), reached, reached[1:], strict=False)]):
        delta = back(delta, before, after, axis)
    return delta


def _largest_along(x: Array, axis: int, boxes: Sequence[Windows]) -> Array:
    windows = boxes[axis - 2]
    return jnp.stack(taps(x, axis, windows, -jnp.inf)).max(0)


def _to_the_largest_along(delta: Array, x: Array, z: Array, axis: int, boxes: Sequence[Windows]) -> Array:
    windows = boxes[axis - 2]
    are_largest = [tap == z for tap in taps(x, axis, windows, -jnp.inf)]
    share = delta / sum(is_largest.astype(x.dtype) for is_largest in are_largest)
    return spread([jnp.where(is_largest, share, 0) for is_largest in are_largest], axis, windows, x.shape[axis])


@checked
def max_pool(
    x: Images,
    kernel_size: KernelSize,
    stride: Stride,
    padding: Padding = 0,
    dilation: Dilation = 1,
    ceil_mode: CeilMode = False,
) -> DilatedPooled:
    """The largest entry of each window."""
    boxes = _windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    return largest(x, partial(_largest_along, boxes=boxes))


@vjp(
    max_pool,
    states=r"\sum_{i : j \in W_i} \delta_i \, [x_j = z_i]",
    source=(torch("max_pool1d"), torch("max_pool2d"), torch("max_pool3d")),
    saves=r"\operatorname{argmax} W_i",
)
def max_pool_vjp(delta, x, kernel_size, stride, padding=0, dilation=1, ceil_mode=False):
    """The cotangents of the windows of which it is the largest entry z."""
    boxes = _windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    steps = partial(_largest_along, boxes=boxes), partial(_to_the_largest_along, boxes=boxes)
    return to_the_largest(delta, x, *steps)
