"""What is computed of reduced values until they meet, broadcast, what has been reduced; and that at the full shape.

A sum that is taken over another axis has another shape: `(1, n)` where `(b, 1)` was right, and NumPy broadcasts either.
Written out at the shape of what is reduced, both are the same program.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from identities.oracle.diagnosis.edits.kernels import Aval, Kernel, kernel_of
from identities.oracle.diagnosis.edits.program import Operation, Program, computed

Axes = tuple[int, ...]

_Map = tuple[int | None, ...]
"""By axis of a reduced value, the axis of the full shape that it is; none for one of size one."""


@dataclass(frozen=True)
class Segment:
    """The way of reduced values.

    **Fields:**

    - `roots`: the reductions.
    - `kernels`: by operation on the way, the same at the full shape.
    - `exits`: where reduced values are broadcast: the operations, and which operands.
    - `is_mean`: whether something on the way divides by how many have been summed up.
    """

    roots: tuple[int, ...]
    kernels: dict[int, Kernel]
    exits: dict[int, Axes]
    is_mean: bool


def segment_of(program: Program, roots: Sequence[int]) -> Segment:
    """The way of what some operations, of one shape, reduce over the same axes.

    **Raises:** `LookupError`, if reduced values are not only computed with entry by entry.
    """
    reduced = program.operations[roots[0]].kernel
    full, axes = reduced.avals[0][0], reduced.parameters["axes"]
    maps: dict[int, _Map] = {}
    kernels: dict[int, Kernel] = {}
    exits: dict[int, Axes] = {}
    count, is_mean = math.prod(full[axis] for axis in axes), False
    for i, operation in enumerate(program.operations):
        if i in roots:
            maps[operation.makes[0]] = tuple(axis for axis in range(len(full)) if axis not in axes)
            continue
        on_the_way = tuple(k for k, number in enumerate(operation.takes) if number in maps)
        if not on_the_way:
            continue
        of = tuple(maps.get(number) for number in operation.takes)
        made = _mapped(operation, of)
        kernels[i] = _at_full(operation.kernel, of, full)
        is_mean |= operation.name == "div" and on_the_way == (0,) and computed(program, operation.takes[1]) == count
        if _is_reduced(operation, made, full):
            maps[operation.makes[0]] = made
        elif operation.kernel.gives[0][0] == full and all(m in (axis, None) for axis, m in enumerate(made)):
            exits[i] = on_the_way
        else:
            raise LookupError(operation)
    if not exits or any(number in maps for number in program.results):
        raise LookupError(reduced)
    return Segment(tuple(roots), kernels, exits, is_mean)


def _is_reduced(operation: Operation, made: _Map, full: tuple[int, ...]) -> bool:
    """Whether an operation gives a reduced value again, and not one of the full shape."""
    outside = [shape for shape, _ in operation.kernel.avals]
    shape = operation.kernel.gives[0][0]
    small = all(m is not None or size == 1 for m, size in zip(made, shape, strict=True))
    return small and (shape != full or full not in outside)


def _mapped(operation: Operation, of: Sequence[_Map | None]) -> _Map:
    """The axes of what comes of reduced operands."""
    shape, parameters = operation.kernel.gives[0][0], operation.kernel.parameters
    if operation.name == "broadcast_in_dim":
        to = dict(zip(parameters["broadcast_dimensions"], of[0] or (), strict=True))
        return tuple(to.get(axis) for axis in range(len(shape)))
    if operation.name == "squeeze":
        return tuple(m for axis, m in enumerate(of[0] or ()) if axis not in parameters["dimensions"])
    if operation.name == "reshape":
        sizes = [(m, size) for m, size in zip(of[0] or (), operation.kernel.avals[0][0], strict=True) if size > 1]
        if [size for _, size in sizes] != [size for size in shape if size > 1]:
            raise LookupError(operation)
        left = iter(m for m, _ in sizes)
        return tuple(next(left) if size > 1 else None for size in shape)
    if operation.name not in _ELEMENTWISE:
        raise LookupError(operation)
    together: list[int | None] = [None] * len(shape)
    for own in of:
        for axis, m in enumerate(own or ()):
            if m is not None and together[axis] not in (None, m):
                raise LookupError(operation)
            together[axis] = m if m is not None else together[axis]
    return tuple(together)


_MOVED = ("broadcast_in_dim", "reshape", "squeeze")

_ELEMENTWISE = (
    *("add", "sub", "mul", "div", "neg", "max", "min", "pow", "integer_pow", "square", "sqrt", "rsqrt", "cbrt"),
    *("exp", "exp2", "log", "log1p", "expm1", "tanh", "logistic", "abs", "sign", "select_n", "stop_gradient", "copy"),
    *("convert_element_type", "eq", "ne", "lt", "le", "gt", "ge"),
)


@functools.lru_cache(maxsize=1024)
def _at_full(kernel: Kernel, of: tuple[_Map | None, ...], full: tuple[int, ...]) -> Kernel:
    """The operation with reduced operands at the full shape, and those beside them where they belong."""
    beside = next(m for m in of if m is not None)
    avals = [aval if m is None else (full, aval[1]) for m, aval in zip(of, kernel.avals, strict=True)]
    if kernel.name in _MOVED:
        return kernel_of(kernel.name, lambda x: [x], avals, kernel.parameters)
    rank = len(full)

    def placed(operand: jax.Array, m: _Map | None, aval: Aval):
        if m is not None or not aval[0] or len(aval[0]) == rank:
            return operand
        shape = [1] * rank
        for axis, size in zip(beside, aval[0], strict=True):
            if axis is not None:
                shape[axis] = size
        return operand.reshape(shape)

    def function(*operands: jax.Array):
        there = jnp.broadcast_arrays(*(placed(*given) for given in zip(operands, of, kernel.avals, strict=True)))
        return [kernel.primitive.bind(*there, **kernel.parameters)]

    return kernel_of(kernel.name, function, avals, kernel.parameters)


@functools.lru_cache(maxsize=1024)
def reduction(name: str, aval: Aval, over: Axes, scale: float) -> Kernel:
    """A reduction over some axes, repeated along them, times a number."""
    reduce = REDUCTIONS[name]

    def function(x: jax.Array):
        return [jnp.broadcast_to(scale * reduce(x, axis=over, keepdims=True), x.shape)]

    return kernel_of(name, function, [aval])


REDUCTIONS = {"reduce_sum": jnp.sum, "reduce_max": jnp.max, "reduce_min": jnp.min}
"""What may be taken over another axis."""
