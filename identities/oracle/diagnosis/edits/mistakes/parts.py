"""Parts of a derivative: what comes by way of one value, or of one of its uses, and may be missing or too much."""

from collections.abc import Callable, Iterator

from identities.oracle.diagnosis.edits.evaluate import NOTHING, Edit
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled, value_of


def parts(program: Program) -> Iterator[Proposal]:
    """Every value on the way, and every use of a value that has several."""
    yield from values(program)
    for address, operation in firsts(program):
        yield from _of_uses(program, address, operation)


def values(program: Program) -> Iterator[Proposal]:
    """Every value on the way."""
    for address, operation in firsts(program):
        if operation.name not in PASSED_ON:
            yield from _of_values(program, address, operation)


PASSED_ON = ("broadcast_in_dim", "reshape", "squeeze", "convert_element_type", "row", "stack", "copy")
"""What leaves a value what it is."""


def _of_values(program: Program, address: Address, operation: Operation) -> Iterator[Proposal]:
    where = spelled(operation)
    # What is assigned to a name is what a person would speak of.
    assigned = operation.whole and operation.place is not None and operation.place.assigned
    rank = 1.0 + 0.5 * (not assigned) + 0.3 * (not operation.whole)
    says, times = f"treats {where} as a constant", f"multiplies by {{}} what comes by way of {where}"
    if operation.name == "carry":
        what, rank = "what one step hands to the next", 1.0
        says, times = f"treats {what} as a constant, in {where}", f"multiplies by {{}} {what}, in {where}"
    for k, number in enumerate(operation.makes):
        if number in program.moving and number not in program.results:
            cut = _nothing_arrives(k, operation.name == "carry")
            yield Proposal("detached", says, rank, located(address, cut), operation.place, True, times)
            for which, passes in _ENDS if len(program.by_address[address]) > 1 and operation.whole else ():
                says_of = f"leaves out the {which} pass of {where}"
                yield Proposal("missing-term", says_of, rank + 0.3, located(address, cut, passes), operation.place)


_ENDS = ("last", slice(-1, None)), ("first", slice(1))
"""The passes of a loop that a range leaves out which is off by one."""


def _nothing_arrives(k: int, is_handed_on: bool) -> Callable[[Program, int], Edit]:
    """No cotangent of a value; of one that passes of a loop hand on, none but that of what the first pass is given."""

    def edit(program: Program, i: int) -> Edit:
        operation = program.operations[i]
        return NOTHING if is_handed_on and not operation.turn else Edit(arriving={operation.makes[k]: 0})

    return edit


def _of_uses(program: Program, address: Address, operation: Operation) -> Iterator[Proposal]:
    where, turns = spelled(operation), len(program.by_address[address])
    for k, number in enumerate(operation.takes):
        if number not in program.moving or len(program.uses[number]) < 2:
            continue
        value = value_of(program, number)
        kind, says, rank = "detached", f"treats {value} as a constant where it is used in {where}", 1.8
        if number in program.arguments:
            kind, says, rank = "missing-term", f"lacks the term by {value} in {where}", 1.2
        rank += 0.6 * (operation.takes.count(number) > 1)  # one of two factors that are the same
        times = f"multiplies by {{}} what {value} gets from {where}"
        yield Proposal(kind, says, rank, located(address, _cut(k)), operation.place, True, times)
        for which, passes in (("last", slice(-1)), ("first", slice(1, None))) if turns > 1 else ():
            says = f"keeps only the {which} pass of what {value} gets from {where}, where all of them add up"
            yield Proposal("reduction", says, 2.5, located(address, _cut(k), passes), operation.place)


def _cut(operand: int) -> Callable[[Program, int], Edit]:
    return lambda program, i: Edit(leaving={(i, operand): 0})
