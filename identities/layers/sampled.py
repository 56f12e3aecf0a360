"""Images read at places that a grid says, between their entries too; and grids that affine maps make.

Places go from -1 to 1 along every axis of space, and name the last axis first. An entry's weight is a product over the
axes of how near it is, and so is its derivative by the place along one of them.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn
from identities.layers.cubic import far, far_slope, near, near_slope
from identities.options import OneOf, Static, Tried
from identities.sources import torch

_few = Drawn(largest=3)

Images: TypeAlias = Annotated[Float[Array, "b c h w"] | Float[Array, "b c d h w"], _few]
Grids: TypeAlias = Annotated[Float[Array, "b i j 2"] | Float[Array, "b k i j 3"], _few]
Sampled: TypeAlias = Float[Array, "b c i j"] | Float[Array, "b c k i j"]
Padding: TypeAlias = Annotated[str, OneOf("zeros", "border", "reflection")]
Corners: TypeAlias = Annotated[bool, Tried(False, True)]


class _Taps(NamedTuple):
    """Which of the entries along one axis are read at each place, how much they weigh, and how that changes."""

    entry: Int[Array, "b p"]
    weight: Float[Array, "b p"]
    change: Float[Array, "b p"]


def _ends(n, align_corners):
    """Where among n entries, counted from 0, the place -1 is, and how far 1 is from there."""
    return (0, n - 1) if align_corners else (-0.5, n)


def _among_entries(x, n, padding_mode, align_corners):
    """Where something is read that lies at x, maybe beyond all n entries; and the derivative of that."""
    first, span = _ends(n, align_corners)
    slope = jnp.ones_like(x)
    if padding_mode == "reflection" and span:
        turn = (x - first) % (2 * span)
        x, slope = first + span - jnp.abs(turn - span), jnp.where(turn < span, slope, -slope)
    if padding_mode != "zeros":
        x, slope = jnp.clip(x, 0, n - 1), jnp.where((x > 0) & (x < n - 1), slope, 0)
    return x, slope


def _cubic(x, n, *beyond):
    """Four entries, whose places beyond the edges are those that are read, but by their own distances."""
    first = jnp.floor(x)
    t = x - first
    weights = far(1 + t), near(t), near(1 - t), far(2 - t)
    changes = far_slope(1 + t), near_slope(t), -near_slope(1 - t), -far_slope(2 - t)
    entries = [_among_entries(first + i, n, *beyond)[0] for i in (-1, 0, 1, 2)]
    return zip(entries, weights, changes, strict=True)


def _linear(x, n, *beyond):
    x, slope = _among_entries(x, n, *beyond)
    first = jnp.floor(x)
    return (first, 1 - (x - first), -slope), (first + 1, x - first, slope)


def _nearest(x, n, *beyond):
    x, _ = _among_entries(x, n, *beyond)
    return [(jnp.round(x), jnp.ones_like(x), jnp.zeros_like(x))]


_MODES = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}


Mode: TypeAlias = Annotated[str, OneOf(*_MODES)]


def _taps(g, n, mode, padding_mode, align_corners):
    first, span = _ends(n, align_corners)
    read = _MODES[mode](first + (g + 1) * (span / 2), n, padding_mode, align_corners)
    taps = [(entry, weight, change * (span / 2)) for entry, weight, change in read]
    inside = [(entry >= 0) & (entry < n) for entry, *_ in taps]
    return [
        _Taps(jnp.clip(entry, 0, n - 1).astype(int), jnp.where(there, weight, 0), jnp.where(there, change, 0))
        for there, (entry, weight, change) in zip(inside, taps, strict=True)
    ]


def _corners(x, grid, mode, padding_mode, align_corners) -> tuple[Array, list[_Taps]]:
    """The entries around each place: their number in the flattened space, and what they are along each axis.

    Shapes begin with an axis of the taps along each axis of space.
    """
    space = x.shape[2:]
    places = jnp.moveaxis(grid.reshape(len(grid), -1, len(space)), -1, 0)[::-1]
    along = []
    for axis, (g, n) in enumerate(zip(places, space, strict=True)):
        taps = _taps(g, n, mode, padding_mode, align_corners)
        others = [i for i in range(len(space)) if i != axis]
        along.append(_Taps(*(jnp.expand_dims(jnp.stack(values), others) for values in zip(*taps, strict=True))))
    entries = jnp.ravel_multi_index(jnp.broadcast_arrays(*(taps.entry for taps in along)), space, mode="clip")
    return entries, along


def _read(x, entries):
    """The channels of entries (..., b, p): (b, c, ..., p)."""
    where = jnp.moveaxis(entries, -2, 0)
    flat = x.reshape(*x.shape[:2], -1)
    return jnp.take_along_axis(flat, where.reshape(len(x), 1, -1), axis=2).reshape(*x.shape[:2], *where.shape[1:])


def _weight(taps: Sequence[_Taps]) -> Any:
    return math.prod(tap.weight for tap in taps)


@checked
def grid_sample(
    x: Images, grid: Grids, mode: Mode = "bilinear", padding_mode: Padding = "zeros", align_corners: Corners = False
) -> Sampled:
    """What images are at the places of a grid: between entries, by two or four along an axis, or at the nearest.

    Beyond the edges there are zeros, or the border, or reflections. The corners are at -1 and 1 if they are aligned;
    else the edges of the entries at the corners are.
    """
    entries, taps = _corners(x, grid, mode, padding_mode, align_corners)
    read = jnp.einsum("bc...p,...bp->bcp", _read(x, entries), _weight(taps))
    return read.reshape(*x.shape[:2], *grid.shape[1:-1])


@vjp(
    grid_sample,
    wrt=("x", "grid"),
    states=(
        r"\bar{x}_e = \textstyle\sum_p w_{pe} \delta_p, \quad w_{pe} = \textstyle\prod_a k(|e_a - g_{pa}|)",
        r"\bar{g}_{pa} = \textstyle\sum_e \frac{\partial w_{pe}}{\partial g_{pa}} \langle \delta_p, x_e \rangle",
    ),
    source=torch("grid_sample"),
)
def grid_sample_vjp(delta, x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """Cotangents to the entries around their places, by weights; and their products with entries, by what those do.

    k is the weight by distance along an axis: 1 - s up to a distance of one, or Keys' kernel.
    """
    entries, taps = _corners(x, grid, mode, padding_mode, align_corners)
    delta = delta.reshape(*x.shape[:2], -1)
    to_entries = jnp.einsum("bcp,...bp->...bpc", delta, _weight(taps))
    dx = jnp.zeros((len(x), math.prod(x.shape[2:]), x.shape[1]), x.dtype)  # whose entries have their channels together
    dx = dx.at[jnp.arange(len(x))[:, None], entries].add(to_entries)
    along = jnp.einsum("bcp,bc...p->...bp", delta, _read(x, entries))
    changes = [_weight(taps[:a]) * tap.change * _weight(taps[a + 1 :]) for a, tap in enumerate(taps)]
    dgrid = jnp.stack([(along * change).sum(range(len(taps))) for change in changes[::-1]], axis=-1)
    return dx.mT.reshape(x.shape), dgrid.reshape(grid.shape)


Maps: TypeAlias = Float[Array, "b 2 3"] | Float[Array, "b 3 4"]
Size: TypeAlias = Annotated[int, Static(1, 3)]


def _regular(sizes, align_corners, dtype):
    """The places (..., d + 1) of the entries of an image, the last axis first, and a one."""
    along = [
        jnp.linspace(-1, 1, n, dtype=dtype) * (n > 1) if align_corners else (2 * jnp.arange(n, dtype=dtype) + 1) / n - 1
        for n in sizes
    ]
    places = jnp.meshgrid(*along, indexing="ij")
    return jnp.stack([*places[::-1], jnp.ones_like(places[0])], axis=-1)


@checked
def affine_grid(
    theta: Maps, height: Size, width: Size, depth: Size = 1, align_corners: Corners = False
) -> Float[Array, "b height width 2"] | Float[Array, "b depth height width 3"]:
    """Where affine maps send the places of an image's entries: a grid for `grid_sample`, of the given size."""
    places = _regular((depth, height, width)[4 - theta.shape[2] :], align_corners, theta.dtype)
    return jnp.einsum("...j,bij->b...i", places, theta)


@vjp(affine_grid, wrt="theta", states=r"\textstyle\sum_p \delta_p (p, 1)^\top", source=torch("affine_grid"))
def affine_grid_vjp(delta, theta, height, width, depth=1, align_corners=False):
    """Cotangents times the places that were mapped."""
    places = _regular((depth, height, width)[4 - theta.shape[2] :], align_corners, theta.dtype)
    return jnp.einsum("b...i,...j->bij", delta, places)
