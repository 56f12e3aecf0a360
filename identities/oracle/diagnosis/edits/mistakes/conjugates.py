"""Conjugates of complex numbers that are missing or too many, and imaginary parts that are left out.

A cotangent is pulled back as `jax.vjp` does it, without any conjugation of what a product multiplies with.
"""

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Arrays, Edit, Here
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    firsts,
    merged,
    pulling,
    spelled,
    value_of,
    with_operand,
)


def conjugates(program: Program) -> Iterator[Proposal]:
    """Of the cotangent, of an argument, of one operand or of a whole step; nothing where no number is complex."""
    if not any(dtype.kind == "c" for _, dtype in program.avals.values()):
        return
    for i, number in enumerate(program.results):
        if _has_parts(program, number):
            yield _of("conjugates the cotangent", 1.0, lambda _, i=i: Edit(cotangents=_conjugated(i)))
    yield _of("conjugates every step, as PyTorch does and JAX does not", 1.1, functools.partial(_everywhere, _mirrored))
    for i, number in enumerate(program.arguments):
        if _has_parts(program, number):
            says = f"takes {program.names[number]} for its conjugate"
            yield _of(says, 1.5, lambda _, i=i: Edit(arguments=_conjugated(i)))
    for address, operation in firsts(program):
        if not (_is_complex(program, operation) and any(program.active(operation))):
            continue
        where = spelled(operation)
        for k, number in enumerate(operation.takes):
            if operation.name in _MULTIPLYING and _has_parts(program, number):
                says = f"conjugates {value_of(program, number)} in the derivative of {where}"
                yield _of(says, 1.3, pulling(address, functools.partial(_with_conjugate, k)), operation)
        yield _of(f"conjugates the derivative of {where}", 1.4, pulling(address, _mirrored), operation)
        yield _of(f"keeps only the real part of what comes by way of {where}", 1.6, pulling(address, _real), operation)


_MULTIPLYING = ("mul", "div", "dot_general", "conv_general_dilated", "triangular_solve")
"""Operations whose derivatives multiply with their operands."""


def _of(says: str, rank: float, at: Callable[[Program], Edit], operation: Operation | None = None) -> Proposal:
    return Proposal("conjugate", says, rank, at, operation.place if operation else None)


def _has_parts(program: Program, number: int) -> bool:
    return program.avals[number][1].kind == "c"


def _is_complex(program: Program, operation: Operation) -> bool:
    return any(_has_parts(program, number) for number in (*operation.takes, *operation.makes))


def _conjugated(place: int) -> Callable[[Arrays], Arrays]:
    return lambda given: [np.conj(g) if k == place else g for k, g in enumerate(given)]


def _everywhere(pull: Callable[[Here], Mapping[int, np.ndarray]], program: Program) -> Edit:
    steps = [i for i, operation in enumerate(program.operations) if _is_complex(program, operation)]
    return merged([Edit(pulls={i: pull}) for i in steps])


def _mirrored(here: Here) -> Mapping[int, np.ndarray]:
    return {k: np.conj(v) for k, v in here.pull(cotangents=[np.conj(c) for c in here.cotangents]).items()}


def _real(here: Here) -> Mapping[int, np.ndarray]:
    return {k: np.real(v).astype(v.dtype) for k, v in here.pull().items()}


def _with_conjugate(operand: int, here: Here) -> Mapping[int, np.ndarray]:
    return here.pull(operands=with_operand(here, operand, np.conj(here.operands[operand])))
