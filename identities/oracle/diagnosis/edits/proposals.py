"""A mistake that may have been made at one operation of a function.

A proposal is made on one program and found again, by address, in the programs of other shapes.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import NOTHING, Edit, Here, Pull
from identities.oracle.diagnosis.edits.kernels import Aval
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.effort import spent
from identities.oracle.run.tape import is_inexact

At = Callable[[Program], Edit]
"""The edit in the program of some shapes; a `LookupError` where that has no such operation."""


@dataclass(frozen=True)
class Proposal:
    """A mistake that somebody may have made.

    **Fields:**

    - `says`: what is wrong, to go on after "it ...".
    - `rank`: how far it is from what people usually do: of several that explain the same, the least is given.
    - `part`: whether it takes a part of the derivative away, so that a multiple of that may be meant as well: `times`
      is the sentence for that, with a blank for the factor.
    """

    kind: str
    says: str
    rank: float
    at: At
    place: Place | None = None
    part: bool = False
    times: str = ""


_OPERATIONS, _LEAST = 160_000, 30_000
"""With how many operations explanations of all arrays together are looked for, and of each of them at least."""


@dataclass
class Hints:
    """What is known from other arrays of the same results.

    **Fields:**

    - `proposals`: what has explained them, which is tried first.
    - `operations`: that are left for all arrays together.
    """

    proposals: list[Proposal] = field(default_factory=list)
    operations: float = _OPERATIONS

    def for_another(self) -> "Hints":
        """The same for one more array, which gets a few although others have used up what there were."""
        self.operations = self.left()
        return self

    def left(self, most: float = math.inf) -> float:
        """How many operations one more search may take: a few, although others have used up what there were."""
        return min(max(self.operations, _LEAST), most)

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Takes off the operations that something needs."""
        before = spent()
        try:
            yield
        finally:
            self.operations -= spent() - before


def kept(generator: Callable[[Program], Iterator[Proposal]]) -> Callable[[Program], Iterator[Proposal]]:
    """A generator whose proposals are made once for a program: what they have traced serves all arrays and variants."""
    made = functools.lru_cache(maxsize=16)(lambda program: tuple(generator(program)))
    return functools.wraps(generator)(lambda program: iter(made(program)))


def located(address: Address, edit: Callable[[Program, int], Edit], turns: slice = slice(None)) -> At:
    """An edit at every operation of an address; of a loop, at some of its passes."""

    def at(program: Program) -> Edit:
        return merged([edit(program, i) for i in program.by_address[address][turns]])

    return at


def again(program: Program, number: int) -> Callable[[Program, int], int]:
    """Finds a value in the program of other shapes; of a loop, in the pass that an operation belongs to."""
    if number in program.arguments:
        argument = program.arguments.index(number)
        return lambda there, i: there.arguments[argument]
    made = program.operations[program.made_by[number]]

    def found(there: Program, i: int) -> int:
        passes = there.by_address[made.address]
        same = [j for j in passes if there.operations[j].turn == there.operations[i].turn]
        return there.operations[(same or passes)[0]].makes[made.makes.index(number)]

    return found


def standing(program: Program, address: Address, operand: int, other: int, only: Literal["pulls"] | None = None) -> At:
    """Another value in the place of an operand."""
    find = again(program, other)

    def edit(there: Program, i: int) -> Edit:
        number = find(there, i)
        if there.avals[number] != there.operations[i].kernel.avals[operand]:
            raise LookupError(address)
        return Edit(standing={(i, operand): number}, only=only)

    return located(address, edit)


def alike(program: Program) -> Callable[[int], Sequence[int]]:
    """By number, the arguments and values on the way that have derivatives and the same shape as that value."""
    found: dict[Aval, list[int]] = {}
    for number, aval in program.avals.items():
        if is_inexact(aval[1]) and (number in program.made_by or number in program.arguments):
            found.setdefault(aval, []).append(number)
    return lambda number: [other for other in found.get(program.avals[number], ()) if other != number]


def pulling(address: Address, pull: Pull) -> At:
    """Another pullback at every operation of an address."""
    return located(address, lambda program, i: Edit(pulls={i: pull}))


def only(proposal: Proposal, which: Literal["values", "pulls"], words: str) -> Proposal:
    """The change of the values that a function gives alone, or of what is pulled back alone."""

    def at(program: Program) -> Edit:
        return replace(proposal.at(program), only=which)

    return replace(proposal, says=f"{proposal.says}, {words}", rank=proposal.rank + 0.5, at=at)


def with_operand(here: Here, operand: int, value: np.ndarray) -> list[np.ndarray]:
    """The operands with another one in the place of one."""
    return [value if k == operand else o for k, o in enumerate(here.operands)]


def merged(edits: Sequence[Edit]) -> Edit:
    """Several edits of different places as one."""
    first = NOTHING
    for other in edits:
        first = replace(
            first,
            arguments=first.arguments or other.arguments,
            cotangents=first.cotangents or other.cotangents,
            constants={**first.constants, **other.constants},
            kernels={**first.kernels, **other.kernels},
            standing={**first.standing, **other.standing},
            pulls={**first.pulls, **other.pulls},
            arriving={**first.arriving, **other.arriving},
            leaving={**first.leaving, **other.leaving},
            stops={**first.stops, **other.stops},
            only=first.only or other.only,
        )
    return first


def spelled(operation: Operation) -> str:
    """What an operation gives, as its source has it, and where that is."""
    place, within = operation.place, _within(operation)
    if place is None:
        return within
    if not place.expression:  # of a source that nobody has kept
        return f"{within} (line {place.line})"
    return str(place) if operation.whole else f"{within} in {place}"


def value_of(program: Program, number: int) -> str:
    """A value as its source has it, without the line."""
    if number in program.names:
        return program.names[number]
    if number not in program.made_by:
        constant = program.constants[number]
        return f"{constant.flat[0]:g}" if constant.size and (constant == constant.flat[0]).all() else "a constant"
    operation = program.operations[program.made_by[number]]
    if operation.name in _SILENT and not operation.whole:
        return value_of(program, operation.takes[0])
    place, within = operation.place, _within(operation)
    if place is None or not place.expression:
        return within
    return f"`{place.expression}`" if operation.whole else f"{within} in `{place.expression}`"


_SILENT = ("broadcast_in_dim", "convert_element_type")
"""What JAX does within an expression to make shapes and dtypes meet, and nobody writes."""


def _within(operation: Operation) -> str:
    of_derivative = " of the derivative" * operation.pulls
    return f"the {_SPOKEN.get(operation.name, operation.name)}{of_derivative}"


_SPOKEN = {
    "reduce_sum": "sum",
    "reduce_max": "largest entry",
    "reduce_min": "least entry",
    "exp": "exponential",
    "log": "logarithm",
    "logistic": "sigmoid",
    "integer_pow": "power",
    "square": "square",
    "pow": "power",
    "sqrt": "root",
    "rsqrt": "inverse root",
    "mul": "product",
    "dot_general": "product",
    "div": "quotient",
    "add": "sum of two",
    "add_any": "sum of two",
    "sub": "difference",
    "neg": "negative",
    "select_n": "choice",
    "gather": "entries picked",
    "custom_jvp_call": "function",
    "custom_linear_solve": "solution",
    "triangular_solve": "solution",
    "cholesky": "Cholesky factor",
}
"""What a person calls the result of an operation."""


def firsts(program: Program) -> Iterator[tuple[Address, Operation]]:
    """Each address with an operation: of a loop that of the second pass, since the first one may begin with zeros."""
    for address, indices in program.by_address.items():
        yield address, program.operations[indices[:2][-1]]
