"""Steps of a derivative: how an operation pulls its cotangent back, done otherwise."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, FromValues, Here
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    again,
    alike,
    firsts,
    located,
    pulling,
    spelled,
    standing,
    value_of,
    with_operand,
)
from identities.oracle.run.tape import is_inexact


def factors(program: Program) -> Iterator[Proposal]:
    """A cotangent that is passed on as it is."""
    for address, operation in firsts(program):
        if operation.name in ("reduce_max", "reduce_min") and any(program.active(operation)):
            says = f"passes the cotangent of {spelled(operation)} on to every entry, not only to the one that is picked"
            yield Proposal("missing-factor", says, 1.4, pulling(address, _to_all), operation.place)
            says = f"gives the whole cotangent of {spelled(operation)} to each of several equal entries"
            yield Proposal("missing-factor", says, 1.4, pulling(address, _to_equals), operation.place)
        if operation.name in _OF_TWO_EQUALS and all(program.active(operation)):
            says = f"gives the whole cotangent of {spelled(operation)} to both where they are equal"
            yield Proposal("missing-factor", says, 1.4, pulling(address, _to_both), operation.place)
    for address, operation, k, factor in _factors(program):
        at = pulling(address, functools.partial(passed_on, k))
        yield Proposal("missing-factor", f"leaves out {factor} {spelled(operation)}", 1.4, at, operation.place)


def stops(program: Program) -> Iterator[Proposal]:
    """The derivative by a value on the way in the place of that by an argument of the same shape."""
    for argument in program.arguments:
        way = program.way_from(argument) if argument in program.moving else ()
        for address, operation in firsts(program):
            (number, *others) = operation.makes
            of_it = not others and number in way and program.avals[number] == program.avals[argument]
            if of_it and operation.whole and operation.name not in PASSED_ON:
                says = f"is the derivative by {spelled(operation)}, and not by {program.names[argument]}"
                place = program.arguments.index(argument)
                at = located(address, functools.partial(_stopped, place), slice(1))
                named = operation.place is not None and operation.place.assigned
                yield Proposal("missing-factor", says, 1.4 - 0.2 * named, at, operation.place)


def _stopped(place: int, program: Program, i: int) -> Edit:
    return Edit(stops={program.arguments[place]: program.operations[i].makes[0]})


def repeated(program: Program) -> Iterator[Proposal]:
    """A cotangent that is multiplied twice with the same derivative, or multiplied where it is to be divided."""
    for address, operation, k, factor in _factors(program):
        where = spelled(operation)
        at = pulling(address, functools.partial(_twice, k))
        yield Proposal("factor", f"applies {factor} {where} twice", 2.0, at, operation.place)
        if operation.name == "div" and k == 0:
            says = f"multiplies by {value_of(program, operation.takes[1])} where {where} divides"
            yield Proposal("factor", says, 2.0, pulling(address, _multiplied), operation.place)


def _factors(program: Program) -> Iterator[tuple[Address, Operation, int, str]]:
    """Operations that multiply a cotangent entry by entry; for which operand; and what a person calls the factor."""
    for address, operation in firsts(program):
        if operation.name in _PLAIN or len(operation.makes) > 1:
            continue
        for k, active in enumerate(program.active(operation)):
            if active and operation.kernel.avals[k] == operation.kernel.gives[0]:
                others = " and ".join(value_of(program, n) for j, n in enumerate(operation.takes) if j != k)
                named = {
                    "mul": f"the factor {others} of",
                    "div": f"the division by {others} of" if k == 0 else "the derivative of",
                    "select_n": "the condition of",
                }
                yield address, operation, k, named.get(operation.name, "the derivative of")


def passed_on(operand: int, here: Here) -> Mapping[int, np.ndarray]:
    """What arrives, for that operand, as if the step were none."""
    return {operand: here.cotangents[0]}


def _twice(operand: int, here: Here) -> Mapping[int, np.ndarray]:
    return {operand: here.pull(cotangents=[here.pull()[operand]])[operand]}


def _multiplied(here: Here) -> Mapping[int, np.ndarray]:
    return {0: here.cotangents[0] * here.operands[1]}


def multiples(program: Program) -> Iterator[Proposal]:
    """The cotangent of a value, of a result or of an argument times, or divided by, a value on the way."""
    made = [(address, k, n) for address, o in firsts(program) for k, n in enumerate(o.makes)]
    for address, k, number in made:
        if not is_inexact(program.avals[number][1]):
            continue
        own = program.avals[number][0]
        for i, target in enumerate(program.arguments):
            if target in program.moving and _fits(own, program.avals[target][0]):
                for kind, words, power in _times(program, number):
                    says = f"{words}, in the gradient by {program.names[target]}"
                    at = functools.partial(_argument_times, i, address, k, power)
                    yield Proposal(kind, says, 1.9, at, program.operations[program.made_by[number]].place)
        for there, place, target in made:
            result, shape = target in program.results, program.avals[target][0]
            if target in program.moving and (own == shape or (result and _fits(own, shape))):
                for kind, words, power in _times(program, number):
                    says = words + ("" if result else f", in {value_of(program, target)}")
                    edit = _value_times(place, address, k, power)
                    operation = program.operations[program.made_by[target]]
                    yield Proposal(kind, says, 2.9 - result, located(there, edit), operation.place)


def _times(program: Program, number: int) -> Iterator[tuple[str, str, int]]:
    """What is said of a value that is a factor too many, or is missing, and its power."""
    value = value_of(program, number)
    made_by = program.operations[program.made_by[number]].name
    if made_by in _ZERO:
        yield "region", f"is zero where {value} is zero", 0
    if made_by == "sqrt" or _divides(program, number):  # the derivative of a root divides by it
        yield "missing-factor", f"leaves out a division by {value}", 1
        yield "factor", f"divides by {value} once too often", -1
    else:
        yield "factor", f"has {value} as a factor too many", 1
        yield "missing-factor", f"lacks the factor {value}", -1


_ZERO = ("scatter-add", "max", "select_n", "gather")
"""What often gives zeros: counts, rectified numbers, masked ones."""


def _divides(program: Program, number: int) -> bool:
    """Whether something is divided by a value, perhaps after it has been given another shape."""
    uses = [(program.operations[i], k) for i, k in program.uses.get(number, ())]
    return any(
        (operation.name == "div" and k == 1) or (operation.name in PASSED_ON and _divides(program, operation.makes[0]))
        for operation, k in uses
    )


def _fits(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a value has a number for each entry, or for each row, of another."""
    same = all(n in (1, m) for n, m in zip(own, shape, strict=False))
    return same and len(own) >= len(shape) - 1 and all(n == 1 for n in own[len(shape) :])


def _argument_times(argument: int, address: Address, k: int, power: int, program: Program) -> Edit:
    target = program.arguments[argument]
    return Edit(arriving={target: _factor(program, target, address, k, power)})


def _value_times(place: int, address: Address, k: int, power: int):
    def edit(program: Program, i: int) -> Edit:
        target = program.operations[i].makes[place]
        return Edit(arriving={target: _factor(program, target, address, k, power)})

    return edit


def _factor(program: Program, target: int, address: Address, k: int, power: int) -> FromValues:
    number = program.operations[program.by_address[address][0]].makes[k]

    def factor(values: Mapping[int, np.ndarray]) -> np.ndarray:
        by = values[number] * 1.0  # of whole numbers there are no reciprocals
        shape = (*by.shape, *[1] * values[target].ndim)[: values[target].ndim]
        return by.reshape(shape) ** power if power else (by.reshape(shape) != 0) * 1.0

    return factor


_PLAIN = (
    *("add", "sub", "neg", "copy", "carry", "reshape", "broadcast_in_dim", "convert_element_type", "squeeze"),
    *("rev", "transpose", "conj", "real", "complex"),
)
"""Operations whose derivatives are one or minus one, perhaps in another place."""


def _to_all(here: Here) -> Mapping[int, np.ndarray]:
    axes = tuple(1 + axis for axis in here.kernel.parameters["axes"])
    return {0: np.broadcast_to(np.expand_dims(here.cotangents[0], axes), here.operands[0].shape)}


def _to_equals(here: Here) -> Mapping[int, np.ndarray]:
    axes = tuple(1 + axis for axis in here.kernel.parameters["axes"])
    picked = here.operands[0] == np.expand_dims(here.results[0], axes)
    return {0: np.expand_dims(here.cotangents[0], axes) * picked}


_OF_TWO_EQUALS = ("max", "min")


def _to_both(here: Here) -> Mapping[int, np.ndarray]:
    return {k: here.cotangents[0] * (operand == here.results[0]) for k, operand in enumerate(here.operands)}


def by_way_of_others(program: Program) -> Iterator[Proposal]:
    """A norm, say, taken for another one wherever it is divided by or multiplied with in what comes by way of it."""
    others_of = alike(program)
    for address, operation in firsts(program):
        (number, *_), place = operation.makes, operation.place
        if operation.name not in _EXCHANGED or number not in program.moving:
            continue
        for other in others_of(number):
            if other not in program.made_by or program.operations[program.made_by[other]].name != operation.name:
                continue
            value, taken = value_of(program, number), value_of(program, other)
            for power in (1, 2, -1, -2):
                says = f"takes {taken} for {value}{_POWERS[abs(power)]} in what comes by way of {value}"
                at = located(address, functools.partial(_by_the_ratio, again(program, other), power))
                yield Proposal("other-argument", says, 2.1, at, place)


_EXCHANGED = ("sqrt", "rsqrt", "reduce_sum", "reduce_max", "exp", "log")
"""What is often made twice alike, of two arguments: norms, sums, scales."""

_POWERS = {1: "", 2: ", squared,"}


def _by_the_ratio(find: Callable[[Program, int], int], power: int, program: Program, i: int) -> Edit:
    (number, *_), other = program.operations[i].makes, find(program, i)
    return Edit(arriving={number: lambda values: (values[number] / values[other]) ** power})


def operands(program: Program) -> Iterator[Proposal]:
    """A derivative taken at another value: at the result for the argument, the other way round, or elsewhere."""
    for address, operation in firsts(program):
        if not depends_on_operands(program, operation):
            continue
        where = spelled(operation)
        for k in range(len(operation.takes)):
            if operation.kernel.avals[k] == operation.kernel.gives[0] and is_inexact(operation.kernel.avals[k][1]):
                yield Proposal(
                    "other-argument",
                    f"takes the derivative of {where} at its result",
                    1.7,
                    pulling(address, lambda here, k=k: here.pull(operands=with_operand(here, k, here.results[0]))),
                    operation.place,
                )
        for kind, wrong, slope in _SLIPS.get(operation.name, ()):
            says = f"{wrong} the derivative of {where}, y being its result"
            yield Proposal(kind, says, 1.6, pulling(address, functools.partial(_by_result, slope)), operation.place)


def _by_result(derivative: Callable[[np.ndarray], np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    return {0: here.cotangents[0] * derivative(here.results[0])}


_SLIPS: dict[str, tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...]] = {
    "logistic": (
        ("missing-factor", "leaves out the factor 1 - y of", lambda y: y),
        ("missing-factor", "leaves out the factor y of", lambda y: 1 - y),
        ("sign", "has 1 + y for 1 - y in", lambda y: y * (1 + y)),
        ("other-argument", "has y for 1 - y in", lambda y: y * y),
        ("other-argument", "has 1 - y for y in", lambda y: (1 - y) ** 2),
    ),
    "tanh": (
        ("missing-factor", "leaves out the square of", lambda y: 1 - y),
        ("sign", "has 1 + y^2 for 1 - y^2 in", lambda y: 1 + y * y),
    ),
}
"""Derivatives by way of the result, with a slip of the pen."""


_LINEAR = (
    "reduce_sum",
    "transpose",
    "concatenate",
    "slice",
    "pad",
    "rev",
    "select_n",
    "gather",
    "dynamic_slice",
    "row",
    "stack",
    "cumsum",
)


def depends_on_operands(program: Program, operation: Operation) -> bool:
    """Whether an operation's derivative depends on where it is taken."""
    return operation.name not in (*_PLAIN, *_LINEAR) and any(program.active(operation))


def others(program: Program) -> Iterator[Proposal]:
    """A derivative taken with any other value of the same shape in place of an operand."""
    others_of = alike(program)
    for address, operation in firsts(program):
        if not depends_on_operands(program, operation):
            continue
        where = spelled(operation)
        for k, number in enumerate(operation.takes):
            for other in others_of(number):
                if other in operation.makes:
                    continue
                says = f"uses {value_of(program, other)} in place of {value_of(program, number)}"
                at = standing(program, address, k, other, only="pulls")
                yield Proposal("other-argument", f"{says} in the derivative of {where}", 2.2, at, operation.place)


def behind(program: Program) -> Iterator[Proposal]:
    """The same of a value that is an operand but for a number: m_new of lr * m_new."""
    others_of = alike(program)
    for address, operation in firsts(program):
        if not depends_on_operands(program, operation):
            continue
        for k, number in enumerate(operation.takes):
            base, steps = base_of(program, number)
            for other in others_of(base) if steps else ():
                says = f"uses {value_of(program, other)} in place of {value_of(program, base)}"
                at = located(address, functools.partial(_with_another_behind, k, again(program, other)))
                yield Proposal(
                    "other-argument", f"{says} in the derivative of {spelled(operation)}", 2.3, at, operation.place
                )


def base_of(program: Program, number: int) -> tuple[int, tuple[int, ...]]:
    """What a value is a multiple of, by a number, or is in another shape; and by which operations."""
    steps: list[int] = []
    while (i := program.made_by.get(number)) is not None:
        operation = program.operations[i]
        varies = [n for n in operation.takes if n not in program.constants]
        if len(varies) != 1 or operation.name not in (*PASSED_ON, "mul", "div", "neg"):
            break
        steps.insert(0, i)
        (number,) = varies
    return number, tuple(steps)


def _with_another_behind(operand: int, find: Callable[[Program, int], int], program: Program, i: int) -> Edit:
    base, steps = base_of(program, program.operations[i].takes[operand])
    other = find(program, i)
    if program.avals[other] != program.avals[base]:
        raise LookupError(i)
    return Edit(pulls={i: functools.partial(pulled_with, program, base, other, {operand: steps})})


def pulled_with(
    program: Program, base: int, other: int, steps: Mapping[int, Sequence[int]], here: Here
) -> Mapping[int, np.ndarray]:
    """What an operation pulls back if some of its operands, by the steps to each of them, are made of another value."""
    operands = here.operands
    for operand, of_operand in steps.items():
        values = {base: here.values[other]}
        for step in of_operand:
            operation = program.operations[step]
            made = operation.kernel.forward([values.get(n, here.values[n]) for n in operation.takes])
            values[operation.makes[0]] = made[0]
        operands = with_operand(replace(here, operands=operands), operand, values[here.operation.takes[operand]])
    return here.pull(operands)
