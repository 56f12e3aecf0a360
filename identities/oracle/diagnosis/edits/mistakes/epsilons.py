"""A small number that is added to what is divided by, or to what a root or a logarithm is taken of."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import Kernel, kernel_of
from identities.oracle.diagnosis.edits.program import Address, Operation, Program, number_of
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled, value_of

_PROBES = (1e-3, 1e-5, 1e-8)
"""Numbers that show whether anything like it makes a difference of the kind that is looked for."""

_COMMON = tuple(10.0**-exponent for exponent in range(2, 13))
"""What is usually added."""

SENSITIVE = {"div": 1, "log": 0, "sqrt": 0, "rsqrt": 0, "pow": 0}
"""By operation, the operand that must not be zero."""

_ROOTS: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "sqrt": (lambda y, by: y + by, lambda y: 0.5 / y),
    "rsqrt": (lambda y, by: 1 / (1 / y + by), lambda y: -0.5 * y**3),
}
"""What a root becomes when something is added to it, and its derivative by way of its result."""

Number = Callable[[float], Proposal]
"""The proposal that a number was added."""

_Only = Literal["values", "pulls"] | None

_WHERE: tuple[tuple[_Only, str, float], ...] = (
    (None, "", 1.2),
    ("pulls", ", in the derivative of that step alone", 1.3),
    ("values", ", in what it computes anew", 1.4),
)


@dataclass(frozen=True)
class Wanted:
    """What is looked for on a bench.

    **Fields:**

    - `given`: what a proposal gives; zeros for what is not finite.
    - `right`, `got`: what it would be, and what it was.
    - `goes_on`: whether there is time left.
    """

    given: Callable[[Proposal], np.ndarray]
    right: np.ndarray
    got: np.ndarray
    goes_on: Callable[[], bool]

    def missed(self, proposal: Proposal) -> float:
        """How much of what is wrong is left over, at most: none of it is 0, all of it 1."""
        off = np.abs(self.got - self.right).max(initial=0)
        return float(np.abs(self.given(proposal) - self.got).max(initial=0) / off)

    def is_along(self, proposal: Proposal) -> bool:
        """Whether a change is in about the direction of what is wrong."""
        change, wrong = self.given(proposal) - self.right, self.got - self.right
        sizes = float(np.sqrt(np.sum(change * change) * np.sum(wrong * wrong)))
        return float(np.sum(change * wrong)) > _ALONG * sizes

    def nearer(self, number: Number, by: float) -> float:
        """The number after a step of Gauss and Newton."""
        here, there = (self.given(number(value)) for value in (by, 1.001 * by))
        slope = (there - here) / (0.001 * by)
        size = float(np.sum(slope * slope))
        moved = by + float(np.sum(slope * (self.got - here))) / size if size else by
        return min(max(moved, by / 4), by * 4)


_FITS, _ALONG = 1e-3, 0.5
"""Of what is wrong, the part that a small number may leave; and the cosine from which on it is tried."""

_STEPS = 8
"""How often it is adjusted."""


def added(program: Program, wanted: Wanted) -> Iterator[Proposal]:
    """Small numbers, each where it fits; however little it changes, it has to be all that is wrong."""
    for number in epsilons(program):
        if not wanted.goes_on() or not any(wanted.is_along(number(by)) for by in _PROBES):
            continue
        left, best = min((wanted.missed(number(by)), by) for by in _COMMON)
        for _ in range(_STEPS if left > _FITS else 0):
            best = wanted.nearer(number, best)
        rounded = (number(float(f"{best:.{digits}g}")) for digits in (1, 2, 6))
        if (fits := next((one for one in rounded if wanted.missed(one) <= _FITS), None)) is not None:
            yield fits


def epsilons(program: Program) -> Iterator[Number]:
    """At every operation where somebody might fear a zero."""
    for address, operation in firsts(program):
        if operation.name not in SENSITIVE or not any(program.active(operation)):
            continue
        number = operation.takes[SENSITIVE[operation.name]]
        where = spelled(operation)
        for only, words, rank in _WHERE:
            if number not in program.constants:
                says = f"to {value_of(program, number)} in {where}{words}"
                yield functools.partial(_number, says, rank, address, operation, _Shifted, only)
            if operation.name in _ROOTS:
                yield functools.partial(_number, f"to {where}{words}", rank, address, operation, _Root, only)


def _number(
    says: str, rank: float, address: Address, operation: Operation, made: type["_Beside"], only: _Only, by: float
) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        kernel = program.operations[i].kernel
        return Edit(kernels={i: made(**vars(kernel), of=kernel, by=by)}, only=only)

    return Proposal("constant", f"adds {by:g} {says}", rank, located(address, edit), operation.place)


@dataclass(frozen=True, eq=False)
class _Beside(Kernel):
    """Another operation with a number added somewhere, which needs no tracing of its own."""

    of: Kernel = field(kw_only=True)
    by: float = field(kw_only=True)


class _Shifted(_Beside):
    """It is added to the operand that must not be zero."""

    def forward(self, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self.of.forward(self._moved(operands))

    def pull(
        self, operands: Sequence[np.ndarray], cotangents: Sequence[np.ndarray], active: tuple[bool, ...]
    ) -> list[np.ndarray]:
        return self.of.pull(self._moved(operands), cotangents, active)

    def _moved(self, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [o + self.by if k == SENSITIVE[self.name] else o for k, o in enumerate(operands)]


class _Root(_Beside):
    """It is added to a root, before anything else is done with that."""

    def forward(self, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
        (root,) = self.of.forward(operands)
        return [_ROOTS[self.name][0](root, self.by)]

    def pull(
        self, operands: Sequence[np.ndarray], cotangents: Sequence[np.ndarray], active: tuple[bool, ...]
    ) -> list[np.ndarray]:
        (raised,) = self.forward(operands)
        return [cotangents[0] * _ROOTS[self.name][1](raised)]


class _Outside(_Root):
    """It is added to a root, and not to what that is taken of."""

    def forward(self, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
        (root,) = self.of.forward([operands[0] - self.by])
        return [_ROOTS[self.name][0](root, self.by)]


def moved(program: Program) -> Iterator[Proposal]:
    """Every small number that is added to what a root is taken of, added to the root; and the other way round."""
    for address, operation in firsts(program):
        if operation.name in _ROOTS and _summand(program, operation.takes[0]) is not None:
            says = f"adds the small number to the root and not within, in {spelled(operation)}"
            yield Proposal("constant", says, 1.6, located(address, _to_the_root), operation.place)
        to_root = operation.name == "add" and any(_is_root(program, number) for number in operation.takes)
        if to_root and _summand(program, operation.makes[0]) is not None:
            says = f"adds the small number within the root and not to it, in {spelled(operation)}"
            yield Proposal("constant", says, 1.6, located(address, _within_the_root), operation.place)


_SMALL = 0.1
"""The most that is added for fear of a zero."""


def _summand(program: Program, number: int) -> float | None:
    """The small number that has been added to make a value."""
    i = program.made_by.get(number)
    if i is None or program.operations[i].name != "add":
        return None
    found = (number_of(program, n) for n in program.operations[i].takes)
    return next((by for by in found if by is not None and 0 < by < _SMALL), None)


def _is_root(program: Program, number: int) -> bool:
    i = program.made_by.get(number)
    return i is not None and program.operations[i].name == "sqrt"


def _to_the_root(program: Program, i: int) -> Edit:
    if (by := _summand(program, program.operations[i].takes[0])) is None:
        raise LookupError(i)
    kernel = program.operations[i].kernel
    return Edit(kernels={i: _Outside(**vars(kernel), of=kernel, by=by)})


def _within_the_root(program: Program, i: int) -> Edit:
    operation = program.operations[i]
    if (by := _summand(program, operation.makes[0])) is None:
        raise LookupError(i)
    root = next(k for k, number in enumerate(operation.takes) if _is_root(program, number))
    kernel = operation.kernel
    return Edit(kernels={i: kernel_of("root", lambda *of: [jnp.sqrt(of[root] * of[root] + by)], kernel.avals)})
