"""The derivative of a program that has been changed, evaluated operation by operation."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from identities.oracle.diagnosis.edits.kernels import Kernel
from identities.oracle.diagnosis.edits.program import Operation, Program

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Here:
    """An operation while cotangents are pulled back through it: all results have one, of zeros if need be."""

    operation: Operation
    kernel: Kernel
    active: tuple[bool, ...]
    operands: Arrays
    results: Arrays
    cotangents: Arrays
    values: Mapping[int, np.ndarray]  # all of them, by number

    def pull(self, operands: Arrays | None = None, cotangents: Arrays | None = None) -> dict[int, np.ndarray]:
        """By active operand, what its pullback gives; of other operands or cotangents, if they are given."""
        pulled = self.kernel.pull(operands or self.operands, cotangents or self.cotangents, self.active)
        return dict(zip((k for k, a in enumerate(self.active) if a), pulled, strict=True))


Pull = Callable[[Here], Mapping[int, np.ndarray]]
"""What operands get from an operation instead of what its pullback gives them."""


FromValues = Callable[[Mapping[int, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Edit:
    """A change of a function, or of its derivative.

    **Fields:**

    - `arguments`, `cotangents`: of all that is given.
    - `constants`: by number.
    - `kernels`: by operation, what stands in its place.
    - `standing`: by operation and operand, the number of a value that stands in its place.
    - `pulls`: by operation, what some of its operands get.
    - `arriving`: by number, what the whole cotangent of a value is multiplied with: a number, or what is made of
      values.
    - `leaving`: by operation and operand, what the part of it that comes from there is multiplied with: a number, or
      one for each entry.
    - `stops`: by the number of an argument, that of a value whose cotangent is returned as its own.
    - `only`: of changed constants, kernels and operands, whether only the values that they give are others, as where a
      backward pass computes the forward pass anew, and wrongly; or only what they pull back.
    """

    arguments: Callable[[Arrays], Arrays] | None = None
    cotangents: Callable[[Arrays], Arrays] | None = None
    constants: Mapping[int, np.ndarray] = field(default_factory=dict)
    kernels: Mapping[int, Kernel] = field(default_factory=dict)
    standing: Mapping[tuple[int, int], int] = field(default_factory=dict)
    pulls: Mapping[int, Pull] = field(default_factory=dict)
    arriving: Mapping[int, float | FromValues] = field(default_factory=dict)
    leaving: Mapping[tuple[int, int], float | np.ndarray] = field(default_factory=dict)
    stops: Mapping[int, int] = field(default_factory=dict)
    only: Literal["values", "pulls"] | None = None

    @property
    def is_of_pull(self) -> bool:
        """Whether the function's values stay what they are."""
        return not self.arguments and (self.only == "pulls" or not (self.constants or self.kernels or self.standing))


NOTHING = Edit()


@dataclass(frozen=True, eq=False)
class Known:
    """What comes of a program that has not been changed, of which an edit leaves most as it is.

    **Fields:**

    - `values`: every value on the way, by its number.
    - `pulled`: by operation, what its operands get.
    """

    values: Mapping[int, np.ndarray]
    pulled: Mapping[int, Mapping[int, np.ndarray]]


def values_of(
    program: Program,
    arguments: Sequence[np.ndarray],
    edit: Edit = NOTHING,
    known: Mapping[int, np.ndarray] | None = None,
) -> dict[int, np.ndarray]:
    """Every value on the way, by its number; those that are `known`, of the same arguments, if nothing changes them."""
    given = edit.arguments(list(arguments)) if edit.arguments else arguments
    count = len(given[0])
    values: dict[int, np.ndarray] = dict(zip(program.arguments, given, strict=True))
    changed = edit if edit.only != "pulls" else NOTHING
    for number, constant in {**program.constants, **changed.constants}.items():
        if known is not None and number not in changed.constants:
            values[number] = known[number]
        else:
            values[number] = np.broadcast_to(constant, (count, *constant.shape))
    touched = {*changed.kernels, *(i for i, _ in changed.standing)}
    for i, operation in enumerate(program.operations):
        if known is not None and i not in touched and _are_same(operation.takes, values, known):
            values.update((n, known[n]) for n in operation.makes)
            continue
        kernel = changed.kernels.get(i, operation.kernel)
        made = kernel.forward([values[n] for n in _taken(program, i, changed)])
        values.update(zip(operation.makes, made, strict=True))
    return values


def _are_same(numbers: Sequence[int], values: Mapping[int, np.ndarray], known: Mapping[int, np.ndarray]) -> bool:
    return all(values[n] is known[n] for n in numbers)


def _taken(program: Program, i: int, edit: Edit) -> list[int]:
    """The numbers of the values that an operation takes."""
    return [edit.standing.get((i, k), n) for k, n in enumerate(program.operations[i].takes)]


@dataclass(frozen=True, eq=False)
class Pulled:
    """The cotangents of the arguments, and by operation what its operands have got."""

    arguments: Arrays
    steps: dict[int, dict[int, np.ndarray]]


def pulled_back(
    program: Program,
    values: Mapping[int, np.ndarray],
    cotangents: Arrays,
    edit: Edit = NOTHING,
    known: Known | None = None,
    way: Container[int] | None = None,
) -> Pulled:
    """The cotangent of every argument.

    **Arguments:**

    - `known`: of the program as it is, for the same arguments and cotangents.
    - `way`: the values on the way from the only argument that matters, by default all.
    """
    arriving: dict[int, np.ndarray] = {}
    steps: dict[int, dict[int, np.ndarray]] = {}
    touched = _touched(program, edit)
    changed = {*edit.arriving, *(program.results if edit.cotangents else ())}  # values whose cotangents are others

    def arrive(number: int, cotangent: np.ndarray) -> None:
        arriving[number] = arriving[number] + cotangent if number in arriving else cotangent

    def arrived(number: int) -> np.ndarray:
        if number not in arriving:
            return np.zeros_like(values[number], np.result_type(values[number], float))
        by = edit.arriving.get(number)
        if by is None:
            return arriving[number]
        return arriving[number] * (by(values) if callable(by) else by)

    for number, cotangent in zip(
        program.results, edit.cotangents(cotangents) if edit.cotangents else cotangents, strict=True
    ):
        arrive(number, cotangent)
    for i in program.backwards:
        operation = program.operations[i]
        takes = operation.takes if edit.only else _taken(program, i, edit)
        if not any(n in arriving for n in operation.makes) or (way is not None and not any(n in way for n in takes)):
            continue
        before = known if i not in touched and changed.isdisjoint(operation.makes) else None
        if before and i in before.pulled and _are_same((*operation.takes, *operation.makes), values, before.values):
            steps[i] = dict(before.pulled[i])
        else:
            steps[i] = _pulled(program, i, takes, values, [arrived(n) for n in operation.makes], edit)
            changed.update(takes)
        for operand, cotangent in steps[i].items():
            arrive(takes[operand], cotangent)
    return Pulled([arrived(edit.stops.get(n, n)) for n in program.arguments], steps)


def _touched(program: Program, edit: Edit) -> set[int]:
    """The operations that are pulled back otherwise."""
    of_constants = (i for number in edit.constants for i, _ in program.uses.get(number, ()))
    of_operands = (i for i, _ in (*edit.standing, *edit.leaving))
    return {*edit.pulls, *edit.kernels, *of_constants, *of_operands}


def _pulled(
    program: Program, i: int, takes: Sequence[int], values: Mapping[int, np.ndarray], cotangents: Arrays, edit: Edit
) -> dict[int, np.ndarray]:
    operation = program.operations[i]
    operands = [values[n] for n in (operation.takes if edit.only == "values" else _taken(program, i, edit))]
    if edit.only:
        of = program.constants if edit.only == "values" else edit.constants
        own = [of[n] if n in edit.constants else None for n in operation.takes]
        operands = [v if c is None else np.broadcast_to(c, v.shape) for v, c in zip(operands, own, strict=True)]
    here = Here(
        operation,
        operation.kernel if edit.only == "values" else edit.kernels.get(i, operation.kernel),
        tuple(n in program.moving for n in takes),
        operands,
        [values[n] for n in operation.makes],
        cotangents,
        values,
    )
    pulled = here.pull()
    if i in edit.pulls:
        pulled |= edit.pulls[i](here)
    if edit.leaving:
        pulled = {k: cotangent * edit.leaving.get((i, k), 1) for k, cotangent in pulled.items()}
    return pulled
