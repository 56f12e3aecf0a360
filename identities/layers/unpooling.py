"""Unpooling: every entry back to where max pooling found it, and zeros elsewhere."""

import math
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.dimensions import shape_of
from identities.domains import Domain
from identities.layers.pooling import Images
from identities.layers.windows import KernelSize, Padding, Sizes, per_axis
from identities.options import PerAxis
from identities.sources import torch

_COUNT = "({n}-1)*stride[{i}]-2*padding[{i}]+kernel_size[{i}]"
_T, _H, _U = (_COUNT.format(n=n, i=i) for i, n in enumerate("thu"))
Unpooled: TypeAlias = Float[Array, f"b c {_T}"] | Float[Array, f"b c {_T} {_H}"] | Float[Array, f"b c {_T} {_H} {_U}"]


def _size(shape: tuple[int, ...], options: Mapping[str, int]) -> int:
    """How many entries a channel has, once it is unpooled to the size that its space's shape makes."""
    return math.prod(shape_of([_COUNT.format(n=n, i=i) for i, n in enumerate(shape)], options))


def _places_of(options: Mapping[str, int]) -> Domain:
    def project(z: np.ndarray) -> np.ndarray:
        flat = z.reshape(*z.shape[:3], -1)
        rng = np.random.default_rng(np.abs(flat).sum().astype(np.int64))
        order = rng.random((*flat.shape[:3], _size(z.shape[3:], options))).argsort(-1)
        return order[..., : flat.shape[-1]].reshape(z.shape)

    def contains(indices: Array) -> Array:
        flat = jnp.sort(indices.reshape(*indices.shape[:2], -1))
        inside = (flat >= 0) & (flat < _size(indices.shape[2:], options))
        return inside.all() & (flat[..., 1:] > flat[..., :-1]).all()

    def admits(shape: tuple[int, ...]) -> bool:
        return math.prod(shape[2:]) <= _size(shape[2:], options)

    return Domain(_DIFFERENT, project, contains, admits, values="integer", interior=True)


Distance: TypeAlias = Annotated[Sizes, PerAxis(1, 3, first=2)]  # which leaves room for different places

_DIFFERENT = "different places in the flattened result, in each channel"
places: Domain = Domain(
    _DIFFERENT, lambda z: z, lambda x: jnp.array(True), values="integer", interior=True, sized=_places_of
)
Indices: TypeAlias = Annotated[Int[Array, "b c t"] | Int[Array, "b c t h"] | Int[Array, "b c t h u"], places]


@checked
def max_unpool(
    x: Images, indices: Indices, kernel_size: KernelSize, stride: Distance, padding: Padding = 0
) -> Unpooled:
    """The entries at their indices, which count along the flattened axes of space, and zeros elsewhere."""
    b, c, *sizes = x.shape
    along = zip(sizes, *(per_axis(value, len(sizes)) for value in (kernel_size, stride, padding)), strict=True)
    unpooled = [(n - 1) * s - 2 * p + k for n, k, s, p in along]

    def put(entries: Array, where: Array) -> Array:
        return jnp.zeros(math.prod(unpooled), x.dtype).at[where].set(entries, unique_indices=True)

    images = jax.vmap(put)(x.reshape(b * c, -1), indices.reshape(b * c, -1))
    return images.reshape(b, c, *unpooled)


@vjp(
    max_unpool,
    wrt="x",
    states=r"\delta_{i_j}",
    source=(torch("max_unpool1d"), torch("max_unpool2d"), torch("max_unpool3d")),
    exact=True,
)
def max_unpool_vjp(delta, x, indices, kernel_size, stride, padding=0):
    """The cotangent at each entry's index."""
    b, c = x.shape[:2]
    return jnp.take_along_axis(delta.reshape(b, c, -1), indices.reshape(b, c, -1), 2).reshape(x.shape)
