"""JAX's gather and scatter in NumPy: windows of an array at indices that are arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any


def _index_grid(indices: Array, numbers: Any, sizes: Sequence[int], shape: Sequence[int]) -> tuple[list[Array], Array]:
    """For each axis of an operand the indices of all windows, on axes (batch, window); and which are inside."""
    batch = indices.shape[:-1]
    axes, inside = [], np.ones(batch, bool)
    for axis, size in enumerate(sizes):
        window = [1] * (len(batch) + len(sizes))
        window[len(batch) + axis] = size
        along = np.arange(size).reshape(window)
        start: Array = np.zeros(batch, int)
        if axis in numbers.start_index_map:
            start = indices[..., numbers.start_index_map.index(axis)].astype(int)
            inside &= (start >= 0) & (start <= shape[axis] - size)
        elif axis in numbers.operand_batching_dims:
            of = numbers.start_indices_batching_dims[numbers.operand_batching_dims.index(axis)]
            start = np.arange(batch[of]).reshape([-1 if i == of else 1 for i in range(len(batch))])
        start = np.clip(np.broadcast_to(start, batch), 0, shape[axis] - size)
        axes.append(start.reshape(*batch, *[1] * len(sizes)) + along)
    return axes, inside


def gather(
    x: Array, indices: Array, dimension_numbers: Any, slice_sizes: Sequence[int], mode: str, fill_value: Any
) -> Array:
    axes, inside = _index_grid(indices, dimension_numbers, slice_sizes, x.shape)
    batch = indices.ndim - 1
    found = x[tuple(axes)]
    if mode == "fill" and not inside.all():
        nothing = fill_value if fill_value is not None else _fill(x.dtype)
        found = np.where(inside.reshape(*inside.shape, *[1] * x.ndim), found, nothing)
    dropped = (*dimension_numbers.collapsed_slice_dims, *dimension_numbers.operand_batching_dims)
    found = found.squeeze(tuple(batch + axis for axis in dropped))
    offsets = list(dimension_numbers.offset_dims)
    places = [i for i in range(found.ndim) if i not in offsets]
    return np.moveaxis(found, range(found.ndim), [*places, *offsets])


def _fill(dtype: np.dtype) -> Any:
    if np.issubdtype(dtype, np.inexact):
        return np.nan
    return (
        np.iinfo(dtype).min
        if np.issubdtype(dtype, np.signedinteger)
        else np.iinfo(dtype).max
        if dtype.kind != "b"
        else True
    )


class _Scattered:
    """What a scatter's numbers are called where a gather's indices are made."""

    def __init__(self, numbers: Any):
        self.start_index_map = numbers.scatter_dims_to_operand_dims
        self.operand_batching_dims = numbers.operand_batching_dims
        self.start_indices_batching_dims = numbers.scatter_indices_batching_dims


def scattering(add: bool) -> Callable[..., Array]:
    def run(x: Array, indices: Array, updates: Array, dimension_numbers: Any, mode: str) -> Array:
        numbers = dimension_numbers
        gone = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
        windows = iter([updates.shape[axis] for axis in numbers.update_window_dims])
        sizes = [1 if axis in gone else next(windows) for axis in range(x.ndim)]
        axes, inside = _index_grid(indices, _Scattered(numbers), sizes, x.shape)
        batch_axes = [i for i in range(updates.ndim) if i not in numbers.update_window_dims]
        moved = updates.transpose(*batch_axes, *numbers.update_window_dims)
        moved = moved.reshape(*indices.shape[:-1], *sizes)
        changed = x.copy()
        kept = inside if mode != "clip" else np.ones_like(inside)
        wide = np.broadcast_arrays(*axes, np.empty(moved.shape))[:-1]
        places = tuple(axis[kept] for axis in wide)
        if add:
            np.add.at(changed, places, moved[kept])
        else:
            changed[places] = moved[kept]
        return changed

    return run
