"""Cotangents of results, and of values on the way, that are ignored or taken for each other."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Arrays, Edit, Here
from identities.oracle.diagnosis.edits.kernels import Aval
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, pulling, spelled

Change = Callable[[Arrays], Arrays]


def cotangents(program: Program) -> Iterator[Proposal]:
    """The cotangents of the results: ones, or another's."""
    yield _of_cotangents("ignores the cotangent: it takes ones for it", lambda given: [np.ones_like(g) for g in given])
    yield _of_cotangents("has the wrong sign", lambda given: [-g for g in given], "sign")
    avals = [program.avals[n] for n in program.results]
    for says, change in _between(avals, "result"):
        yield _of_cotangents(says, change)
    for i, number in enumerate(program.results):
        yield from _of_entries(program, i, number)
    for i, (shape, _) in enumerate(avals):
        for axis, size in enumerate(shape):
            for words, some in ENDS if size > 1 else ():
                says = f"takes the {words} entry of the cotangent along axis {axis} for all of them"
                yield _of_cotangents(says, functools.partial(_of_one, i, 1 + axis, some))
                for done, there in (("counts twice", 2), ("leaves out", 0)):
                    says = f"{done} the {words} entry of the cotangent along axis {axis}"
                    yield _of_cotangents(says, functools.partial(_times, i, 1 + axis, some, there, 1))
        if len(shape) > 1 and shape[-1] == shape[-2] > 1:
            yield _of_cotangents(
                "takes the cotangent for its transpose",
                lambda given, i=i: [g.swapaxes(-1, -2) if k == i else g for k, g in enumerate(given)],
            )


def ends(program: Program) -> Iterator[Proposal]:
    """Of the cotangent of a result, the first or the last entry alone."""
    for i, number in enumerate(program.results):
        for axis, size in enumerate(program.avals[number][0]):
            for words, some in ENDS if size > 1 else ():
                says = f"takes only the {words} entry of the cotangent along axis {axis}"
                yield _of_cotangents(says, functools.partial(_times, i, 1 + axis, some, 1, 0))


def _between(avals: Sequence[Aval], called: str) -> Iterator[tuple[str, Change]]:
    """What may be done to the cotangents of several things: they are ignored, or go by each other's ways."""
    for i in range(len(avals)) if len(avals) > 1 else ():
        yield (
            f"ignores the cotangent of {called} {i}",
            lambda given, i=i: [0 * g if k == i else g for k, g in enumerate(given)],
        )
    for i, j in itertools.permutations(range(len(avals)), 2):
        for says, ways in _WAYS if avals[i] == avals[j] else ():
            says = says.format(i=f"{called} {i}", j=f"{called} {j}")
            yield says, functools.partial(_on_other_ways, i, j, ways)


_WAYS: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]], ...] = (
    ("takes the cotangent of {j} for that of {i}", lambda a, b: (b, b)),
    ("takes the cotangents of {i} and {j} for each other", lambda a, b: (b, a)),
    ("adds the cotangent of {j} to that of {i}", lambda a, b: (a + b, b)),
    ("sends the cotangent of {j} by the way of that of {i}", lambda a, b: (a + b, 0 * b)),
)
"""What the cotangents of two things, i and j, become."""


def _on_other_ways(i: int, j: int, ways: Callable[..., tuple[np.ndarray, np.ndarray]], given: Arrays) -> Arrays:
    changed = dict(zip((i, j), ways(given[i], given[j]), strict=True))
    return [changed.get(k, g) for k, g in enumerate(given)]


def _of_entries(program: Program, result: int, number: int) -> Iterator[Proposal]:
    """The same between what is stacked, or put one behind the other, in one result."""
    if number not in program.made_by:
        return
    operation = program.operations[program.made_by[number]]
    axis = operation.kernel.parameters.get("dimension", operation.kernel.parameters.get("axis", 0))
    if operation.name not in ("concatenate", "stack") or not 1 < len(operation.takes) <= _STACKED:
        return
    for says, change in _between(operation.kernel.avals, "part"):
        in_parts = functools.partial(_in_parts, result, len(operation.takes), 1 + axis, change)
        yield _of_cotangents(f"{says}, in {spelled(operation)}", in_parts)


_STACKED = 4
"""The most parts of a result that are told apart."""


def parts_on_the_way(program: Program) -> Iterator[Proposal]:
    """The same between what a value is split or sliced into, and between what is put together on the way."""
    for address, operation in firsts(program):
        count, parameters = len(operation.takes), operation.kernel.parameters
        if not any(program.active(operation)):
            continue
        if operation.name == "split" and len(operation.makes) <= _STACKED:
            for says, change in _between(operation.kernel.gives, "part"):
                at = pulling(address, functools.partial(_of_changed, change))
                yield Proposal("cotangent", f"{says}, in {spelled(operation)}", 1.8, at, operation.place)
        if operation.name in ("concatenate", "stack") and 1 < count <= _STACKED:
            axis = 1 + parameters.get("dimension", parameters.get("axis", 0))
            for says, change in _between(operation.kernel.avals, "part"):
                in_parts = functools.partial(_in_parts, 0, count, axis, change)
                at = pulling(address, functools.partial(_of_changed, in_parts))
                yield Proposal("cotangent", f"{says}, in {spelled(operation)}", 1.8, at, operation.place)

    for slices in _slices(program):
        for (one, first), (other, second) in itertools.combinations(slices, 2):
            says = f"takes the cotangents of {spelled(first)} and {spelled(second)} for each other"
            yield Proposal("cotangent", says, 1.8, functools.partial(_exchanged, one, other), first.place)


def _slices(program: Program) -> Iterator[list[tuple[Address, Operation]]]:
    """By value, the slices of one size that are taken of it."""
    found: dict[tuple[int, Aval], list[tuple[Address, Operation]]] = {}
    for address, operation in firsts(program):
        if operation.name == "slice" and any(program.active(operation)):
            found.setdefault((operation.takes[0], operation.kernel.gives[0]), []).append((address, operation))
    yield from (some for some in found.values() if len(some) <= _STACKED)


def _exchanged(one: Address, other: Address, program: Program) -> Edit:
    kernels = {}
    for i, j in zip(program.by_address[one], program.by_address[other], strict=True):
        kernels |= {i: program.operations[j].kernel, j: program.operations[i].kernel}
    return Edit(kernels=kernels, only="pulls")


def _of_changed(change: Change, here: Here) -> Mapping[int, np.ndarray]:
    return here.pull(cotangents=change(here.cotangents))


def _in_parts(result: int, count: int, axis: int, change: Change, given: Arrays) -> Arrays:
    parts = change(np.split(given[result], count, axis))
    return [np.concatenate(parts, axis) if k == result else g for k, g in enumerate(given)]


ENDS = (("first", slice(1)), ("last", slice(-1, None)))
"""The entries at the ends of an axis."""


def _of_one(result: int, axis: int, some: slice, given: Arrays) -> Arrays:
    """Some entries of the cotangent of one result, for all of them."""
    of_it = np.broadcast_to(given[result][(*[slice(None)] * axis, some)], given[result].shape)
    return [of_it if k == result else g for k, g in enumerate(given)]


def _times(result: int, axis: int, some: slice, there: float, elsewhere: float, given: Arrays) -> Arrays:
    """The cotangent of one result, some entries so many times and the others so many."""
    changed = given[result] * elsewhere
    changed[(*[slice(None)] * axis, some)] = given[result][(*[slice(None)] * axis, some)] * there
    return [changed if k == result else g for k, g in enumerate(given)]


def _of_cotangents(says: str, change: Change, kind: str = "cotangent") -> Proposal:
    return Proposal(kind, says, 1.0, lambda program: Edit(cotangents=change))


def on_the_way(program: Program) -> Iterator[Proposal]:
    """What arrives at a value on the way is taken for ones, as if the function ended there."""
    for address, operation in firsts(program):
        if operation.name in PASSED_ON or len(operation.makes) > 1 or not any(program.active(operation)):
            continue
        for sign, words in ((1, "one"), (-1, "minus one")):
            says = f"takes {words} for the cotangent that arrives at {spelled(operation)}"
            at = pulling(address, functools.partial(_of_ones, sign))
            yield Proposal("cotangent", says, 1.6, at, operation.place)


def _of_ones(sign: int, here: Here) -> Mapping[int, np.ndarray]:
    return here.pull(cotangents=[np.full_like(here.cotangents[0], sign)])
