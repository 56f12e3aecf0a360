"""A factor that comes in too late: where sums of what it multiplies are behind, as gamma at the end of a norm."""

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import kernel_of
from identities.oracle.diagnosis.edits.mistakes.steps import passed_on
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, again, firsts, located, spelled, value_of


def late(program: Program) -> Iterator[Proposal]:
    """Every factor, multiplied with what arrives at an argument, or at a product that is on its way."""
    moving = program.moving.intersection(program.arguments)
    ends = {n: value_of(program, n) for n in moving}
    ends |= {o.makes[0]: spelled(o) for _, o in firsts(program) if o.name in _PRODUCTS and any(program.active(o))}
    for address, operation in firsts(program):
        if operation.name not in ("mul", "div"):
            continue
        kernel = operation.kernel
        for k, active in enumerate(program.active(operation)):
            if not active or kernel.avals[k] != kernel.gives[0] or (operation.name, k) == ("div", 1):
                continue
            way = program.way_to(operation.takes[k])
            for end, called in ends.items():
                if end in way and program.avals[end] == kernel.gives[0]:
                    done = "multiplies by" if operation.name == "mul" else "divides by"
                    factor = value_of(program, operation.takes[1 - k])
                    says = f"{done} {factor} of {spelled(operation)} at the end only, in what arrives at {called}"
                    for edit in (_passed_by, _left_out):
                        at = located(address, functools.partial(edit, again(program, end), k))
                        yield Proposal("factor", says, 1.9, at, operation.place)


_PRODUCTS = ("dot_general", "conv_general_dilated")
"""What gives the values that a norm, or a function of each, is taken of."""


def _passed_by(find: Callable[[Program, int], int], k: int, program: Program, i: int) -> Edit:
    """The step is passed by, on the way back."""
    operation = program.operations[i]
    return Edit(pulls={i: functools.partial(passed_on, k)}, arriving={find(program, i): _factor(operation, k)})


def _left_out(find: Callable[[Program, int], int], k: int, program: Program, i: int) -> Edit:
    """The function is one without that step: what it has multiplied may be divided by what depends on it, too."""
    operation = program.operations[i]
    kernel = kernel_of(operation.name, lambda *operands: [operands[k] + 0 * operands[1 - k]], operation.kernel.avals)
    return Edit(kernels={i: kernel}, arriving={find(program, i): _factor(operation, k)})


def _factor(operation: Operation, k: int) -> Callable[[Mapping[int, np.ndarray]], np.ndarray]:
    number, power = operation.takes[1 - k], -1.0 if operation.name == "div" else 1.0
    return lambda values: values[number] ** power
