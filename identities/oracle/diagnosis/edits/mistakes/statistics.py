"""Statistics that are given, as in the evaluation of a batch normalisation, taken for those of the batch."""

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Arrays, Edit, Here, values_of
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.program import Address, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled, value_of

_BEFORE_A_ROOT = (*PASSED_ON, "add", "max")
"""What a variance goes through before its root is taken."""


def given_statistics(program: Program) -> Iterator[Proposal]:
    """Every difference from an argument, beside another argument of its shape that may be the spread."""
    for address, operation in firsts(program):
        if operation.name != "sub" or not program.active(operation)[0]:
            continue
        mean = _argument(program, operation.takes[1])
        if mean is None or program.avals[mean] == program.avals[operation.takes[0]]:
            continue
        value, where = value_of(program, operation.takes[0]), spelled(operation)
        for spread in program.arguments:
            if spread == mean or program.avals[spread] != program.avals[mean] or not _scale(program, spread):
                continue
            names = f"{program.names[mean]} and {program.names[spread]}"
            numbers = program.arguments.index(mean), program.arguments.index(spread)
            says = f"takes the mean and the spread of {value} for {names}, in {where}"
            at = functools.partial(_of_the_batch, address, *numbers)
            yield Proposal("other-argument", says, 1.6, at, operation.place)
            says = f"takes {names}, which are given, for the mean and the spread of {value} on the way back, in {where}"
            at = located(address, functools.partial(_as_if_computed, numbers[1]))
            yield Proposal("other-argument", says, 1.6, at, operation.place)


def _argument(program: Program, number: int) -> int | None:
    """The argument that a value is, in another shape."""
    while number not in program.arguments:
        made = program.made_by.get(number)
        if made is None or program.operations[made].name not in PASSED_ON:
            return None
        number = program.operations[made].takes[0]
    return number


class _Scale(NamedTuple):
    """What a difference is divided by, or multiplied with if it is the inverse."""

    number: int
    inverse: bool
    of_variance: bool


def _scale(program: Program, spread: int) -> _Scale | None:
    """What is made of an argument to be divided by: the root of a variance, or a deviation as it is."""
    numbers = {spread}
    for operation in program.operations:
        if numbers.isdisjoint(operation.takes):
            continue
        if operation.name in ("sqrt", "rsqrt"):
            return _Scale(operation.makes[0], operation.name == "rsqrt", True)
        if operation.name == "div" and operation.takes[1] in numbers:
            return _Scale(spread, False, False)
        if operation.name in _BEFORE_A_ROOT:
            numbers.update(operation.makes)
    return None


def _of_the_batch(address: Address, mean: int, spread: int, program: Program) -> Edit:
    """Other arguments: what they would be of the values that they are taken off."""
    operation = program.operations[program.by_address[address][0]]
    scale = _scale(program, program.arguments[spread])
    if scale is None:
        raise LookupError(address)
    statistic = np.var if scale.of_variance else np.std

    def changed(arguments: Arrays) -> Arrays:
        values = values_of(program, arguments)
        array, given = (values[number] for number in operation.takes)
        axes = _axes(array, given)
        found = {mean: array.mean(axes), spread: statistic(array, axes)}
        return [found[k].reshape(a.shape) if k in found else a for k, a in enumerate(arguments)]

    return Edit(arguments=changed)


def _as_if_computed(spread: int, program: Program, i: int) -> Edit:
    """The derivative of a normalisation: g - mean(g) - y mean(g y), by way of the difference before it is scaled."""
    scale = _scale(program, program.arguments[spread])
    if scale is None:
        raise LookupError(spread)

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        (cotangent,), (difference,) = here.cotangents, here.results
        axes = _axes(here.operands[0], here.operands[1])
        inverse = here.values[scale.number] if scale.inverse else 1 / here.values[scale.number]
        shape = [1 if axis in axes else size for axis, size in enumerate(difference.shape)]
        y = difference * inverse.reshape(shape)
        along = (cotangent * difference).mean(axes, keepdims=True) * inverse.reshape(shape)
        return {0: cotangent - cotangent.mean(axes, keepdims=True) - y * along}

    return Edit(pulls={i: pull})


def _axes(array: np.ndarray, given: np.ndarray) -> tuple[int, ...]:
    """The axes along which what is taken off an array is the same."""
    return tuple(axis for axis in range(1, array.ndim) if (given == given.take([0], axis)).all())
