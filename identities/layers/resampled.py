"""Images of other sizes: every axis of space is interpolated by a matrix, and its cotangents by the transposed one."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.signature import OneOf, Static, Tried
from identities.sources import torch

_few = Drawn(largest=4)

Images: TypeAlias = Annotated[Float[Array, "b c t"] | Float[Array, "b c h t"] | Float[Array, "b c d h t"], _few]
Resized: TypeAlias = Float[Array, "b c size"] | Float[Array, "b c size size"] | Float[Array, "b c size size size"]


def _places(n, size, align_corners):
    """Where each of the new entries lies among the old ones."""
    if align_corners:
        return np.arange(size) * ((n - 1) / max(size - 1, 1))
    return (np.arange(size) + 0.5) * (n / size) - 0.5


def _tapped(n, size, weights_by_tap):
    """A matrix of weights of entries, those beyond the edges being those at the edges."""
    matrix = np.zeros((size, n))
    for tap, weights in weights_by_tap:
        np.add.at(matrix, (np.arange(size), np.clip(tap, 0, n - 1)), weights)
    return matrix


def _nearest(n, size, align_corners):
    return _tapped(n, size, [(np.arange(size) * n // size, 1)])


def _nearest_exact(n, size, align_corners):
    return _tapped(n, size, [((2 * np.arange(size) + 1) * n // (2 * size), 1)])


def _linear(n, size, align_corners):
    places = np.maximum(_places(n, size, align_corners), 0)
    first = np.floor(places).astype(int)
    return _tapped(n, size, [(first, 1 - (places - first)), (first + 1, places - first)])


def _cubic(n, size, align_corners):
    """Keys' kernel with a = -3/4."""
    places = _places(n, size, align_corners)
    first = np.floor(places).astype(int)

    def kernel(x, a=-0.75):
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((x - 5) * x + 8) * x * a - 4 * a
        return np.where(x <= 1, near, far)

    return _tapped(n, size, [(first + i, kernel(np.abs(places - first - i))) for i in (-1, 0, 1, 2)])


def _area(n, size, align_corners):
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
    size: Annotated[int, Static(1, 4)],
    mode: Mode = "nearest",
    align_corners: Annotated[bool, Tried(False, True)] = False,
) -> Resized:
    """Each of one, two or three axes of space to another size.

    "linear" is what PyTorch calls linear, bilinear or trilinear by the number of axes, and "cubic" is its bicubic.
    Corners are aligned where places are interpolated, which is in these two.
    """
    return _along_space(x, [_MATRICES[mode](n, size, align_corners) for n in x.shape[2:]])


@vjp(
    interpolate,
    wrt="x",
    states=r"(M_1^\top \otimes \cdots \otimes M_d^\top) \delta, \quad z = (M_1 \otimes \cdots \otimes M_d) x",
    source=torch("interpolate"),
)
def interpolate_vjp(delta, x, size, mode="nearest", align_corners=False):
    """Every cotangent to the entries that have a weight in it, times the weight."""
    return _along_space(delta, [_MATRICES[mode](n, size, align_corners).T for n in x.shape[2:]])
