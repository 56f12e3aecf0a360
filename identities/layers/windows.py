"""Windows along the axes of space, as those of pooling and of `unfold`.

Axis by axis, since a box of entries is a window of windows: their entries are laid out one place at a time, each a
strided slice, and `spread`, the transpose of that, adds them up where they are from.
"""

import functools
import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Domain, Drawn, real
from identities.options import PerAxis
from identities.sources import torch

Sizes: TypeAlias = int | Sequence[int]
KernelSize: TypeAlias = Annotated[Sizes, PerAxis(1, 3, first=2)]  # padding of one has to be at most half of it
Stride: TypeAlias = Annotated[Sizes, PerAxis(1, 2)]
Padding: TypeAlias = Annotated[Sizes, PerAxis(0, 1)]
Dilation: TypeAlias = Annotated[Sizes, PerAxis(1, 2)]

few: Domain = real.drawn_so(Drawn(entries=96))
"""Any values; few of them are enough, and what has many axes has many."""


class Windows(NamedTuple):
    """Windows along an axis, of so many entries, each `dilation`-th one, from every `stride`-th of what is padded."""

    size: int
    stride: int
    padding: int = 0
    dilation: int = 1
    ceil_mode: bool = False

    def checked(self) -> "Windows":
        """Themselves.

        **Raises:** `ValueError` for so much padding that a window may consist of nothing else.
        """
        if 2 * self.padding > self.span:
            raise ValueError(f"padding must be at most half of the window, which spans {self.span}; got {self.padding}")
        return self

    @property
    def span(self) -> int:
        """From the first entry to the last, both included."""
        return self.dilation * (self.size - 1) + 1

    def count(self, n: int) -> int:
        """How many there are along so many entries; in `ceil_mode` one that ends beyond them all may be the last."""
        rest = n + 2 * self.padding - self.span + self.ceil_mode * (self.stride - 1)
        return min(rest // self.stride, (n + self.padding - 1) // self.stride) + 1


def space(x: Array) -> range:
    """The axes behind those of batch and channels."""
    return range(2, x.ndim)


def per_axis(value: Sizes, count: int) -> tuple[int, ...]:
    """One number for each of so many axes.

    **Raises:** `ValueError` for a tuple of more or fewer.
    """
    numbers = (value,) * count if isinstance(value, int) else tuple(value)
    if len(numbers) != count:
        raise ValueError(
            f"an option is one number, or one for each axis of space, of which there are {count}; got {value!r}"
        )
    return numbers


def windows_along(
    count: int, size: Sizes, stride: Sizes, padding: Sizes = 0, dilation: Sizes = 1, ceil_mode: bool = False
) -> list[Windows]:
    """The windows along each of so many axes."""
    numbers = [per_axis(value, count) for value in (size, stride, padding, dilation)]
    return [Windows(k, s, p, d, ceil_mode) for k, s, p, d in zip(*numbers, strict=True)]


def added(parts: Sequence[Array]) -> Array:
    """Their sum, entry by entry."""
    return functools.reduce(jnp.add, parts)


def outer(counts: Sequence[np.ndarray]) -> Array:
    """The product of whole numbers along each axis of space."""
    return jnp.asarray(functools.reduce(np.multiply.outer, counts))


def padded(x: Array, axis: int, before: int, after: int, value: float = 0, between: int = 0) -> Array:
    """With so many more entries along an axis, or so many fewer where they are negative."""
    along = [(before, after, between) if i == axis else (0, 0, 0) for i in range(x.ndim)]
    return jax.lax.pad(x, jnp.asarray(value, x.dtype), along)


def taps(x: Array, axis: int, windows: Windows, padding: float = 0) -> list[Array]:
    """What stands at each place of a window, for all windows along an axis."""
    n, between = x.shape[axis], windows.stride * (windows.count(x.shape[axis]) - 1)
    x = padded(x, axis, windows.padding, between + windows.span - n - windows.padding, padding)
    starts = range(0, windows.span, windows.dilation)
    return [jax.lax.slice_in_dim(x, start, start + between + 1, windows.stride, axis) for start in starts]


def spread(parts: Sequence[Array], axis: int, windows: Windows, n: int) -> Array:
    """The transpose of `taps`: each part is added to the entries, n along the axis, that its place is cut out of.

    Entries that are a stride apart are of one phase, and no interior padding is needed within it.
    """
    count = parts[0].shape[axis]
    rows = count + (windows.span - 1) // windows.stride
    phases = [jnp.zeros((), parts[0].dtype)] * windows.stride
    for place, part in enumerate(parts):
        row, phase = divmod(place * windows.dilation, windows.stride)
        phases[phase] += padded(part, axis, row, rows - count - row)
    grid = jnp.stack(jnp.broadcast_arrays(*phases), axis + 1)
    x = grid.reshape(*grid.shape[:axis], rows * windows.stride, *grid.shape[axis + 2 :])
    return padded(x, axis, -windows.padding, n + windows.padding - x.shape[axis])


def _count(n: str, axis: int) -> str:
    along = f"({n}+2*padding[{axis}]-dilation[{axis}]*(kernel_size[{axis}]-1)-1)//stride[{axis}]+1"
    return f"max(0,{along})"  # two negative ones make no image


_BOX = "kernel_size[0]*kernel_size[1]"
_IMAGE = f"{_count('t', 0)}*{_count('h', 1)}"
_FOLDED = f"{_count('output_size[0]', 0)}*{_count('output_size[1]', 1)}"


def _unfolded(x: Array, windows: Sequence[Windows]) -> Array:
    """Each window's entries, channel by channel, as a column."""
    b, c = x.shape[:2]
    down, across = windows
    rows = jnp.stack(taps(x, 2, down), 2)
    return jnp.stack(taps(rows, 4, across), 3).reshape(b, c * down.size * across.size, -1)


def _folded(x: Array, windows: Sequence[Windows], shape: Sequence[int]) -> Array:
    """The columns put back and added up, as images of a shape."""
    b, c, height, width = shape
    down, across = windows
    x = x.reshape(b, c, down.size, across.size, down.count(height), across.count(width))
    rows = spread([*jnp.moveaxis(x, 3, 0)], 4, across, width)
    return spread([*jnp.moveaxis(rows, 2, 0)], 2, down, height)


@checked
def unfold(
    x: Annotated[Float[Array, "b c t h"], few],
    kernel_size: KernelSize,
    dilation: Dilation = 1,
    padding: Padding = 0,
    stride: Stride = 1,
) -> Float[Array, f"b c*{_BOX} {_IMAGE}"]:
    """The windows of an image, one a column."""
    return _unfolded(x, windows_along(2, kernel_size, stride, padding, dilation))


@vjp(unfold, states=r"\operatorname{fold}(\delta)", source=torch("unfold"), exact=True)
def unfold_vjp(delta, x, kernel_size, dilation=1, padding=0, stride=1):
    """Every entry collects what the windows that it is in say of it."""
    return _folded(delta, windows_along(2, kernel_size, stride, padding, dilation), x.shape)


@checked
def fold(
    x: Annotated[Float[Array, f"b c*{_BOX} {_FOLDED}"], few],
    output_size: Annotated[Sizes, PerAxis(1, 5, first=4)],
    kernel_size: KernelSize,
    dilation: Dilation = 1,
    padding: Padding = 0,
    stride: Stride = 1,
) -> Float[Array, "b c output_size[0] output_size[1]"]:
    """The sum of all windows, where they are in an image; the inverse of `unfold` where they do not overlap."""
    windows = windows_along(2, kernel_size, stride, padding, dilation)
    channels = x.shape[1] // math.prod(along.size for along in windows)
    return _folded(x, windows, (x.shape[0], channels, *per_axis(output_size, 2)))


@vjp(fold, states=r"\operatorname{unfold}(\delta)", source=torch("fold"), exact=True)
def fold_vjp(delta, x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """A copy of every entry for each window that it is in."""
    return _unfolded(delta, windows_along(2, kernel_size, stride, padding, dilation))
