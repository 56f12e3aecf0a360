"""Loops, whose backward passes run from the end: what passes hand on is lost, one is taken for another or left out."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.mistakes.steps import depends_on_operands
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, merged, spelled, value_of

_Key = tuple[str, int, int, int]
"""Where a loop stands: what it hands on, and what it stacks, is written at the same place."""


def loops(program: Program) -> Iterator[Proposal]:
    """Every loop without its first pass, and every operand in a loop as it is in another pass, or all of them."""
    for key in dict.fromkeys(_key(program, i) for i, o in enumerate(program.operations) if o.name == "carry"):
        place = next(o.place for i, o in enumerate(program.operations) if _key(program, i) == key)
        says = f"leaves out the first pass of the loop in {place or 'the function'}, the last one on the way back"
        yield Proposal("index", says, 1.6, functools.partial(_without_first, key), place)
    for address, operation, k in _kept_operands(program):
        value = value_of(program, operation.takes[k])
        for words, pass_ in _PASSES.items():
            says = f"takes {value} of the {words} in the derivative of {spelled(operation)}"
            at = located(address, functools.partial(_of_another, k, pass_))
            yield Proposal("index", says, 1.9, at, operation.place)
    for words in ("first pass in every pass", "last pass in every pass"):
        says = f"takes what has been kept of the {words} of its loops"
        yield Proposal("index", says, 2.0, functools.partial(_all_of_another, _PASSES[words]))


_PASSES: dict[str, Callable[[int, int], int]] = {
    "pass before": lambda this, count: (this - 1) % count,  # from the end again, as the index -1 is in NumPy
    "pass after": lambda this, count: (this + 1) % count,
    "first pass in every pass": lambda this, count: 0,
    "last pass in every pass": lambda this, count: count - 1,
}
"""Which pass of so many is taken for this one."""


def _kept_operands(program: Program) -> Iterator[tuple[Address, Operation, int]]:
    """What a loop has to keep for its way back: operands that derivatives depend on, and are others in each pass."""
    for address, operation in firsts(program):
        passes = program.by_address[address]
        if len(passes) > 1 and depends_on_operands(program, operation):
            for k, number in enumerate(operation.takes):
                if program.operations[passes[0]].takes[k] != number:
                    yield address, operation, k


def handed_on(program: Program) -> Iterator[Proposal]:
    """What a pass of a loop hands to the next one: by one value of it, and everything.

    A loop of JAX has an operation for each value, and is among the parts for that; a loop of Python has not.
    """
    for address in _handing(program):
        operation = program.operations[program.by_address[address][0]]
        what, where = "what one step hands to the next", spelled(operation)
        says, times = f"treats {what} as a constant, in {where}", f"multiplies by {{}} {what}, in {where}"
        at = functools.partial(_kept_back, address)
        yield Proposal("detached", says, 1.0, at, operation.place, True, times)
    if any(len(passes) > 1 for passes in program.by_address.values()):
        what = "all that one step hands to the next"
        says, times = f"treats {what} as a constant", f"multiplies by {{}} {what}"
        yield Proposal("detached", says, 1.1, _all_kept_back, None, True, times)


def _handing(program: Program) -> Iterator[Address]:
    """The expressions in loops of Python whose value in one pass goes into that of the next."""
    for address, passes in program.by_address.items():
        operation = program.operations[passes[0]]
        if operation.whole and operation.name not in (*PASSED_ON, "carry") and _hand_overs(program, address):
            yield address


def _hand_overs(program: Program, address: Address) -> list[tuple[int, int]]:
    """The operations of the next pass, and operands, that the value of one pass goes through on its way to that."""
    found: list[tuple[int, int]] = []
    passes = program.by_address[address]
    for here, there in itertools.pairwise(passes):
        (number, *_), (later, *_) = program.operations[here].makes, program.operations[there].makes
        way = program.way_from(number)
        if number in program.moving and later in way:
            turn, on = program.operations[here].turn, _led_to(program, later)
            takers = ((use, program.operations[use[0]]) for use in program.uses[number])
            found += [use for use, taker in takers if taker.turn > turn and not on.isdisjoint(taker.makes)]
    return found


def _led_to(program: Program, number: int) -> set[int]:
    """The values that one is made of, itself among them."""
    found, left = set[int](), [number]
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += program.operations[program.made_by[one]].takes if one in program.made_by else ()
    return found


def _kept_back(address: Address, program: Program) -> Edit:
    return Edit(leaving=dict.fromkeys(_hand_overs(program, address), 0))


def _all_kept_back(program: Program) -> Edit:
    carried = (o for o in program.operations if o.name == "carry" and o.turn)
    leaving = (use for address in _handing(program) for use in _hand_overs(program, address))
    return Edit(leaving=dict.fromkeys(leaving, 0), arriving={number: 0 for o in carried for number in o.makes})


def _key(program: Program, i: int) -> _Key:
    address = program.operations[i].address
    return address.file, address.line, address.start, address.end


def _of_another(operand: int, pass_: Callable[[int, int], int], program: Program, i: int) -> Edit:
    passes = program.by_address[program.operations[i].address]
    other = passes[pass_(passes.index(i), len(passes))]
    return Edit(standing={(i, operand): program.operations[other].takes[operand]}, only="pulls")


def _all_of_another(pass_: Callable[[int, int], int], program: Program) -> Edit:
    """Of every loop that keeps something."""
    return merged(
        [
            _of_another(k, pass_, program, i)
            for address, _, k in _kept_operands(program)
            for i in program.by_address[address]
        ]
    )


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
