"""A function written out as a list of operations, each with its place in the source."""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal

from identities.oracle.diagnosis.edits.kernels import Aval, Kernel, kernel, kernel_of
from identities.oracle.diagnosis.edits.place import Place, place_of
from identities.oracle.run.programs import full_precision
from identities.oracle.run.tape import CALLS, is_inexact, shares_of_scan

MOST = 3000
"""The most operations that are worth a look: loops are written out."""


class TooLargeError(Exception):
    """A program has too many operations."""


@dataclass(frozen=True)
class Address:
    """Which operation it is, whatever the shapes: the how many-th of its name in its expression.

    The passes of a loop have the same address.
    """

    file: str
    line: int
    start: int
    end: int
    name: str
    ordinal: int


@dataclass(frozen=True, eq=False)
class Operation:
    """What is done to which numbered values, and which others come of it."""

    kernel: Kernel
    takes: tuple[int, ...]
    makes: tuple[int, ...]
    address: Address
    place: Place | None
    turn: int  # of a loop, JAX's or Python's, counted from zero
    pulls: bool = False  # whether it pulls a cotangent back, in a function that is a derivative itself
    whole: bool = True  # whether its result is what the expression at its place gives

    @property
    def name(self) -> str:
        return self.kernel.name


@dataclass(frozen=True, eq=False)
class Program:
    """A function of a batch.

    **Fields:**

    - `avals`: shape and dtype of every numbered value, without the axis of the batch.
    - `moving`: which values have derivatives by what is differentiated by.
    - `uses`: by value, the operations that take it, and as which operand.
    """

    constants: dict[int, np.ndarray]
    arguments: tuple[int, ...]
    operations: tuple[Operation, ...]
    results: tuple[int, ...]
    avals: dict[int, Aval]
    moving: frozenset[int]
    uses: dict[int, list[tuple[int, int]]]
    names: dict[int, str]  # of the arguments
    sizes: dict[str, int]  # of the dimensions
    options: dict[str, float]  # those that are numbers

    @functools.cached_property
    def counts(self) -> dict[float, str]:
        """How many entries there are along one or two dimensions, and along which."""
        sizes = {name: size for name, size in self.sizes.items() if size > 1}
        pairs = {float(a * b): f"{n} {m}" for (n, a), (m, b) in itertools.combinations(sizes.items(), 2)}
        return pairs | {float(size): name for name, size in sizes.items()}

    @functools.cached_property
    def made_by(self) -> dict[int, int]:
        """By value, the operation that it is a result of."""
        return {number: i for i, operation in enumerate(self.operations) for number in operation.makes}

    @functools.cached_property
    def by_address(self) -> dict[Address, list[int]]:
        """The operations of each address, in their order."""
        found: dict[Address, list[int]] = {}
        for i, operation in enumerate(self.operations):
            found.setdefault(operation.address, []).append(i)
        return found

    @functools.cached_property
    def backwards(self) -> tuple[int, ...]:
        """The operations through which cotangents are pulled back, the last one first."""
        moving = [i for i, operation in enumerate(self.operations) if any(self.active(operation))]
        return tuple(reversed(moving))

    def way_from(self, number: int) -> frozenset[int]:
        """A value, and all that are made of it, as far as derivatives go."""
        if number not in self._ways:
            made = {number}
            for operation in self.operations:
                if not made.isdisjoint(operation.takes):
                    made.update(self.moving.intersection(operation.makes))
            self._ways[number] = frozenset(made)
        return self._ways[number]

    def way_to(self, *numbers: int) -> frozenset[int]:
        """Values, and all that they are made of, as far as derivatives go."""
        found = set(numbers)
        for i in self.backwards:
            if not found.isdisjoint(self.operations[i].makes):
                found.update(self.moving.intersection(self.operations[i].takes))
        return frozenset(found)

    @functools.cached_property
    def _ways(self) -> dict[int, frozenset[int]]:
        return {}

    @functools.cached_property
    def leading(self) -> frozenset[int]:
        """The values that results are made of, as far as derivatives go."""
        return self.way_to(*self.moving.intersection(self.results))

    def active(self, operation: Operation) -> tuple[bool, ...]:
        """Which operands of an operation have cotangents."""
        return tuple(number in self.moving for number in operation.takes)


def number_of(program: Program, number: int) -> float | None:
    """The value of a constant that is one number, if it is that."""
    constant = program.constants.get(number)
    if constant is None or constant.size == 0 or not is_inexact(constant.dtype):
        return None
    first = constant.flat[0]
    return float(first.real) if np.isfinite(first) and first.imag == 0 and (constant == first).all() else None


def computed(program: Program, number: int) -> float | None:
    """The same of a number that is computed of such, as n - 1 is."""
    if number not in program.made_by or program.avals[number][0]:
        return number_of(program, number)
    made = program.operations[program.made_by[number]]
    operands = [computed(program, taken) for taken in made.takes]
    return None if None in operands else float(made.kernel.function(*operands)[made.makes.index(number)])


def program_of(
    function: Callable[..., Any],
    arrays: Sequence[Any],
    moving: Sequence[int],
    names: Sequence[str],
    sizes: Mapping[str, int],
    options: Mapping[str, float],
) -> Program:
    """The function over arrays of those shapes and dtypes, differentiated by some of them.

    **Raises:** `TooLargeError`.
    """
    with full_precision():
        closed = jax.make_jaxpr(function)(*arrays)
        return _Writer(moving).written(closed, names, sizes, options)


_CALLS = {name: parameter for name, parameter in CALLS.items() if not name.startswith("custom_")}
"""Operations that call another program, and the parameter that has it.

Functions with a rule of their own are left whole.
"""


def _marked(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """With those marked that are not the last ones of their expressions: another one there takes what they make."""
    inner = {(o.place, o.turn, number) for o in operations if not o.pulls for number in o.takes}

    def is_whole(o: Operation) -> bool:
        return not o.place or not (o.pulls or any((o.place, o.turn, number) in inner for number in o.makes))

    return tuple(replace(o, whole=is_whole(o)) for o in operations)


Found = tuple[Place | None, str]
"""Where a program is called, and what it is called."""


_Way = tuple[Any, ...]
"""Where an equation and the calls that it is in come from: a loop of Python goes the same way in every pass."""


def _steps(equations: Sequence[JaxprEqn]) -> Iterator[Any]:
    """By equation, its traceback, and which of those it is that one pass makes there.

    All that an equation becomes when it is pulled back has one traceback; so may what a library function makes, unless
    it is made of the same parts again and again.
    """
    for traceback, run in itertools.groupby(equations, lambda equation: equation.source_info.traceback):
        made = [(equation.primitive, _pulls(equation)) for equation in run]
        lengths = (n for n in range(1, len(made)) if made[:n] * (len(made) // n) == made and not made[0][1])
        of_pass = next(lengths, len(made))
        yield from ((traceback, i % of_pass) for i in range(len(made)))


def _pulls(equation: JaxprEqn) -> bool:
    """Whether it pulls a cotangent back, in a function that is a derivative itself."""
    return "transpose(" in str(equation.source_info.name_stack)


class _Writer:
    """Writes calls out, and loops pass by pass."""

    def __init__(self, moving: Sequence[int]):
        self._by = moving
        self._constants: dict[int, np.ndarray] = {}
        self._avals: dict[int, Aval] = {}
        self._operations: list[Operation] = []
        self._moving: set[int] = set()
        self._ordinals: Counter[Any] = Counter()
        self._turns: Counter[_Way] = Counter()
        self._pulls = False

    def _new(self, shape: Sequence[int], dtype: np.dtype) -> int:
        number = len(self._avals)
        self._avals[number] = tuple(shape), np.dtype(dtype)
        return number

    def _constant(self, value: Any, aval: Any) -> int:
        number = self._new(aval.shape, aval.dtype)
        self._constants[number] = np.asarray(value, aval.dtype)
        return number

    def written(
        self, closed: ClosedJaxpr, names: Sequence[str], sizes: Mapping[str, int], options: Mapping[str, float]
    ) -> Program:
        arguments = [self._new(v.aval.shape, v.aval.dtype) for v in closed.jaxpr.invars]
        self._moving.update(arguments[i] for i in self._by)
        results = self._jaxpr(closed, arguments, None, ())
        uses: dict[int, list[tuple[int, int]]] = {}
        for i, operation in enumerate(self._operations):
            for operand, number in enumerate(operation.takes):
                uses.setdefault(number, []).append((i, operand))
        return Program(
            self._constants,
            tuple(arguments),
            _marked(self._operations),
            tuple(results),
            self._avals,
            frozenset(self._moving),
            uses,
            dict(zip(arguments, names, strict=True)),
            dict(sizes),
            dict(options),
        )

    def _jaxpr(self, closed: ClosedJaxpr, given: Sequence[int], outer: Found | None, way: _Way) -> list[int]:
        jaxpr = closed.jaxpr
        numbers: dict[Any, int] = dict(zip(jaxpr.invars, given, strict=True))
        for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
            numbers[variable] = self._constant(value, variable.aval)

        def number(variable: Any) -> int:
            return self._constant(variable.val, variable.aval) if isinstance(variable, Literal) else numbers[variable]

        for step, equation in zip(_steps(jaxpr.eqns), jaxpr.eqns, strict=True):
            takes = [number(v) for v in equation.invars]
            before = self._pulls
            self._pulls = before or _pulls(equation)
            makes = self._equation(equation, takes, outer, (*way, step))
            self._pulls = before
            numbers.update(zip(equation.outvars, makes, strict=True))
        return [number(v) for v in jaxpr.outvars]

    def _equation(self, equation: JaxprEqn, takes: list[int], outer: Found | None, way: _Way) -> list[int]:
        name = equation.primitive.name
        place = _innermost(equation, outer)
        if name in _CALLS:
            inner = equation.params[_CALLS[name]]
            inner = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
            called = equation.params.get("name", "")
            return self._jaxpr(inner, takes, (place, called), way)
        if not takes:
            return [
                self._constant(value, v.aval)
                for value, v in zip(kernel(equation).function(), equation.outvars, strict=True)
            ]
        if name == "convert_element_type" and takes[0] in self._constants:  # a constant in another dtype is one
            return [self._constant(self._constants[takes[0]], equation.outvars[0].aval)]
        if name == "scan":
            return self._scan(equation, takes, place, way)
        turn = self._turns[way]
        self._turns[way] += 1
        return self._operation(kernel(equation), takes, place, turn)

    def _operation(self, made: Kernel, takes: Sequence[int], place: Place | None, turn: int) -> list[int]:
        if len(self._operations) >= MOST:
            raise TooLargeError
        makes = [self._new(*aval) for aval in made.gives]
        # What is stopped has no derivative, so that an edit of what arrives there would change nothing.
        if self._moving.intersection(takes) and made.name != "stop_gradient":
            self._moving.update(n for n, (_, dtype) in zip(makes, made.gives, strict=True) if is_inexact(dtype))
        where = (place.file, place.line, place.start, place.end) if place else ("", 0, 0, 0)
        key = (*where, made.name, turn)
        address = Address(*where, made.name, self._ordinals[key])
        self._operations.append(Operation(made, tuple(takes), tuple(makes), address, place, turn, self._pulls))
        self._ordinals[key] += 1
        return makes

    def _scan(self, equation: JaxprEqn, takes: list[int], place: Place | None, way: _Way) -> list[int]:
        """Pass by pass; what a pass hands to the next one is an operation too."""
        parameters, body = equation.params, equation.params["jaxpr"]
        length = parameters["length"]
        fixed, carried = shares_of_scan(equation)
        constants, carry, rows = takes[:fixed], takes[fixed : fixed + carried], takes[fixed + carried :]
        stacked: list[list[int]] = []
        for turn, i in enumerate(range(length)[::-1] if parameters["reverse"] else range(length)):
            carry = [self._made("carry", lambda x: [x], [n], place, turn) for n in carry]
            given = [self._made("row", lambda xs, i=i: [xs[i]], [n], place, turn) for n in rows]
            made = self._jaxpr(body, [*constants, *carry, *given], None, way)
            carry = made[:carried]
            stacked.append(made[carried:])
        if not length:
            raise TooLargeError
        if parameters["reverse"]:
            stacked.reverse()
        columns = [list(column) for column in zip(*stacked, strict=True)]
        return [*carry, *(self._made("stack", lambda *xs: [jnp.stack(xs)], c, place, 0) for c in columns)]

    def _made(self, name: str, function: Any, takes: list[int], place: Place | None, turn: int) -> int:
        (made,) = self._operation(kernel_of(name, function, [self._avals[n] for n in takes]), takes, place, turn)
        return made


def _innermost(equation: JaxprEqn, outer: Found | None) -> Place | None:
    """Where an operation is written; of one in a function of a library, where that is called.

    A library's function is traced once, so that its operations remember the first of its calls.
    """
    place, inside = place_of(equation.source_info.traceback)
    if outer is None or inside == outer[1]:
        return place
    return outer[0]
