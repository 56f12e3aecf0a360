"""Functions that are written out in a program, taken for the one operation that they are.

Who writes 1 / (1 + exp(-x)) means a sigmoid, and makes the mistakes that people make in its derivative.
"""

from dataclasses import replace

import jax
import numpy as np

from identities.oracle.diagnosis.edits.kernels import kernel_of
from identities.oracle.diagnosis.edits.program import Operation, Program, number_of


def recognised(program: Program) -> Program | None:
    """The program with every sigmoid as one operation; none if it has no other than are that already.

    What a sigmoid was made of stays where it is, without a use.
    """
    made = {i: found for i, operation in enumerate(program.operations) if (found := _sigmoid(program, operation))}
    if not made:
        return None
    operations = tuple(made.get(i, operation) for i, operation in enumerate(program.operations))
    uses: dict[int, list[tuple[int, int]]] = {}
    for i, operation in enumerate(operations):
        for operand, number in enumerate(operation.takes):
            uses.setdefault(number, []).append((i, operand))
    return replace(program, operations=operations, uses=uses)


def _sigmoid(program: Program, operation: Operation) -> Operation | None:
    """1 / (1 + e^-x), or e^x / (1 + e^x)."""
    if operation.name != "div":
        return None
    above, below = operation.takes
    sum_ = _made_by(program, below, "add")
    exponentials = [n for n in sum_.takes if _made_by(program, n, "exp")] if sum_ else []
    if sum_ is None or len(exponentials) != 1 or not any(number_of(program, n) == 1 for n in sum_.takes):
        return None
    (exponential,) = exponentials
    (argument,) = program.operations[program.made_by[exponential]].takes
    if number_of(program, above) == 1:
        negative = _made_by(program, argument, "neg")
        if negative is None:
            return None
        (argument,) = negative.takes
    elif (other := _made_by(program, above, "exp")) is None or other.takes != (argument,):
        return None
    aval = program.avals[argument]
    if aval != operation.kernel.gives[0] or not np.issubdtype(aval[1], np.floating):
        return None
    kernel = kernel_of("logistic", lambda x: [jax.nn.sigmoid(x)], [aval])
    address = replace(operation.address, name="logistic")
    return replace(operation, kernel=kernel, takes=(argument,), address=address)


def _made_by(program: Program, number: int, name: str) -> Operation | None:
    i = program.made_by.get(number)
    return program.operations[i] if i is not None and program.operations[i].name == name else None
