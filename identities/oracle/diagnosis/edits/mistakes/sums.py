"""Sums that a derivative takes, done otherwise: some terms only, other contractions, contributions overwritten."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    firsts,
    located,
    pulling,
    spelled,
    value_of,
    with_operand,
)

_TERMS: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("reduction", "has only the first term", lambda some: np.arange(len(some)) == 0),
    ("reduction", "has only the last term", lambda some: np.arange(len(some)) == len(some) - 1),
    ("missing-term", "leaves out the last term", lambda some: np.arange(len(some)) < len(some) - 1),
    ("missing-term", "leaves out the first term", lambda some: np.arange(len(some)) > 0),
)
"""Of the terms of a sum, those that are kept."""


def sums(program: Program) -> Iterator[Proposal]:
    """Of a sum that a derivative takes, only some of the terms."""
    for address, operation in firsts(program):
        if len(operation.makes) > 1 or not any(program.active(operation)):
            continue
        where = spelled(operation)
        for axis, size in enumerate(operation.kernel.gives[0][0]):
            for k, active in enumerate(program.active(operation)):
                if not active or size < 2:
                    continue
                along = f"along axis {axis} of {where}, for {value_of(program, operation.takes[k])}"
                for kind, words, kept in _TERMS:
                    if _has_axis(operation, k, axis):  # and so there is no sum over it
                        kind, words = "region", words.replace("term", "entry")
                    at = pulling(address, _some(k, axis, kept))
                    yield Proposal(kind, f"{words} {along}", 2.4, at, operation.place)
                if operation.name == "dot_general":
                    says = f"keeps only the last of the terms that are not zero {along}, as `=` in place of `+=` does"
                    yield Proposal("reduction", says, 2.4, pulling(address, _last_there(k, axis)), operation.place)


def _has_axis(operation: Operation, operand: int, axis: int) -> bool:
    """Whether an operand has the axis of the result itself."""
    kernel, shape = operation.kernel, operation.kernel.avals[operand][0]
    numbers: Any = kernel.parameters.get("dimension_numbers")
    if operation.name == "dot_general":
        (contracted, _), (batch, _) = numbers
        of_left = len(kernel.avals[0][0]) - len(contracted)
        return axis < len(batch) or (axis < of_left) == (operand == 0)
    if operation.name == "conv_general_dilated":
        return axis == numbers.out_spec[operand]  # the batch's is the array's, the features' the kernel's
    if operation.name in ("reshape", "squeeze", "transpose"):
        return True
    return len(shape) == len(kernel.gives[0][0]) and shape[axis] == kernel.gives[0][0][axis]


def _some(operand: int, axis: int, kept: Callable[[np.ndarray], np.ndarray]) -> Pull:
    def pull(here: Here) -> Mapping[int, np.ndarray]:
        (cotangent,) = here.cotangents
        which = kept(np.arange(cotangent.shape[1 + axis]))
        which = which.reshape(-1, *[1] * (cotangent.ndim - axis - 2))
        return {operand: here.pull(cotangents=[np.where(which, cotangent, 0)])[operand]}

    return pull


def _last_there(operand: int, axis: int) -> Pull:
    """Of a product of matrices: each entry has only one term of its sum, the last that is not zero."""

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        (cotangent,) = here.cotangents
        size = cotangent.shape[1 + axis]
        found = np.zeros(here.operands[operand].shape)
        for i in range(size):
            which = (np.arange(size) == i).reshape(-1, *[1] * (cotangent.ndim - axis - 2))
            term = here.pull(cotangents=[np.where(which, cotangent, 0)])[operand]
            found = np.where((term != 0).any(axis=0), term, found)  # where a mask lets it through, in some instance
        return {operand: found}

    return pull


def layouts(program: Program) -> Iterator[Proposal]:
    """A square factor of a product transposed, a kernel that is not flipped, a cotangent that is not put back."""
    for address, operation in firsts(program):
        where, parameters = spelled(operation), operation.kernel.parameters
        found: list[tuple[str, Pull]] = []
        if operation.name == "dot_general":
            for k, (shape, _) in enumerate(operation.kernel.avals):
                if _is_square(shape):
                    value = value_of(program, operation.takes[k])
                    says = f"takes {value} for its transpose in the derivative of {where}"
                    found.append((says, _changed(k, lambda values: values.swapaxes(-1, -2))))
            if _is_square(operation.kernel.gives[0][0]):
                found.append((f"takes the cotangent of {where} for its transpose", _of_transpose))
        if operation.name in _PLACED:
            only = "" if operation.kernel.avals == operation.kernel.gives else ": it gives it another shape only"
            found.append((f"does not {_PLACED[operation.name]} the cotangent of {where} back{only}", _as_it_is))
        if operation.name == "conv_general_dilated":
            spatial = tuple(1 + axis for axis in parameters["dimension_numbers"].rhs_spec[2:])
            says = f"does not flip the kernel in the derivative of {where}"
            found.append((says, _changed(1, functools.partial(np.flip, axis=spatial))))
        for says, pull in found:
            yield Proposal("layout", says, 1.7, pulling(address, pull), operation.place)


_PLACED = {"rev": "reverse", "transpose": "transpose", "conj": "conjugate"}


def _as_it_is(here: Here) -> Mapping[int, np.ndarray]:
    return {0: here.cotangents[0].reshape(here.operands[0].shape)}


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and shape[-1] == shape[-2] > 1


def _changed(operand: int, change: Callable[[np.ndarray], np.ndarray]) -> Pull:
    return lambda here: here.pull(operands=with_operand(here, operand, change(here.operands[operand])))


def _of_transpose(here: Here) -> Mapping[int, np.ndarray]:
    return here.pull(cotangents=[here.cotangents[0].swapaxes(-1, -2)])


def accumulations(program: Program) -> Iterator[Proposal]:
    """What several entries of a result come from gets the cotangent of one of them."""
    for address, operation in firsts(program):
        number = operation.takes[0]
        if operation.name == "slice" and program.active(operation)[0] and len(program.uses[number]) > 1:
            says = (
                f"overwrites what {value_of(program, number)} gets elsewhere with what it gets from "
                f"{spelled(operation)}, as `=` in place of `+=` does"
            )
            yield Proposal("reduction", says, 1.8, located(address, _instead_of_the_others), operation.place)
        if operation.name == "gather" and program.active(operation)[0]:
            where = spelled(operation)
            for which in ("last", "first"):
                yield Proposal(
                    "reduction",
                    f"keeps only the {which} of several contributions to one entry in {where}, where they add up",
                    1.6,
                    pulling(address, lambda here, which=which: _overwritten(here, which)),
                    operation.place,
                )


def _instead_of_the_others(program: Program, i: int) -> Edit:
    """Where a slice is taken, no other use of a value gives it anything."""
    operation = program.operations[i]
    parameters = operation.kernel.parameters
    limits = parameters["start_indices"], parameters["limit_indices"]
    steps = parameters["strides"] or [1] * len(limits[0])
    outside = np.ones(operation.kernel.avals[0][0])
    outside[tuple(map(slice, *limits, steps))] = 0
    others = [(j, k) for j, k in program.uses[operation.takes[0]] if j != i]
    return Edit(leaving=dict.fromkeys(others, outside))


def _overwritten(here: Here, which: str) -> Mapping[int, np.ndarray]:
    indices = here.operands[1]
    numbers = here.operation.kernel.parameters["dimension_numbers"]
    (cotangent,) = here.cotangents
    batch = [1 + axis for axis in range(cotangent.ndim - 1) if axis not in numbers.offset_dims]
    rows = indices.reshape(len(indices), -1, indices.shape[-1])
    kept = np.zeros(rows.shape[:2], bool)
    for of_instance, row in zip(kept, rows, strict=True):
        seen: dict[tuple[int, ...], int] = {}
        for i, index in enumerate(map(tuple, row.tolist())):
            if which == "last" or index not in seen:
                seen[index] = i
        of_instance[list(seen.values())] = True
    wide = [cotangent.shape[a] if a in batch else 1 for a in range(1, cotangent.ndim)]
    return here.pull(cotangents=[np.where(kept.reshape(len(kept), *wide), cotangent, 0)])
