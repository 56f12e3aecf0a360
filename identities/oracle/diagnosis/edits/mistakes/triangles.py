"""Triangles of square matrices, which a backward pass counts alone: a mask that is not there, or off by one."""

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    firsts,
    located,
    pulling,
    spelled,
    value_of,
    with_operand,
)
from identities.oracle.run.tape import is_inexact

_Mask = Callable[[int, int], np.ndarray]

_MASKS: tuple[tuple[str, _Mask], ...] = (
    ("on and below the diagonal", lambda n, m: np.tri(n, m)),
    ("below the diagonal", lambda n, m: np.tri(n, m, -1)),
    ("on and above the diagonal", lambda n, m: 1 - np.tri(n, m, -1)),
    ("above the diagonal", lambda n, m: 1 - np.tri(n, m)),
    ("on the diagonal", lambda n, m: np.eye(n, m)),
)


def triangles(program: Program) -> Iterator[Proposal]:
    """Of the cotangent of every matrix, and of every matrix that a cotangent is multiplied with, one triangle only."""
    for address, operation in firsts(program):
        if not any(program.active(operation)):
            continue
        where = spelled(operation)
        if _is_matrix(program, operation.makes[0]) and operation.makes[0] in program.moving:
            for words, mask in _MASKS:
                says = f"counts of the cotangent of {where} only what is {words}"
                at = located(address, functools.partial(_arriving, mask))
                yield Proposal("region", says, 2.0, at, operation.place)
        for k, number in enumerate(operation.takes) if operation.name == "dot_general" else ():
            for words, mask in _MASKS if _is_matrix(program, number) else ():
                says = f"counts of {value_of(program, number)} only what is {words}, in the derivative of {where}"
                at = pulling(address, functools.partial(_multiplied, k, mask))
                yield Proposal("region", says, 2.0, at, operation.place)


def _is_matrix(program: Program, number: int) -> bool:
    shape, dtype = program.avals[number]
    return is_inexact(dtype) and len(shape) > 1 and min(shape[-2:]) > 1


def _arriving(mask: _Mask, program: Program, i: int) -> Edit:
    (number, *_) = program.operations[i].makes
    return Edit(arriving={number: lambda values: mask(*values[number].shape[-2:])})


def _multiplied(operand: int, mask: _Mask, here: Here) -> Mapping[int, np.ndarray]:
    matrix = here.operands[operand]
    return here.pull(with_operand(here, operand, matrix * mask(*matrix.shape[-2:])))
