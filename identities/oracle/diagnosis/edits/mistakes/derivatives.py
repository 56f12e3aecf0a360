"""Derivatives of elementwise functions: taken for their values, and the other way round, and by way of the result."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.kernels import Kernel, kernel_of
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.mistakes.steps import base_of, depends_on_operands, pulled_with
from identities.oracle.diagnosis.edits.program import Operation, Program, number_of
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    again,
    alike,
    firsts,
    located,
    pulling,
    spelled,
    value_of,
    with_operand,
)
from identities.oracle.run.tape import is_inexact

_CURVED = (
    *("tanh", "logistic", "erf", "erf_inv", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "rsqrt", "cbrt"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
    *("integer_pow", "square", "custom_jvp_call"),
)
"""Functions of one number whose derivatives depend on it."""

_ENTRY_BY_ENTRY = (
    *(*_CURVED, "add", "sub", "mul", "div", "neg", "abs", "sign", "max", "min", "pow", "copy", "convert_element_type"),
    *("select_n", "lt", "le", "gt", "ge", "eq", "ne"),
)
"""Operations of which an entry depends on the same entry of every operand."""


def derivatives(program: Program) -> Iterator[Proposal]:
    """A value in place of a derivative, a second derivative in place of the first, a derivative in place of a value."""
    for address, operation in firsts(program):
        where = spelled(operation)
        if (k := _curved(program, operation)) is not None and program.active(operation)[k]:
            for words, pull in _FOR_THE_DERIVATIVE:
                if pull is _value and operation.name == "logistic":  # y for y (1 - y) is a factor that is left out
                    continue
                says = f"takes the {words} of {where} for its derivative"
                at = pulling(address, functools.partial(pull, k))
                yield Proposal("other-argument", says, 1.7, at, operation.place)
            for words, slip in _WITHOUT_BRACKETS.get(operation.name, ()):
                says = f"takes {words} in the derivative of {where}, of result y and cotangent g: brackets are missing"
                at = pulling(address, functools.partial(_by_result, k, slip))
                yield Proposal("operation", says, 1.7, at, operation.place)
        for k, number in enumerate(operation.takes) if operation.name in ("mul", "dot_general") else ():
            if program.active(operation)[1 - k] and _elementwise(program, number):
                value, other = (value_of(program, n) for n in (number, operation.takes[1 - k]))
                says = f"takes the derivative of {value} for its value in what {other} gets from {where}"
                at = located(address, functools.partial(_derived, k))
                yield Proposal("other-argument", says, 1.7, at, operation.place)


def _is_elementwise(operation: Operation) -> bool:
    made = operation.kernel
    if operation.name not in _ENTRY_BY_ENTRY or len(made.gives) != 1:
        return False
    inner = made.parameters.get("call_jaxpr")
    return inner is None or all(v.aval.shape == made.gives[0][0] for e in inner.eqns for v in e.outvars)


def _curved(program: Program, operation: Operation) -> int | None:
    """Of a function of one number, which operand that is."""
    if operation.name not in _CURVED or not _is_elementwise(operation):
        return None
    varies = [k for k, number in enumerate(operation.takes) if number not in program.constants]
    return varies[0] if len(varies) == 1 and operation.kernel.avals[varies[0]] == operation.kernel.gives[0] else None


def _value(operand: int, here: Here) -> Mapping[int, np.ndarray]:
    return {operand: here.cotangents[0] * here.results[0]}


def _second(operand: int, here: Here) -> Mapping[int, np.ndarray]:
    (pulled,) = _slope(here.kernel, operand).pull(here.operands, here.cotangents, here.active)
    return {operand: pulled}


def _by_result(operand: int, slip: Callable[..., np.ndarray], here: Here) -> Mapping[int, np.ndarray]:
    return {operand: slip(here.cotangents[0], here.results[0])}


_WITHOUT_BRACKETS: dict[str, tuple[tuple[str, Callable[..., np.ndarray]], ...]] = {
    "tanh": (
        ("g - y^2 for g (1 - y^2)", lambda g, y: g - y * y),
        ("1 - y^2 g for (1 - y^2) g", lambda g, y: 1 - y * y * g),
    ),
    "logistic": (
        ("g y - y for g y (1 - y)", lambda g, y: g * y - y),
        ("1 - y y g for (1 - y) y g", lambda g, y: 1 - y * y * g),
    ),
}
"""By function, what becomes of a derivative in which a difference is a factor, where no brackets are around that."""

_FOR_THE_DERIVATIVE = (("value", _value), ("second derivative", _second))


@functools.lru_cache(maxsize=1024)
def _slope(of: Kernel, operand: int) -> Kernel:
    """The derivative of a function of one number, as a function."""

    def slope(*operands):
        def along(x):
            return of.function(*(x if k == operand else o for k, o in enumerate(operands)))[0]

        x = operands[operand]
        return [jax.jvp(along, (x,), (jnp.ones_like(x),))[1]]

    return kernel_of(f"derivative of {of.name}", slope, of.avals)


@dataclass(frozen=True)
class _Elementwise:
    """A value that is a function, entry by entry, of another one, and what has given it another shape since."""

    argument: int
    result: int
    steps: tuple[Operation, ...]
    then: tuple[Operation, ...]

    def slope(self, program: Program, values: Mapping[int, np.ndarray]) -> np.ndarray:
        """The derivative of every entry, in the last shape."""
        arriving = {self.result: np.ones_like(values[self.result])}
        for step in reversed(self.steps):
            if (arrives := arriving.get(step.makes[0])) is None:
                continue
            active = tuple(n not in program.constants and is_inexact(program.avals[n][1]) for n in step.takes)
            pulled = step.kernel.pull([values[n] for n in step.takes], [arrives], active)
            for number, cotangent in zip(itertools.compress(step.takes, active), pulled, strict=True):
                arriving[number] = arriving.get(number, 0) + cotangent
        found = arriving[self.argument]
        for operation in self.then:
            (found,) = operation.kernel.forward([found])
        return found


def _elementwise(program: Program, number: int) -> _Elementwise | None:
    """How a value is made of one other, entry by entry, if it is a curved function of that."""
    then: list[Operation] = []
    while number in program.made_by and (last := program.operations[program.made_by[number]]).name in PASSED_ON:
        if len(last.takes) != 1:
            return None
        then.insert(0, last)
        (number,) = last.takes
    steps, arguments, seen, left = set[int](), set[int](), set[int](), [number]
    while left:
        if (one := left.pop()) in seen:
            continue
        seen.add(one)
        i = program.made_by.get(one)
        if i is not None and _is_elementwise(program.operations[i]):
            steps.add(i)
            left += [n for n in program.operations[i].takes if n not in program.constants]
        else:
            arguments.add(one)
    if len(arguments) > 1 or not any(program.operations[i].name in _CURVED for i in steps):
        return None
    return _Elementwise(arguments.pop(), number, tuple(program.operations[i] for i in sorted(steps)), tuple(then))


def _derived(operand: int, program: Program, i: int) -> Edit:
    of = _elementwise(program, program.operations[i].takes[operand])
    if of is None:
        raise LookupError(i)

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        slope = of.slope(program, here.values)
        return {1 - operand: here.pull(with_operand(here, operand, slope))[1 - operand]}

    return Edit(pulls={i: pull})


def by_result(program: Program) -> Iterator[Proposal]:
    """A derivative by way of the result, of which something else is taken for that.

    The result may have been scaled and moved since: what is y + a of y = a (e^x - 1).
    """
    for address, operation in firsts(program):
        if operation.name not in _BY_RESULT or not any(program.active(operation)):
            continue
        for steps, moved in enumerate(_moved(program, operation)):
            then, where = spelled(program.operations[program.made_by[moved.number]]), spelled(operation)
            for says, taken in _TAKEN if steps else _TAKEN[:1]:
                at = located(address, functools.partial(_by_other, steps, taken))
                yield Proposal("other-argument", says.format(f=where, z=then), 1.7, at, operation.place)


def by_other_results(program: Program) -> Iterator[Proposal]:
    """A derivative by way of the result, for which any other value of its shape is taken."""
    others_of = alike(program)
    for address, operation in firsts(program):
        if operation.name not in _BY_RESULT or not any(program.active(operation)):
            continue
        where = spelled(operation)
        for other in others_of(operation.makes[0]):
            says = f"takes {value_of(program, other)} for the result of {where}, of which it takes the derivative"
            at = located(address, functools.partial(_by_another, again(program, other)))
            yield Proposal("other-argument", says, 2.2, at, operation.place)


def _by_another(find: Callable[[Program, int], int], program: Program, i: int) -> Edit:
    number, slope = find(program, i), _BY_RESULT[program.operations[i].name]
    return Edit(pulls={i: lambda here: {0: here.cotangents[0] * slope(here.values[number])}})


def saved(program: Program) -> Iterator[Proposal]:
    """An argument that was kept for the way back in place of the result, wherever that is used there."""
    for address, operation in firsts(program):
        if operation.name in _BY_RESULT and operation.kernel.avals[0] == operation.kernel.gives[0]:
            says = f"keeps the argument of {spelled(operation)} for the way back, and not its result"
            yield Proposal("other-argument", says, 1.6, located(address, _kept), operation.place)


def _kept(program: Program, i: int) -> Edit:
    operation = program.operations[i]
    (argument, *_), (result,), slope = operation.takes, operation.makes, _BY_RESULT[operation.name]
    pulls: dict[int, Pull] = {i: lambda here: {0: here.cotangents[0] * slope(here.operands[0])}}
    for j in program.backwards:
        found = {k: base_of(program, number) for k, number in enumerate(program.operations[j].takes)}
        steps = {k: on_the_way for k, (base, on_the_way) in found.items() if base == result}
        if steps and depends_on_operands(program, program.operations[j]):
            pulls[j] = functools.partial(pulled_with, program, result, argument, steps)
    return Edit(pulls=pulls)


_BY_RESULT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": lambda y: 1 - y * y,
    "logistic": lambda y: y * (1 - y),
    "exp": lambda y: y,
    "expm1": lambda y: y + 1,
    "sqrt": lambda y: 0.5 / y,
    "rsqrt": lambda y: -0.5 * y**3,
    "log": lambda y: np.exp(-y),
    "exp2": lambda y: np.log(2) * y,
    "log1p": lambda y: np.exp(-y),
    "cbrt": lambda y: 1 / (3 * y * y),
    "tan": lambda y: 1 + y * y,
    "asin": lambda y: 1 / np.cos(y),
    "acos": lambda y: -1 / np.sin(y),
    "atan": lambda y: np.cos(y) ** 2,
    "asinh": lambda y: 1 / np.cosh(y),
    "acosh": lambda y: 1 / np.sinh(y),
    "atanh": lambda y: np.cosh(y) ** 2,
    "erf_inv": lambda y: 0.5 * np.sqrt(np.pi) * np.exp(y * y),
}
"""Derivatives by way of the result."""


class _Moved(NamedTuple):
    """A value that is another one times a slope, plus an offset."""

    number: int
    slope: float
    offset: float


def _moved(program: Program, operation: Operation) -> Iterator[_Moved]:
    """A result, and what is made of it by one number after the other."""
    (number,), slope, offset = operation.makes, 1.0, 0.0
    while True:
        yield _Moved(number, slope, offset)
        if len(program.uses.get(number, ())) != 1:
            return
        ((i, k),) = program.uses[number]
        then = program.operations[i]
        by = number_of(program, then.takes[1 - k]) if len(then.takes) == 2 else None
        if by is None or (then.name, k) not in _AFFINE:
            return
        (number,), (times, plus) = then.makes, _AFFINE[then.name, k](by)
        slope, offset = slope * times, offset * times + plus


_AFFINE: dict[tuple[str, int], Callable[[float], tuple[float, float]]] = {
    ("mul", 0): lambda c: (c, 0.0),
    ("mul", 1): lambda c: (c, 0.0),
    ("div", 0): lambda c: (1 / c, 0.0),
    ("add", 0): lambda c: (1.0, c),
    ("add", 1): lambda c: (1.0, c),
    ("sub", 0): lambda c: (1.0, -c),
    ("sub", 1): lambda c: (-1.0, c),
}
"""By operation and operand, the slope and the offset that the other operand makes."""


Derivative = Callable[[np.ndarray], np.ndarray]

_TAKEN: tuple[tuple[str, Callable[[Derivative, np.ndarray, np.ndarray, _Moved], np.ndarray]], ...] = (
    (
        "takes the argument of {z} for its result, of which it takes the derivative",
        lambda by, x, z, moved: by((x - moved.offset) / moved.slope),
    ),
    ("takes {z} for the result of {f}, of which it takes the derivative", lambda by, x, z, moved: by(z)),
    (
        "takes {z} for the result of {f}, of which it takes the derivative, and leaves out the factor after that",
        lambda by, x, z, moved: by(z) / moved.slope,
    ),
)
"""What is taken for the result y of f(x), where z is made of y by numbers."""


def _by_other(steps: int, taken: Callable[..., np.ndarray], program: Program, i: int) -> Edit:
    operation = program.operations[i]
    moved = list(_moved(program, operation))[steps]

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        slope = taken(_BY_RESULT[operation.name], here.operands[0], here.values[moved.number], moved)
        return {0: here.cotangents[0] * slope}

    return Edit(pulls={i: pull})
