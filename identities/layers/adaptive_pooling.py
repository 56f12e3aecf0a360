"""Pooling whose windows follow from the size of the result: adaptive, and fractional, whose windows are random.

The adaptive windows of n entries, m of them, are where the i-th part of m would be, rounded outwards. The windows that
an entry is in are the adaptive ones of m entries, n of them; so the way back gathers too, and nothing is scattered.
Where windows lie side by side, or are few, they are reshaped or cut out instead, which is quicker still.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Domain, Drawn
from identities.layers.pooling import Images, largest, to_the_largest
from identities.layers.windows import KernelSize, Sizes, added, few, outer, per_axis, space
from identities.options import PerAxis
from identities.sources import paper, torch

OutputSize: TypeAlias = Annotated[Sizes, PerAxis(1, 3)]
_M1, _M2, _M3 = (f"output_size[{axis}]" for axis in range(3))
Adapted: TypeAlias = (
    Float[Array, f"b c {_M1}"] | Float[Array, f"b c {_M1} {_M2}"] | Float[Array, f"b c {_M1} {_M2} {_M3}"]
)


def _ends(n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the windows begin, and where they have ended."""
    numbers = np.arange(count)
    return numbers * n // count, -(-(numbers + 1) * n // count)


def _windows(x: Array, axis: int, count: int, beyond: float = 0) -> Array:
    """The adaptive windows along an axis, each as long as the longest, side by side on one more axis behind it."""
    n = x.shape[axis]
    if n % count == 0:  # they lie side by side
        return x.reshape(*x.shape[:axis], count, n // count, *x.shape[axis + 1 :])
    if count % n == 0:  # one entry each, several times
        return jnp.repeat(jnp.expand_dims(x, axis + 1), count // n, axis)
    starts, ends = _ends(n, count)
    places = starts[:, None] + np.arange((ends - starts).max())
    return jnp.take(x, np.where(places < ends[:, None], places, n), axis, mode="fill", fill_value=beyond)


def _sizes(x: Array, counts: Sequence[int]) -> Array:
    """How many entries each window has."""
    along = zip(space(x), counts, strict=True)
    return outer([np.subtract(*_ends(x.shape[axis], count)[::-1]) for axis, count in along])


@checked
def adaptive_avg_pool(x: Images, output_size: OutputSize) -> Adapted:
    """The mean of each of so many windows."""
    z, counts = x, per_axis(output_size, x.ndim - 2)
    for axis, count in zip(space(x), counts, strict=True):
        z = _windows(z, axis, count).sum(axis + 1)
    return z / _sizes(x, counts)


@vjp(
    adaptive_avg_pool,
    states=r"\sum_{i : j \in W_i} \frac{\delta_i}{|W_i|}",
    source=tuple(torch(f"adaptive_avg_pool{d}d") for d in (1, 2, 3)),
)
def adaptive_avg_pool_vjp(delta, x, output_size):
    """The share of each entry in the windows that it is in."""
    dx = delta / _sizes(x, delta.shape[2:])
    for axis in space(x):
        dx = _windows(dx, axis, x.shape[axis]).sum(axis + 1)
    return dx


def _largest_along(x: Array, axis: int, counts: Sequence[int]) -> Array:
    return _windows(x, axis, counts[axis - 2], -jnp.inf).max(axis + 1)


_SLICED = 32
"""Up to so many windows are cut out one by one, which is quicker than gathering, and more to compile."""


def _to_the_largest_along(delta: Array, x: Array, z: Array, axis: int) -> Array:
    n, count = x.shape[axis], z.shape[axis]
    if count <= min(_SLICED, n):
        # Two windows that are next to each other may share an entry, and no others do.
        return added([_to_the_largest_of(range(first, count, 2), delta, x, z, axis) for first in (0, 1)[:count]])
    ties = (_windows(x, axis, count, -jnp.inf) == jnp.expand_dims(z, axis + 1)).sum(axis + 1)
    is_largest = _windows(z, axis, n) == jnp.expand_dims(x, axis + 1)
    return jnp.where(is_largest, _windows(delta / ties, axis, n), 0).sum(axis + 1)


def _to_the_largest_of(windows: Iterable[int], delta: Array, x: Array, z: Array, axis: int) -> Array:
    """Of windows that share no entry: their parts of the gradient, and zeros between them."""
    cut, parts, end = partial(jax.lax.slice_in_dim, axis=axis), [], 0
    starts, stops = (places.tolist() for places in _ends(x.shape[axis], z.shape[axis]))
    for i in windows:
        start, stop = starts[i], stops[i]
        is_largest = cut(x, start, stop) == cut(z, i, i + 1)
        share = cut(delta, i, i + 1) / is_largest.sum(axis, keepdims=True)
        parts += [jnp.zeros_like(cut(x, end, start)), jnp.where(is_largest, share, 0).astype(x.dtype)]
        end = stop
    return jnp.concatenate([*parts, jnp.zeros_like(cut(x, end, x.shape[axis]))], axis)


@checked
def adaptive_max_pool(x: Images, output_size: OutputSize) -> Adapted:
    """The largest entry of each of so many windows."""
    return largest(x, partial(_largest_along, counts=per_axis(output_size, x.ndim - 2)))


@vjp(
    adaptive_max_pool,
    states=r"\sum_{i : j \in W_i} \delta_i \, [x_j = z_i]",
    source=tuple(torch(f"adaptive_max_pool{d}d") for d in (1, 2, 3)),
    saves=r"\operatorname{argmax} W_i",
)
def adaptive_max_pool_vjp(delta, x, output_size):
    """The cotangents of the windows of which it is the largest entry z."""
    return to_the_largest(delta, x, partial(_largest_along, counts=delta.shape[2:]), _to_the_largest_along)


# Windows of one size at random places, as far apart as their number asks for.

# And at least one entry more; in three dimensions PyTorch asks for two.
_T, _H, _U = (f"output_size[{axis}]+kernel_size[{axis}]-2" for axis in range(3))
Spacious: TypeAlias = Annotated[
    Float[Array, f"b c {_T}+t {_H}+h"] | Float[Array, f"b c {_T}+1+t {_H}+1+h {_U}+1+u"], few
]
below_one: Domain = Domain(
    "entries from zero to below one",
    lambda z: z - np.floor(z),
    lambda u: jnp.all((u >= 0) & (u < 1)),
    interior=True,
    drawn=Drawn(lambda z: (np.floor(7 * z) + 0.5) / 8),  # from where rounding does not move a window
)
Samples: TypeAlias = Annotated[Float[Array, "b c 2"] | Float[Array, "b c 3"], below_one]
Reduced: TypeAlias = Float[Array, f"b c {_M1} {_M2}"] | Float[Array, f"b c {_M1} {_M2} {_M3}"]


def _places(x: Array, axis: int, samples: Array, size: int, count: int) -> Array:
    """Which entries are in each window of a channel, shape (b, c, count, size)."""
    # Of an image, PyTorch has the columns first.
    number = (x.ndim - 1 - axis) if x.ndim == 4 else axis - 2
    u = samples[..., number, None].astype(jnp.promote_types(samples.dtype, jnp.float32))
    far, steps = x.shape[axis] - size, jnp.arange(count - 1)
    alpha = far / max(count - 1, 1)
    starts = jnp.floor((steps + u) * alpha) - jnp.floor(u * alpha)
    last = jnp.full((*u.shape[:2], 1), far)
    return jnp.concatenate([starts.astype(last.dtype), last], -1)[..., None] + jnp.arange(size)


def _at(x: Array, axis: int, places: Array) -> Array:
    """The entries at places of an axis, on two axes in its stead."""
    flat = places.reshape(*places.shape[:2], *[1] * (axis - 2), -1, *[1] * (x.ndim - 1 - axis))
    found = jnp.take_along_axis(x, flat, axis)
    return found.reshape(*x.shape[:axis], *places.shape[2:], *x.shape[axis + 1 :])


def _added_at(parts: Array, axis: int, places: Array, n: int) -> Array:
    """The transpose: an axis of n entries, to which the parts are added at their places."""
    b, c, count, size = places.shape
    rows = jnp.moveaxis(parts, (axis, axis + 1), (2, 3)).reshape(b, c, count * size, -1)

    def added(where: Array, what: Array) -> Array:
        return jnp.zeros((n, what.shape[1]), what.dtype).at[where].add(what)

    image = jax.vmap(jax.vmap(added))(places.reshape(b, c, -1), rows)
    others = (*parts.shape[2:axis], *parts.shape[axis + 2 :])
    return jnp.moveaxis(image.reshape(b, c, n, *others), 2, axis)


Boxes: TypeAlias = Sequence[tuple[int, int]]
"""The size and the number of windows along each axis."""


def _boxes(x: Array, size: Sizes, count: Sizes) -> Boxes:
    return [*zip(per_axis(size, x.ndim - 2), per_axis(count, x.ndim - 2), strict=True)]


def _largest_of_random(x: Array, axis: int, samples: Array, boxes: Boxes) -> Array:
    return _at(x, axis, _places(x, axis, samples, *boxes[axis - 2])).max(axis + 1)


def _to_the_largest_of_random(delta: Array, x: Array, z: Array, axis: int, samples: Array, boxes: Boxes) -> Array:
    places = _places(x, axis, samples, *boxes[axis - 2])
    is_largest = _at(x, axis, places) == jnp.expand_dims(z, axis + 1)
    share = jnp.where(is_largest, jnp.expand_dims(delta / is_largest.sum(axis + 1), axis + 1), 0)
    return _added_at(share, axis, places, x.shape[axis])


@checked
def fractional_max_pool(x: Spacious, samples: Samples, kernel_size: KernelSize, output_size: OutputSize) -> Reduced:
    """The largest entry of each of so many windows, whose places follow from a random number for each axis."""
    return largest(x, partial(_largest_of_random, samples=samples, boxes=_boxes(x, kernel_size, output_size)))


@vjp(
    fractional_max_pool,
    wrt="x",
    states=r"\sum_{i : j \in W_i} \delta_i \, [x_j = z_i]",
    source=(
        torch("fractional_max_pool2d"),
        torch("fractional_max_pool3d"),
        paper("Fractional Max-Pooling", "Generating pooling regions"),
    ),
    saves=r"\operatorname{argmax} W_i",
)
def fractional_max_pool_vjp_x(delta, x, samples, kernel_size, output_size):
    """The cotangents of the windows of which it is the largest entry z."""
    given: dict[str, Any] = {"samples": samples, "boxes": _boxes(x, kernel_size, output_size)}
    return to_the_largest(delta, x, partial(_largest_of_random, **given), partial(_to_the_largest_of_random, **given))
