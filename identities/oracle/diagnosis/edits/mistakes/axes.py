"""Sums over other axes: in the function, in what is computed anew, or where a cotangent is summed."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.mistakes.segments import REDUCTIONS, Axes, Segment, reduction, segment_of
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, spelled


@dataclass(frozen=True)
class _Inside:
    """A reduced value that multiplies or divides, and the power of it that moves it to the other side of a sum.

    On which side it stands makes no difference to a sum over the right axis.
    """

    address: Address
    operand: int
    power: int


def axes(program: Program) -> Iterator[Proposal]:
    """Every reduction, and all those of one shape and the same axes together, over other axes."""
    groups: dict[object, list[tuple[Address, Operation, Segment]]] = {}
    for address, operation in firsts(program):
        if operation.name in REDUCTIONS and len(operation.kernel.avals[0][0]) > 1:
            try:
                segment = segment_of(program, program.by_address[address])
            except LookupError:
                continue
            kernel = operation.kernel
            groups.setdefault((kernel.avals[0][0], kernel.parameters["axes"]), []).append((address, operation, segment))
    for group in groups.values():
        factors = list(_factors(program, group))
        sums = [address for address, operation, _ in group if operation.name == "reduce_sum"]
        beside = sums if len(sums) > 1 else []
        for address, operation, segment in group:
            where = _spelled(operation, segment)
            yield from _over_others(operation, (address,), segment.is_mean, factors, where, beside)
        if len(group) > 1:
            means = all(segment.is_mean for _, _, segment in group)
            where = " and ".join(dict.fromkeys(_spelled(operation, segment) for _, operation, segment in group))
            yield from _over_others(group[0][1], [address for address, _, _ in group], means, factors, where, beside)


def _spelled(operation: Operation, segment: Segment) -> str:
    """A sum, or the mean that it is a part of."""
    place = operation.place
    return str(place) if segment.is_mean and place and place.expression else spelled(operation)


def _factors(program: Program, group: Sequence[tuple[Address, Operation, Segment]]) -> Iterator[_Inside | None]:
    """Reduced values that multiply or divide: they may be written inside of the sum or outside of it."""
    yield None
    for _, _, segment in group:
        for i, (k, *_) in segment.exits.items():
            operation = program.operations[i]
            if operation.name in ("mul", "div"):
                yield _Inside(operation.address, k, -1 if operation.name == "mul" else 1)


def _over_others(
    operation: Operation,
    addresses: Sequence[Address],
    is_mean: bool,
    factors: Sequence[_Inside | None],
    where: str,
    beside: Sequence[Address],
) -> Iterator[Proposal]:
    old: Axes = operation.kernel.parameters["axes"]
    of_mean = ((True, ""), (False, f", divided by the count of {_named(old)}"))
    for new in _others(len(operation.kernel.avals[0][0]), old):
        taken = f"over {_named(new)} in place of {_named(old)}"
        for rescaled, divided in of_mean if is_mean else ((False, ""),):
            at = functools.partial(_edit, addresses, new, rescaled, "both", None, ())
            yield Proposal("reduction", f"takes {where} {taken}{divided}", 1.7, at, operation.place)
            if operation.name != "reduce_sum":
                continue
            for inside, others in itertools.product(factors, ((), beside) if beside else ((),)):
                rank = 2.2 + 0.2 * (inside is not None) + 0.1 * bool(others)
                says = f"takes {where} {taken}{divided}, in what it computes anew"
                at = functools.partial(_edit, addresses, new, rescaled, "values", inside, others)
                yield Proposal("reduction", says, rank, at, operation.place)
                says = f"sums what it pulls back to {where} {taken}{divided}"
                at = functools.partial(_edit, addresses, new, rescaled, "pulls", inside, others)
                yield Proposal("reduction", says, rank, at, operation.place)


def _named(these: Axes) -> str:
    return f"axis {these[0]}" if len(these) == 1 else f"axes {', '.join(map(str, these[:-1]))} and {these[-1]}"


def _others(rank: int, old: Axes) -> list[Axes]:
    """What is taken for some axes: another one, all of them, one more, one less."""
    found: list[Axes] = [(axis,) for axis in range(rank)]
    found.append(tuple(range(rank)))
    found += [tuple(sorted({*old, axis})) for axis in range(rank)]
    found += [tuple(a for a in old if a != axis) for axis in old]
    return [new for new in dict.fromkeys(found) if new and new != tuple(sorted(old))]


def _edit(
    addresses: Sequence[Address],
    new: Axes,
    rescaled: bool,
    where: str,
    inside: _Inside | None,
    beside: Sequence[Address],
    program: Program,
) -> Edit:
    """The reductions over other axes, in their values, in their pullbacks or in both.

    What comes back to them by way of those beside them, of the same axes, is nothing where all is right, as of a mean
    by way of the variance: who derives by hand leaves it out.
    """
    changed = [i for address in addresses for i in program.by_address[address]]
    roots = sorted({*changed, *(i for address in beside for i in program.by_address[address])})
    segment, own = segment_of(program, roots), segment_of(program, changed)
    kernel = program.operations[roots[0]].kernel
    full, old = kernel.avals[0][0], kernel.parameters["axes"]
    scale = math.prod(full[a] for a in old) / math.prod(full[a] for a in new) if rescaled else 1.0
    kernels = dict(segment.kernels)
    for i in roots:
        root = program.operations[i].kernel
        over, by = (new, scale) if i in changed and where != "pulls" else (old, 1.0)
        kernels[i] = reduction(root.name, root.avals[0], over, by)
    if where == "both":
        return Edit(kernels=kernels)
    pulls: dict[int, Pull] = dict.fromkeys(roots, _as_it_is)
    for i, operands in segment.exits.items():
        over, by = (new, scale) if i in own.exits and where != "values" else (old, 1.0)
        number, power = None, 0
        if inside is not None:
            there = program.by_address[inside.address][0]
            number, power = program.operations[there].takes[inside.operand], inside.power
            power = abs(power) if there == i else power  # its own derivative has none, or one too many
        pulls[i] = functools.partial(_summed, operands, tuple(1 + axis for axis in over), by, number, power)
    if beside:
        _without_each_other(program, roots, segment, pulls)
    return Edit(kernels=kernels, pulls=pulls)


def _without_each_other(program: Program, roots: Sequence[int], segment: Segment, pulls: dict[int, Pull]) -> None:
    """Leaves out what comes back to reductions by way of others."""
    into = set(roots)
    for i in reversed(range(len(program.operations))):
        uses = [j for n in program.operations[i].makes for j, _ in program.uses.get(n, ())]
        if uses and into.issuperset(uses):
            into.add(i)
    for i in segment.exits:
        if i in into:
            pulls[i] = functools.partial(_nothing, segment.exits[i])
            continue
        came: list[np.ndarray] = []
        for j, k in program.uses.get(program.operations[i].makes[0], ()):
            if j in into:
                pulls[j] = functools.partial(_noted, pulls.get(j), k, came)
        pulls[i] = functools.partial(_of_the_rest, pulls[i], came)


def _nothing(operands: Axes, here: Here) -> Mapping[int, np.ndarray]:
    return {k: np.zeros(here.operands[k].shape) for k in operands}


def _noted(pull: Pull | None, operand: int, came: list[np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    made = pull(here) if pull else here.pull()
    came.append(made[operand])
    return made


def _of_the_rest(pull: Pull, came: list[np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    rest = here.cotangents[0] - sum(came)
    came.clear()
    return pull(replace(here, cotangents=[rest]))


def _as_it_is(here: Here) -> Mapping[int, np.ndarray]:
    return {0: here.cotangents[0]}


def _summed(
    operands: Axes, over: Axes, scale: float, number: int | None, power: int, here: Here
) -> Mapping[int, np.ndarray]:
    """The cotangents of reduced values, summed over some axes and repeated along them."""
    factor = np.ones(1) if number is None else here.values[number] ** float(power)
    pulled = here.pull()
    return {
        k: np.broadcast_to((pulled[k] * factor).sum(over, keepdims=True) * scale / factor, pulled[k].shape)
        for k in operands
        if k in pulled
    }
