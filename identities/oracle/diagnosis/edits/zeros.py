"""Steps of a function at a zero: what it divides by, takes the root or the logarithm of, or compares with zero."""

from collections.abc import Iterator, Sequence

import numpy as np

from identities.oracle.diagnosis.case import Case, Sample
from identities.oracle.diagnosis.edits.bench import bench_of
from identities.oracle.diagnosis.edits.mistakes.epsilons import SENSITIVE
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.diagnosis.edits.program import Address, Operation, Program, TooLargeError
from identities.oracle.diagnosis.edits.proposals import firsts, value_of

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_OPERANDS = SENSITIVE | dict.fromkeys(_COMPARISONS, 0)
"""By operation, the operand that is zero at a zero."""

_MOSTLY = 0.85
"""Of the instances in which a value is zero, the part that must have gone wrong."""


def find_zero(case: Case, wrong: Sequence[np.ndarray]) -> tuple[str, Place | None] | None:
    """A value on the way, and its place, that has a zero in each instance that is wrong, and hardly in any other.

    **Arguments:**

    - `wrong`: for each sample, which instances are.
    """
    try:
        benches = [bench_of(sample) for sample in case.samples]
    except TooLargeError:
        return None
    for address, operation in _at_zeros(benches[0].program):
        zeros = [
            _has_zero(bench.program, address, bench.values, sample)
            for bench, sample in zip(benches, case.samples, strict=True)
        ]
        there = sum(int(z.sum()) for z in zeros)
        of_these = sum(int((z & w).sum()) for z, w in zip(zeros, wrong, strict=True))
        if of_these == sum(int(w.sum()) for w in wrong) and of_these >= _MOSTLY * there:
            return value_of(benches[0].program, operation.takes[_OPERANDS[operation.name]]), operation.place
    return None


def _at_zeros(program: Program) -> Iterator[tuple[Address, Operation]]:
    for address, operation in firsts(program):
        if operation.name not in _OPERANDS or operation.takes[_OPERANDS[operation.name]] in program.constants:
            continue
        if operation.name not in _COMPARISONS or not np.any(program.constants.get(operation.takes[1], 1)):
            yield address, operation


def _has_zero(program: Program, address: Address, values: dict[int, np.ndarray], sample: Sample) -> np.ndarray:
    """In which instances, of those that count, any entry of it is."""
    found = np.zeros(len(sample.got), bool)
    for i in program.by_address.get(address, ()):
        operation = program.operations[i]
        value = values[operation.takes[_OPERANDS[operation.name]]]
        found |= (value == 0).reshape(len(value), -1).any(axis=1)
    return found & sample.kept
