"""Images of other sizes: every axis of space is interpolated by a matrix, and its cotangents by the transposed one."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.layers.cubic import far, near
from identities.layers.windows import Sizes, per_axis
from identities.options import OneOf, PerAxis, Tried
from identities.sources import torch

_few = Drawn(largest=4)

Images: TypeAlias = Annotated[Float[Array, "b c t"] | Float[Array, "b c h t"] | Float[Array, "b c d h t"], _few]
Resized: TypeAlias = (
    Float[Array, "b c size[0]"] | Float[Array, "b c size[0] size[1]"] | Float[Array, "b c size[0] size[1] size[2]"]
)


def _scale(n, size, align_corners):
    """How far apart the new entries are among the old ones; between corners, a single one is at the first."""
    if not align_corners:
        return n / size
    return (n - 1) / (size - 1) if size > 1 else 0


def _places(n, size, align_corners):
    """Where each of the new entries lies among the old ones."""
    scale = _scale(n, size, align_corners)
    return np.arange(size) * scale if align_corners else (np.arange(size) + 0.5) * scale - 0.5


def _tapped(n, size, weights_by_tap):
    """A matrix of weights of entries, those beyond the edges being those at the edges."""
    matrix = np.zeros((size, n))
    for tap, weights in weights_by_tap:
        np.add.at(matrix, (np.arange(size), np.clip(tap, 0, n - 1)), weights)
    return matrix


def _nearest(n, size, align_corners, antialias):
    return _tapped(n, size, [(np.arange(size) * n // size, 1)])


def _nearest_exact(n, size, align_corners, antialias):
    return _tapped(n, size, [((2 * np.arange(size) + 1) * n // (2 * size), 1)])


def _linear(n, size, align_corners, antialias):
    if antialias:
        return _filtered(n, size, align_corners, 1, lambda s: np.maximum(1 - s, 0))
    places = np.maximum(_places(n, size, align_corners), 0)
    first = np.floor(places).astype(int)
    return _tapped(n, size, [(first, 1 - (places - first)), (first + 1, places - first)])


def _cubic(n, size, align_corners, antialias):
    if antialias:
        return _filtered(n, size, align_corners, 2, _smooth)
    places = _places(n, size, align_corners)
    first = np.floor(places).astype(int)
    t = places - first
    weights = far(1 + t), near(t), near(1 - t), far(2 - t)
    return _tapped(n, size, [(first + i, weight) for i, weight in enumerate(weights, start=-1)])


def _smooth(s, a=-0.5):
    """Keys' kernel, as images are reduced with it."""
    return np.where(s <= 1, near(s, a), np.where(s < 2, far(s, a), 0))


def _filtered(n, size, align_corners, reach, kernel):
    """Weights by a kernel that is as wide as the new entries are, if they are wider than the old ones."""
    scale = _scale(n, size, align_corners)
    width = max(scale, 1)
    centres = scale * (np.arange(size)[:, None] + 0.5)
    first, end = ((centres + side * reach * width + 0.5).astype(int) for side in (-1, 1))
    entries = np.arange(n)
    covered = (first <= entries) & (entries < end)
    weights = np.where(covered, kernel(np.abs(entries + 0.5 - centres) / width), 0)
    return weights / weights.sum(1, keepdims=True)


def _area(n, size, align_corners, antialias):
    """The mean of all entries that a new one covers, be it in part."""
    i = np.arange(size)[:, None]
    start, end = i * n // size, -(-(i + 1) * n // size)
    return ((start <= np.arange(n)) & (np.arange(n) < end)) / (end - start)


_MATRICES = {"nearest": _nearest, "nearest-exact": _nearest_exact, "linear": _linear, "cubic": _cubic, "area": _area}
Mode: TypeAlias = Annotated[str, OneOf(*_MATRICES)]


def _along_space(x, matrices):
    for axis, matrix in enumerate(matrices, start=2):
        x = jnp.moveaxis(jnp.tensordot(x, jnp.asarray(matrix, x.dtype), (axis, 1)), -1, axis)
    return x


@checked
def interpolate(
    x: Images,
    size: Annotated[Sizes, PerAxis(1, 4)],
    mode: Mode = "nearest",
    align_corners: Annotated[bool, Tried(False, True)] = False,
    antialias: Annotated[bool, Tried(False, True)] = False,
) -> Resized:
    """Each of one, two or three axes of space to another size, or all of them to the same.

    "linear" is what PyTorch calls linear, bilinear or trilinear by the number of axes, and "cubic" is its bicubic.
    Corners are aligned where places are interpolated, which is in these two; and in these, with `antialias`, a smaller
    image is made of averages.
    """
    along = zip(x.shape[2:], per_axis(size, x.ndim - 2), strict=True)
    return _along_space(x, [_MATRICES[mode](n, m, align_corners, antialias) for n, m in along])


@vjp(
    interpolate,
    wrt="x",
    states=r"(M_1^\top \otimes \cdots \otimes M_d^\top) \delta, \quad z = (M_1 \otimes \cdots \otimes M_d) x",
    source=torch("interpolate"),
)
def interpolate_vjp(delta, x, size, mode="nearest", align_corners=False, antialias=False):
    """Every cotangent to the entries that have a weight in it, times the weight."""
    along = zip(x.shape[2:], delta.shape[2:], strict=True)
    return _along_space(delta, [_MATRICES[mode](n, m, align_corners, antialias).T for n, m in along])
