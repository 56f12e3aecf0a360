"""Programs as plain lists of operations, evaluated by NumPy one after the other: nothing is compiled.

A program of the oracle's runs a handful of times on small arrays, so that compiling it costs more than all of its runs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from identities.oracle.run.primitives import TABLE, known


class UnknownOperationError(Exception):
    """A program has an operation that NumPy has not."""


@dataclass(frozen=True)
class Step:
    """One operation: which values it takes and makes, by their numbers, and which of them nobody needs afterwards."""

    name: str
    parameters: dict[str, Any]
    takes: tuple[int, ...]
    makes: tuple[int, ...]
    done: tuple[int, ...]
    compiled: Callable[..., Any] | None = None  # JAX's own, of an operation that NumPy has not

    @cached_property
    def call(self) -> Callable[..., Any]:
        """The operation by itself, not of a loop or a branch."""
        return self.compiled or partial(TABLE[self.name][0], **self.parameters)

    @cached_property
    def control(self) -> Callable[..., Sequence[Any]] | None:
        """What executes a loop or a branch, whose operations somebody else executes."""
        return partial(_CONTROL[self.name], **self.parameters) if self.name in _CONTROL and not self.compiled else None

    def __getstate__(self) -> dict[str, Any]:
        """For another process: without what is made again there."""
        return {name: value for name, value in vars(self).items() if name not in ("call", "control")}


@dataclass(frozen=True)
class Tape:
    """A program: numbered values, constants among them, and the steps from arguments to results."""

    constants: dict[int, np.ndarray | np.generic]
    arguments: tuple[int, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]

    def __call__(self, *arguments: Any) -> list[Any]:
        return self.run(arguments, run_step)

    def run(self, arguments: Sequence[Any], execute: "Execute") -> list[Any]:
        """The results, of a program whose operations somebody else executes."""
        values: dict[int, Any] = dict(self.constants)
        values.update(zip(self.arguments, arguments, strict=True))
        for step in self.steps:
            made = self.executed(step, [values[number] for number in step.takes], execute)
            values.update(zip(step.makes, made, strict=True))
            for number in step.done:
                del values[number]
        return [values[number] for number in self.results]

    @staticmethod
    def executed(step: Step, operands: Sequence[Any], execute: "Execute") -> Sequence[Any]:
        """The results of one step: of a loop or a branch by its operations, each of them executed so."""
        return step.control(operands, execute) if step.control else execute(step, operands)


Execute = Callable[[Step, Sequence[Any]], Sequence[Any]]
"""What gives the results of one operation."""


def run_step(step: Step, operands: Sequence[Any]) -> Sequence[Any]:
    """The results of one operation, by JAX if NumPy has it not."""
    made = step.call(*operands)
    if isinstance(made, np.ndarray):
        return (made,)
    return list(map(_as_numpy, made)) if isinstance(made, (list, tuple)) else [_as_numpy(made)]


def _as_numpy(value: Any) -> Any:
    """An array of NumPy, unless it holds what NumPy has not, as the keys of random numbers."""
    beyond = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.extended)
    return value if beyond else np.asarray(value)


def tape_of(closed: ClosedJaxpr, complete: bool = False) -> Tape:
    """A traced program as a tape.

    **Arguments:**

    - `complete`: whether operations that NumPy has not are left to JAX, each compiled by itself.

    **Raises:** `UnknownOperationError`, if they are not.
    """
    return _Recorder(complete).tape(closed.jaxpr, closed.consts)


_FACTORISATIONS = ("svd", "eigh", "qr", "lu", "cholesky", "triangular_solve")
_TIMES = 16  # what an entry of a small factorisation costs more than one of a sum


def work(jaxpr: Jaxpr) -> int:
    """How many numbers a program computes on its way, roughly, from which follows how long NumPy takes."""
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        inner = [p for p in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_program) if _is_program(p)]
        if inner:
            total += max(work(getattr(p, "jaxpr", p)) for p in inner) * equation.params.get("length", 1)
            continue
        entries = sum(math.prod(getattr(v.aval, "shape", ())) for v in equation.outvars)
        total += entries * (_TIMES if name in _FACTORISATIONS else 1)
    return total


def _is_program(part: Any) -> bool:
    return isinstance(part, (ClosedJaxpr, Jaxpr))


class _Recorder:
    """Gives every variable a number."""

    def __init__(self, complete: bool) -> None:
        self._complete = complete
        self._numbers: dict[Any, int] = {}
        self._constants: dict[int, np.ndarray | np.generic] = {}
        self._count = 0

    def _new(self) -> int:
        self._count += 1
        return self._count

    def _number(self, variable: Any) -> int:
        if isinstance(variable, Literal):
            number = self._new()
            self._constants[number] = np.asarray(variable.val, variable.aval.dtype)  # pyright: ignore[reportAttributeAccessIssue]
            return number
        if variable not in self._numbers:
            self._numbers[variable] = self._new()
        return self._numbers[variable]

    def tape(self, jaxpr: Jaxpr, constants: Sequence[Any]) -> Tape:
        for variable, value in zip(jaxpr.constvars, constants, strict=True):
            self._constants[self._number(variable)] = _as_numpy(value)
        arguments = tuple(self._number(variable) for variable in jaxpr.invars)
        steps: list[Step] = []
        self._record(jaxpr, steps)
        results = tuple(self._number(variable) for variable in jaxpr.outvars)
        return Tape(self._constants, arguments, _forgetting(steps, {*results, *arguments, *self._constants}), results)

    def _record(self, jaxpr: Jaxpr, steps: list[Step]) -> None:
        for equation in jaxpr.eqns:
            name = equation.primitive.name
            if called := _called(equation):
                self._inline(equation, *called, steps)
                continue
            if name == "platform_index":
                self._constants[self._number(equation.outvars[0])] = np.int32(_here(equation.params["platforms"]))
                continue
            takes = tuple(self._number(variable) for variable in equation.invars)
            makes = tuple(self._number(variable) for variable in equation.outvars)
            if _is_known(equation):
                steps.append(Step(name, _parameters(equation, self._complete), takes, makes, ()))
            elif self._complete:
                compiled = partial(equation.primitive.bind, **equation.params)
                steps.append(Step(name, {}, takes, makes, (), compiled))
            else:
                raise UnknownOperationError(name)

    def _inline(self, equation: JaxprEqn, inner: ClosedJaxpr, operands: Sequence[Any], steps: list[Step]) -> None:
        """A call of another program, written out in its place."""
        outer = dict(self._numbers)
        given = [self._number(variable) for variable in operands]
        # The same inner program may be called several times, and its variables mean something else every time.
        for variable in _variables(inner.jaxpr):
            self._numbers.pop(variable, None)
        for variable, value in zip(inner.jaxpr.constvars, inner.consts, strict=True):
            self._constants[self._number(variable)] = _as_numpy(value)
        self._numbers.update(zip(inner.jaxpr.invars, given, strict=True))
        self._record(inner.jaxpr, steps)
        made = [self._number(variable) for variable in inner.jaxpr.outvars]
        self._numbers = outer
        self._numbers.update(zip(equation.outvars, made, strict=True))


def _variables(jaxpr: Jaxpr) -> list[Any]:
    return [*jaxpr.constvars, *jaxpr.invars, *(v for equation in jaxpr.eqns for v in equation.outvars)]


def _forgetting(steps: Sequence[Step], kept: set[int]) -> tuple[Step, ...]:
    """The steps that something comes of, each with the values that no later one needs."""
    needed, found = set(kept), []
    for step in reversed(steps):
        if needed.isdisjoint(step.makes):
            continue
        done = tuple({*step.takes, *step.makes} - needed)
        needed.update(step.takes)
        found.append(replace(step, done=done))
    return tuple(reversed(found))


CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "remat": "jaxpr",
    "checkpoint": "jaxpr",
}
"""Operations that call another program, and the parameter that has it."""


def _called(equation: JaxprEqn) -> tuple[ClosedJaxpr, Sequence[Any]] | None:
    """The program that an operation calls, and with what."""
    name, parameters = equation.primitive.name, equation.params
    if name == "custom_linear_solve":
        lengths, programs = parameters["const_lengths"], parameters["jaxprs"]
        start = lengths.matvec + lengths.vecmat
        constants = equation.invars[start : start + lengths.solve]
        return programs.solve, [*constants, *equation.invars[sum(lengths) :]]
    inner = parameters.get(CALLS.get(name, ""))
    if inner is None:
        return None
    return (inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())), equation.invars


def _here(platforms: Sequence[Any]) -> int:
    """Which of the alternatives for platforms is the one for a CPU: its own, or the one for all others."""
    return next(i for i, names in enumerate(platforms) if names is None or "cpu" in names)


def _is_known(equation: JaxprEqn) -> bool:
    """Whether an operation is evaluated by NumPy, or by its own operations."""
    name, parameters = equation.primitive.name, equation.params
    if name in _CONTROL:
        return parameters.get("length") != 0  # of a loop over nothing, the results have no parts to be stacked
    dtypes = [getattr(variable.aval, "dtype", None) for variable in (*equation.invars, *equation.outvars)]
    return known(name, parameters, dtypes)


def _parameters(equation: JaxprEqn, complete: bool) -> dict[str, Any]:
    """What an operation that is known needs to be told."""
    name, parameters = equation.primitive.name, equation.params
    if name in _CONTROL:
        return _CONTROLLED[name](equation, complete)
    kept = {key: parameters[key] for key in TABLE[name][1]}
    if "mode" in kept:
        kept["mode"] = "fill" if "FILL" in str(kept["mode"]) else "clip" if "CLIP" in str(kept["mode"]) else "inside"
    return kept


def _scan(
    operands: Sequence[Any], execute: Execute, body: Tape, length: int, reverse: bool, constants: int, carried: int
) -> list[Any]:
    fixed, carry, slices = (
        operands[:constants],
        operands[constants : constants + carried],
        operands[constants + carried :],
    )
    carry, stacked = list(carry), []
    for i in range(length)[::-1] if reverse else range(length):
        made = body.run([*fixed, *carry, *(xs[i] for xs in slices)], execute)
        carry = made[:carried]
        stacked.append(made[carried:])
    if reverse:
        stacked.reverse()
    return [*carry, *(np.stack(parts) for parts in zip(*stacked, strict=True))]


def shares_of_scan(equation: JaxprEqn) -> tuple[int, int]:
    """How many operands of a scan are constants, and how many are carried; the others are sliced.

    Every version of JAX tells it differently, but for the shapes: what is sliced or stacked has an axis more outside
    than inside.
    """
    inside = equation.params["jaxpr"].jaxpr
    sliced = sum(i.aval != o.aval for i, o in zip(inside.invars, equation.invars, strict=True))
    carried = sum(i.aval == o.aval for i, o in zip(inside.outvars, equation.outvars, strict=True))
    return len(equation.invars) - carried - sliced, carried


def _scan_of(equation: JaxprEqn, complete: bool) -> dict[str, Any]:
    parameters = equation.params
    constants, carried = shares_of_scan(equation)
    return {
        "body": tape_of(parameters["jaxpr"], complete),
        "length": parameters["length"],
        "reverse": parameters["reverse"],
        "constants": constants,
        "carried": carried,
    }


def _cond(operands: Sequence[Any], execute: Execute, branches: Sequence[Tape]) -> list[Any]:
    which = int(np.clip(operands[0], 0, len(branches) - 1))
    return branches[which].run(operands[1:], execute)


def _cond_of(equation: JaxprEqn, complete: bool) -> dict[str, Any]:
    return {"branches": [tape_of(branch, complete) for branch in equation.params["branches"]]}


_CONTROL = {"scan": _scan, "cond": _cond}
_CONTROLLED = {"scan": _scan_of, "cond": _cond_of}


def is_inexact(dtype: Any) -> bool:
    """Whether numbers of that kind are rounded, and have derivatives; the dtype of random keys is none of NumPy's."""
    return isinstance(dtype, np.dtype) and dtype.kind in "fc"
