"""Loops, whose backward passes run from the end: the pass beside is taken for a pass, or the first one is left out."""

import functools
from collections.abc import Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.mistakes.steps import depends_on_operands
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled, value_of

_Key = tuple[str, int, int, int]
"""Where a loop stands: what it hands on, and what it stacks, is written at the same place."""


def loops(program: Program) -> Iterator[Proposal]:
    """Every loop without its first pass, and every operand in a loop as it is a pass before or after."""
    for key in dict.fromkeys(_key(program, i) for i, o in enumerate(program.operations) if o.name == "carry"):
        place = next(o.place for i, o in enumerate(program.operations) if _key(program, i) == key)
        says = f"leaves out the first pass of the loop in {place or 'the function'}, the last one on the way back"
        yield Proposal("index", says, 1.6, functools.partial(_without_first, key), place)
    for address, operation in firsts(program):
        passes = program.by_address[address]
        if len(passes) < 2 or not depends_on_operands(program, operation):
            continue
        for k, number in enumerate(operation.takes):
            if program.operations[passes[1]].takes[k] == number:  # it is the same in every pass
                continue
            for by, words in ((-1, "before"), (1, "after")):
                says = (
                    f"takes {value_of(program, number)} of the pass {words} in the derivative of {spelled(operation)}"
                )
                at = located(address, functools.partial(_of_another, k, by))
                yield Proposal("index", says, 1.9, at, operation.place)


def _key(program: Program, i: int) -> _Key:
    address = program.operations[i].address
    return address.file, address.line, address.start, address.end


def _of_another(operand: int, by: int, program: Program, i: int) -> Edit:
    """From the end again, as the index -1 is in NumPy."""
    passes = program.by_address[program.operations[i].address]
    other = passes[(passes.index(i) + by) % len(passes)]
    return Edit(standing={(i, operand): program.operations[other].takes[operand]}, only="pulls")


def _without_first(key: _Key, program: Program) -> Edit:
    """What arrives at the result of the first pass goes to what it was given, and nothing else comes of it."""
    pulls: dict[int, Pull] = {}
    for i, operation in enumerate(program.operations):
        if _key(program, i) != key:
            continue
        if operation.name == "stack":
            pulls[i] = functools.partial(_of_later, frozenset(_firsts(program, i)))
        if operation.name == "carry" and operation.turn == 1:
            passes = program.by_address[operation.address]
            came: list[np.ndarray] = []
            pulls[i] = functools.partial(_held_back, came)
            pulls[passes[passes.index(i) - 1]] = functools.partial(_handed_over, came)
    if not pulls:
        raise LookupError(key)
    return Edit(pulls=pulls)


def _firsts(program: Program, stack: int) -> Iterator[int]:
    """The operands of a stack that the first pass has made."""
    for k, number in enumerate(program.operations[stack].takes):
        made_by = program.made_by.get(number)
        if made_by is not None and program.operations[made_by].turn == 0:
            yield k


def _of_later(firsts_: frozenset[int], here: Here) -> Mapping[int, np.ndarray]:
    return {k: pulled * (k not in firsts_) for k, pulled in here.pull().items()}


def _held_back(came: list[np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    came[:] = here.cotangents
    return {0: 0 * here.cotangents[0]}


def _handed_over(came: list[np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    return {0: came[0]} if came else here.pull()
