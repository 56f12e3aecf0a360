"""Parts of a derivative: what comes by way of one value, or of one of its uses, and may be missing or too much."""

from collections.abc import Iterator

from identities.oracle.diagnosis.edits.evaluate import Edit
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
        if operation.name not in _PASSED_ON:
            yield from _of_values(program, address, operation)


_PASSED_ON = ("broadcast_in_dim", "reshape", "squeeze", "convert_element_type", "row", "stack", "copy")
"""What leaves a value what it is."""


def _of_values(program: Program, address: Address, operation: Operation) -> Iterator[Proposal]:
    for k, number in enumerate(operation.makes):
        if number not in program.moving or number in program.results:
            continue
        if operation.name == "carry":
            what = "what one step hands to the next"
            where = spelled(operation)
            yield Proposal(
                "detached",
                f"treats {what} as a constant, in {where}",
                1.0,
                located(address, lambda p, i, k=k: Edit(arriving={p.operations[i].makes[k]: 0})),
                operation.place,
                True,
                f"multiplies by {{}} {what}, in {where}",
            )
            continue
        where = spelled(operation)
        # What is assigned to a name is what a person would speak of.
        assigned = operation.whole and operation.place is not None and operation.place.assigned
        rank = 1.0 + 0.5 * (not assigned) + 0.3 * (not operation.whole)
        yield Proposal(
            "detached",
            f"treats {where} as a constant",
            rank,
            located(address, lambda p, i, k=k: Edit(arriving={p.operations[i].makes[k]: 0})),
            operation.place,
            True,
            f"multiplies what comes by way of {where} by {{}}",
        )


def _of_uses(program: Program, address: Address, operation: Operation) -> Iterator[Proposal]:
    where = spelled(operation)
    for k, number in enumerate(operation.takes):
        if number not in program.moving or len(program.uses[number]) < 2:
            continue
        at = located(address, lambda p, i, k=k: Edit(leaving={(i, k): 0}))
        value = value_of(program, number)
        if number in program.arguments:
            yield Proposal(
                "missing-term",
                f"lacks the term by {value} in {where}",
                1.2,
                at,
                operation.place,
                True,
                f"multiplies the term by {value} in {where} by {{}}",
            )
        else:
            yield Proposal(
                "detached",
                f"treats {value} as a constant where it is used in {where}",
                1.8,
                at,
                operation.place,
                True,
                f"multiplies by {{}} what comes by way of {value} where it is used in {where}",
            )
        if len(program.by_address[address]) > 1:
            for which, turns in (("last", slice(-1)), ("first", slice(1, None))):
                yield Proposal(
                    "reduction",
                    f"keeps only the {which} pass of what {value} gets in {where}, where all of them add up",
                    2.5,
                    located(address, lambda p, i, k=k: Edit(leaving={(i, k): 0}), turns),
                    operation.place,
                )
