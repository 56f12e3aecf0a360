"""Indices that are off by one and wrap around, as those of NumPy do: -1 is the last one; and those of another step."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, values_of
from identities.oracle.diagnosis.edits.kernels import Kernel, kernel_of
from identities.oracle.diagnosis.edits.mistakes.steps import depends_on_operands
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import (
    At,
    Proposal,
    firsts,
    located,
    merged,
    only,
    spelled,
    standing,
    value_of,
    with_operand,
)

_AXES = {"gather": "start_index_map", "scatter": "scatter_dims_to_operand_dims"}
_AXES["scatter-add"] = _AXES["scatter"]
"""By operation, the parameter that has the axis of each number of an index."""


def wrapped(program: Program) -> Iterator[Proposal]:
    """Every index, off by one: in the function, in values, in the derivative of that step, or of another one."""
    for address, operation in firsts(program):
        for says, shift in _shifts(program, operation):
            at = located(address, _edit(shift))
            proposal = Proposal("index", f"{says} in {spelled(operation)}", 1.5, at, operation.place)
            yield proposal
            yield only(proposal, "values", "in what it computes anew")
            yield only(proposal, "pulls", "in the derivative of that step alone")
            yield from _at_one_use(program, address, proposal)


def exchanged(program: Program) -> Iterator[Proposal]:
    """Where one step takes entries from and another one puts them, for each other: edges that are walked backwards."""
    found = [(address, operation) for address, operation in firsts(program) if operation.name in _AXES]
    found = [(address, operation) for address, operation in found if any(program.active(operation))]
    for (one, a), (other, b) in itertools.combinations(found, 2):
        mine, others = a.takes[_INDEX], b.takes[_INDEX]
        if mine == others or program.avals[mine] != program.avals[others]:
            continue
        wheres = {one: (a, others), other: (b, mine)}
        both = [standing(program, address, _INDEX, number) for address, (_, number) in wheres.items()]
        says = f"takes the places of {spelled(a)} and of {spelled(b)} for each other"
        for which, words, rank in _WHERE:
            yield Proposal("index", says + words, rank, functools.partial(_together, both, which), a.place)
        for address, (operation, number) in wheres.items():
            says = f"takes the places of {spelled(b if operation is a else a)} for those of {spelled(operation)}"
            for which, words, rank in _WHERE:
                at = standing(program, address, _INDEX, number, which)
                yield Proposal("index", says + words, rank + 0.1, at, operation.place)


_INDEX = 1
"""Which operand of those operations has the places."""

_WHERE: tuple[tuple[Literal["pulls"] | None, str, float], ...] = (
    (None, "", 1.5),
    ("pulls", ", on the way back alone", 1.6),
)
"""Where an edit is made, what is said of that, and the rank."""


def _together(edits: Sequence[At], which: Literal["pulls"] | None, program: Program) -> Edit:
    return replace(merged([edit(program) for edit in edits]), only=which)


Shift = Callable[[Kernel], Kernel]


def _shifts(program: Program, operation: Operation) -> Iterator[tuple[str, Shift]]:
    if operation.name in _AXES:
        axes = getattr(operation.kernel.parameters["dimension_numbers"], _AXES[operation.name])
        for column in range(len(axes)):
            for by in (1, -1):
                along = f" along axis {axes[column]}" if len(axes) > 1 else ""
                yield (
                    f"has the index{along} one too {_TOO[by]}, from the end again beyond one",
                    lambda kernel, column=column, by=by: _shifted(kernel, column, by),
                )
    if operation.name == "eq" and (axis := _counted(program, operation)) is not None:
        for by in (1, -1):
            yield (
                f"has the index one too {_TOO[by]}, from the end again beyond one",
                lambda kernel, by=by: _rolled(kernel, axis, by),
            )


_TOO = {1: "large", -1: "small"}


def _counted(program: Program, operation: Operation) -> int | None:
    """The axis along which a comparison with 0, 1, 2 and so on makes rows of which one entry is true."""
    for number in operation.takes:
        constant = program.constants.get(number)
        if constant is not None and constant.size > 1 and np.array_equal(constant.ravel(), np.arange(constant.size)):
            return int(np.argmax(constant.shape))
    return None


def _shifted(kernel: Kernel, column: int, by: int) -> Kernel:
    axis = getattr(kernel.parameters["dimension_numbers"], _AXES[kernel.name])[column]
    size = kernel.avals[0][0][axis]

    def function(operand: jax.Array, index: jax.Array, *rest: jax.Array):
        own = np.arange(index.shape[-1]) == column
        return kernel.function(operand, jnp.where(own, (index + jnp.asarray(by, index.dtype)) % size, index), *rest)

    return kernel_of(kernel.name, function, kernel.avals, kernel.parameters)


def _rolled(kernel: Kernel, axis: int, by: int) -> Kernel:
    return kernel_of(
        kernel.name, lambda *o: [jnp.roll(made, by, axis) for made in kernel.function(*o)], kernel.avals, {}
    )


def _edit(shift: Shift):
    return lambda program, i: Edit(kernels={i: shift(program.operations[i].kernel)})


def _at_one_use(program: Program, address: Address, proposal: Proposal) -> Iterator[Proposal]:
    """What comes of it is right but in the derivative of one step."""
    changed = {number for i in program.by_address[address] for number in program.operations[i].makes}
    uses: list[tuple[Address, Operation, int]] = []
    for there, operation in firsts(program):
        found = [k for k, number in enumerate(operation.takes) if number in changed]
        if found:
            changed.update(operation.makes)
        if depends_on_operands(program, operation):
            uses += [(there, operation, k) for k in found]
    for there, operation, k in uses if len(uses) > 1 else ():
        value = value_of(program, operation.takes[k])
        says = f"{proposal.says}, in what it takes for {value} in the derivative of {spelled(operation)}"
        yield Proposal("index", says, 2.2, _recomputed(proposal, there, k), operation.place)


def _recomputed(proposal: Proposal, address: Address, operand: int):
    """An operand of a derivative that is taken from what an edit makes of the program."""

    def at(program: Program) -> Edit:
        edit = proposal.at(program)

        def pull(here: Here):
            anew = values_of(program, [here.values[n] for n in program.arguments], edit)
            return here.pull(operands=with_operand(here, operand, anew[here.operation.takes[operand]]))

        return located(address, lambda _, i: Edit(pulls={i: pull}))(program)

    return at
