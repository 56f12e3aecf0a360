"""Pooling: the mean, the largest or the p-norm of the entries of each window.

In one, two or three dimensions, all of which have the same options. The mean, the largest entry and the p-norm of a box
are those of its rows' ones, so that every step is along one axis, and so is every step of the way back.

In the statements, W_i is a window, and the sums are over the windows that the entry j is in. Entries that share the
largest value share the cotangent, as they do in `jax.numpy.max`.
"""

from collections.abc import Callable
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
    Stride,
    Windows,
    added,
    few,
    outer,
    padded,
    space,
    spread,
    taps,
)
from identities.signature import OneOf, Tried
from identities.sources import torch

CeilMode: TypeAlias = Annotated[bool, OneOf(False, True)]
Images: TypeAlias = Annotated[Float[Array, "b c t"] | Float[Array, "b c t h"] | Float[Array, "b c t h u"], few]


# Of the windows that begin within the image, as those do that are no more than padding in `ceil_mode`.
_COUNT = "min(({n}+2*{p}-({d}*(kernel_size-1)+1)+ceil_mode*(stride-1))//stride,({n}+{p}-1)//stride)+1"
_T, _H, _U = (_COUNT.format(n=n, p="padding", d="dilation") for n in "thu")
DilatedPooled: TypeAlias = (
    Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]
)
_T, _H, _U = (_COUNT.format(n=n, p="padding", d="1") for n in "thu")
PaddedPooled: TypeAlias = (
    Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]
)
_T, _H, _U = (_COUNT.format(n=n, p="0", d="1") for n in "thu")
Pooled: TypeAlias = Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]


def _of_each(x: Array, windows: Windows, include_pad: bool = True) -> Array:
    """How many entries of each window are averaged: all that are not beyond the padding, or beyond the image."""

    def along(n: int) -> np.ndarray:
        starts = windows.stride * np.arange(windows.count(n)) - windows.padding
        ends = np.minimum(starts + windows.size, n + windows.padding)
        return ends - starts if include_pad else np.minimum(ends, n) - np.maximum(starts, 0)

    return outer([along(x.shape[axis]) for axis in space(x)])


def _summed(x: Array, windows: Windows) -> Array:
    """The sum of each window."""
    for axis in space(x):
        x = added(taps(x, axis, windows))
    return x


def _spread_out(delta: Array, windows: Windows, shape: tuple[int, ...]) -> Array:
    """The transpose: for each entry the sum of what the windows have that it is in.

    Those are windows again, of stride one, over what has been set a stride apart.
    """
    for axis in space(delta):
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
    windows = Windows(kernel_size, stride, padding, ceil_mode=ceil_mode).checked()
    return _summed(x, windows) / _of_each(x, windows, count_include_pad)


@vjp(
    avg_pool,
    states=r"\sum_{i : j \in W_i} \frac{\delta_i}{|W_i|}",
    source=(torch("avg_pool1d"), torch("avg_pool2d"), torch("avg_pool3d")),
)
def avg_pool_vjp(delta, x, kernel_size, stride, padding=0, ceil_mode=False, count_include_pad=True):
    """The share of each entry in the windows that it is in."""
    windows = Windows(kernel_size, stride, padding, ceil_mode=ceil_mode).checked()
    return _spread_out(delta / _of_each(x, windows, count_include_pad), windows, x.shape)


def _powers(x: Array, norm_type: float, windows: Windows) -> Array:
    """The sums of the p-th powers, in float32 at least, since powers leave the range of anything shorter.

    In `ceil_mode`, a window that is not full counts as a full one of the same mean.
    """
    sums = _summed(_power(x.astype(jnp.promote_types(x.dtype, jnp.float32)), norm_type), windows)
    return sums * _fullness(x, windows).astype(sums.dtype)


def _fullness(x: Array, windows: Windows) -> Array:
    """By how much a full window is larger than each."""
    return windows.size ** len(space(x)) / _of_each(x, windows)


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
    windows = Windows(kernel_size, stride, ceil_mode=ceil_mode)
    return _where_positive(_powers(x, norm_type, windows), 1 / norm_type).astype(x.dtype)


@vjp(
    lp_pool,
    states=r"\sum_{i : j \in W_i} \delta_i \left(\frac{x_j}{z_i}\right)^{p-1}",
    source=(torch("lp_pool1d"), torch("lp_pool2d"), torch("lp_pool3d")),
    saves="z",
)
def lp_pool_vjp(delta, x, norm_type, kernel_size, stride, ceil_mode=False):
    """How much of each window's norm z is that of the entry."""
    windows = Windows(kernel_size, stride, ceil_mode=ceil_mode)
    powers = _powers(x, norm_type, windows)
    share = delta * _fullness(x, windows).astype(powers.dtype) * _where_positive(powers, 1 / norm_type - 1)
    return (_power(x.astype(powers.dtype), norm_type - 1) * _spread_out(share, windows, x.shape)).astype(x.dtype)


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


def _largest_along(x: Array, axis: int, windows: Windows) -> Array:
    return jnp.stack(taps(x, axis, windows, -jnp.inf)).max(0)


def _to_the_largest_along(delta: Array, x: Array, z: Array, axis: int, windows: Windows) -> Array:
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
    windows = Windows(kernel_size, stride, padding, dilation, ceil_mode).checked()
    return largest(x, partial(_largest_along, windows=windows))


@vjp(
    max_pool,
    states=r"\sum_{i : j \in W_i} \delta_i \, [x_j = z_i]",
    source=(torch("max_pool1d"), torch("max_pool2d"), torch("max_pool3d")),
    saves=r"\operatorname{argmax} W_i",
)
def max_pool_vjp(delta, x, kernel_size, stride, padding=0, dilation=1, ceil_mode=False):
    """The cotangents of the windows of which it is the largest entry z."""
    windows = Windows(kernel_size, stride, padding, dilation, ceil_mode).checked()
    steps = partial(_largest_along, windows=windows), partial(_to_the_largest_along, windows=windows)
    return to_the_largest(delta, x, *steps)
