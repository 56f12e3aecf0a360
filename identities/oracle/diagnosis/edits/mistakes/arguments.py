"""Arguments, and values on the way, that are taken for something else."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Arrays, Edit, Here
from identities.oracle.diagnosis.edits.kernels import Aval
from identities.oracle.diagnosis.edits.mistakes.cotangents import ENDS, Change
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.mistakes.steps import depends_on_operands
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled
from identities.oracle.run.tape import is_inexact


def arguments(program: Program) -> Iterator[Proposal]:
    """An argument in place of another one, or its transpose."""
    avals = [program.avals[n] for n in program.arguments]
    names = [program.names[n] for n in program.arguments]
    for i, j in itertools.permutations(range(len(avals)), 2):
        if avals[i] == avals[j]:
            yield _of_arguments(
                f"uses {names[j]} in place of {names[i]}",
                lambda given, i=i, j=j: [given[j] if k == i else g for k, g in enumerate(given)],
            )
            if i < j:
                yield _of_arguments(
                    f"takes {names[i]} and {names[j]} for each other",
                    lambda given, i=i, j=j: [given[{i: j, j: i}.get(k, k)] for k in range(len(given))],
                )
    for i, aval in enumerate(avals):
        for kind, words, change in _changes(aval):
            yield _of_arguments(f"takes {names[i]} {words}", functools.partial(_changed, (i,), change), kind)
    described = [(aval, n in program.moving) for aval, n in zip(avals, program.arguments, strict=True)]
    for aval, moves in dict.fromkeys(described):
        same = tuple(i for i, other in enumerate(described) if other == (aval, moves))
        for kind, words, change in _changes(aval) if len(same) > 1 else ():
            says = f"takes {' and '.join(names[i] for i in same)} {words}"
            yield _of_arguments(says, functools.partial(_changed, same, change), kind)


Changed = Callable[[np.ndarray], np.ndarray]


def _changes(aval: Aval) -> Iterator[tuple[str, str, Changed]]:
    """What an array may be taken for: the kind of mistake, what is said of it, and the change of a batch."""
    shape, dtype = aval
    if len(shape) > 1 and shape[-1] == shape[-2] > 1:
        yield "layout", "for its transpose", lambda g: g.swapaxes(-1, -2)
    elif len(shape) > 1 and min(shape[-2:]) > 1:
        yield "layout", "by columns where it is to be read by rows", lambda g: g.swapaxes(-1, -2).reshape(g.shape)
    if np.issubdtype(dtype, np.integer):
        yield "index", "for one more", lambda g: g + 1
        yield "index", "for one less", lambda g: g - 1
    if dtype.kind == "b":
        yield "other-argument", "for its opposite", np.logical_not
    for axis, size in enumerate(shape):
        if size > 1:
            yield "layout", f"backwards along axis {axis}", functools.partial(np.flip, axis=1 + axis)
            for by in (1, -1):
                rolled = functools.partial(np.roll, shift=by, axis=1 + axis)
                yield "index", f"shifted by one along axis {axis}", rolled
            if is_inexact(dtype):
                yield "reduction", f"to be its sum along axis {axis} everywhere", functools.partial(_summed, axis)
            for words, some in ENDS:
                yield (
                    "index",
                    f"to be its {words} entry along axis {axis} everywhere",
                    functools.partial(_one, axis, some),
                )
        if size > 1 and size % 2 == 0:
            yield (
                "layout",
                f"with its halves exchanged along axis {axis}",
                functools.partial(_with_halves_exchanged, axis),
            )
    if sum(size > 1 for size in shape) > 1:
        yield "layout", "backwards along every axis", lambda g: np.flip(g, tuple(range(1, g.ndim)))
    if is_inexact(dtype):
        yield "sign", "for its negative", np.negative


def _one(axis: int, some: slice, given: np.ndarray) -> np.ndarray:
    return np.broadcast_to(given[(*[slice(None)] * (1 + axis), some)], given.shape)


def _summed(axis: int, given: np.ndarray) -> np.ndarray:
    return np.broadcast_to(given.sum(1 + axis, keepdims=True), given.shape)


def _with_halves_exchanged(axis: int, given: np.ndarray) -> np.ndarray:
    return np.roll(given, given.shape[1 + axis] // 2, 1 + axis)


def _changed(which: tuple[int, ...], change: Changed, given: Arrays) -> Arrays:
    return [change(g) if k in which else g for k, g in enumerate(given)]


def in_pulls(program: Program) -> Iterator[Proposal]:
    """An argument that is taken for something else on the way back alone."""
    for i, number in enumerate(program.arguments):
        if np.issubdtype(dtype := program.avals[number][1], np.integer):
            continue
        for kind, words, change in _changes(program.avals[number]):
            where = (
                "in what it multiplies cotangents with" if is_inexact(dtype) else "in what it pulls cotangents back by"
            )
            says = f"takes {program.names[number]} {words}, {where}"
            yield Proposal(kind, says, 2.0, functools.partial(_in_pulls, i, change))


def _in_pulls(argument: int, change: Changed, program: Program) -> Edit:
    """Every operand of a pullback that is made of one argument alone, as that would be of another."""
    number = program.arguments[argument]
    made, steps = {number}, list[Operation]()
    for operation in program.operations:
        if made.intersection(operation.takes) and made.union(program.constants).issuperset(operation.takes):
            made.update(operation.makes)
            steps.append(operation)

    def anew(values: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        found = {number: change(values[number])}
        for step in steps:
            results = step.kernel.forward([found.get(n, values[n]) for n in step.takes])
            found.update(zip(step.makes, results, strict=True))
        return found

    known: list[tuple[Mapping[int, np.ndarray], dict[int, np.ndarray]]] = []

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        if not known or known[0][0] is not here.values:
            known[:] = [(here.values, anew(here.values))]
        changed = known[0][1]
        return here.pull([changed.get(n, o) for n, o in zip(here.operation.takes, here.operands, strict=True)])

    def is_met(operation: Operation) -> bool:
        chooses = operation.name == "select_n" and operation.takes[0] in made and any(program.active(operation))
        return chooses or (depends_on_operands(program, operation) and not made.isdisjoint(operation.takes))

    return Edit(pulls={i: pull for i in program.backwards if is_met(program.operations[i])})


def values_in_pulls(program: Program) -> Iterator[Proposal]:
    """The same of a value on the way."""
    for address, operation in firsts(program):
        (number, *others) = operation.makes
        if others or not operation.whole or operation.name in PASSED_ON or not _takers(program, number):
            continue
        for kind, words, change in _changes(program.avals[number]):
            says = f"takes {spelled(operation)} {words}, in what it multiplies cotangents with"
            at = located(address, functools.partial(_in_takers, change))
            yield Proposal(kind, says, 2.2, at, operation.place)


def _takers(program: Program, number: int) -> list[int]:
    """The operations whose derivatives depend on a value that they take."""
    return [i for i, _ in program.uses.get(number, ()) if depends_on_operands(program, program.operations[i])]


def _in_takers(change: Changed, program: Program, i: int) -> Edit:
    (number,) = program.operations[i].makes

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        taken = zip(here.operation.takes, here.operands, strict=True)
        return here.pull([change(operand) if n == number else operand for n, operand in taken])

    return Edit(pulls=dict.fromkeys(_takers(program, number), pull))


def _of_arguments(says: str, change: Change, kind: str = "other-argument") -> Proposal:
    return Proposal(kind, says, 1.5, lambda program: Edit(arguments=change))
