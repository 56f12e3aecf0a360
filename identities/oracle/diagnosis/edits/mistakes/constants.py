"""Another constant: the function has another number, and the derivative is that function's."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from identities.oracle.diagnosis.edits.bench import Bench
from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.program import Address, Operation, Program, number_of
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, only, spelled

_CHANGES: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("the negative of", lambda c: -c),
    ("twice", lambda c: 2 * c),
    ("half of", lambda c: c / 2),
    ("one less than", lambda c: c - 1),
    ("one more than", lambda c: c + 1),
    ("the square of", lambda c: c * c),
    ("the square root of", lambda c: math.sqrt(c)),
    ("the reciprocal of", lambda c: 1 / c),
    ("ten times", lambda c: 10 * c),
    ("a tenth of", lambda c: c / 10),
)
"""What is often used in place of a constant."""

_OF_COUNTS = ("one less than", "one more than")
"""Changes that tell that a constant is how many entries there are; one may be as large by coincidence."""

_NUMBERS = (0.0, 1.0, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
"""Constants that are often used in place of another."""


def constants(program: Program) -> Iterator[Proposal]:
    """Every constant number of the function, replaced by another."""
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is not None and number not in program.arguments:
                yield from _of_constant(address, operation, k, old, program.counts.get(old, ""))


def in_values(program: Program) -> Iterator[Proposal]:
    """The same, in a function that is evaluated anew in the backward pass; its derivative is left as it is."""
    for proposal in constants(program):
        yield only(proposal, "values", "in what it computes anew")


def sizes(program: Program) -> Iterator[Proposal]:
    """Every constant number of the function, replaced by what is made of the sizes of dimensions."""
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is None or number in program.arguments:
                continue
            for names, (words, made) in itertools.product(_products(program), _OF_SIZES):
                named = program.counts.get(old, f"{old:g}")
                what = words.format(n=" ".join(names), c=named)
                says = f"uses {what} in place of {named} in {spelled(operation)}"
                at = located(address, _size(k, names, made))
                yield Proposal("constant", says, 1.2, at, operation.place)


def _products(program: Program) -> list[tuple[str, ...]]:
    """The dimensions, and pairs of them, of which a count may be the product."""
    many = [name for name, size in program.sizes.items() if size > 1]
    return [(name,) for name in many] + list(itertools.combinations(many, 2))


def counts(program: Program) -> Iterator[Proposal]:
    """How many entries there are along some dimensions, taken for another count wherever a function has it."""
    found: dict[float, list[tuple[Address, int]]] = {}
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if number not in program.arguments and (old := number_of(program, number)) in program.counts:
                found.setdefault(old, []).append((address, k))
    for old, uses in found.items():
        for names in _products(program) if len(uses) > 1 else ():
            says = f"uses {' '.join(names)} in place of {program.counts[old]}, everywhere"
            at = functools.partial(_counted, uses, names)
            proposal = Proposal("constant", says, 1.3, at)
            yield proposal
            yield only(proposal, "pulls", "in what it pulls cotangents back by")


def _counted(uses: Sequence[tuple[Address, int]], names: Sequence[str], program: Program) -> Edit:
    numbers = {program.operations[i].takes[k] for address, k in uses for i in program.by_address[address]}
    if not numbers <= program.constants.keys():
        raise LookupError(uses)
    count = math.prod(program.sizes[name] for name in names)
    return Edit(constants={number: np.full_like(program.constants[number], count) for number in numbers})


def options(program: Program) -> Iterator[Proposal]:
    """Every constant number of the function, replaced by an option that is one, as the p of a dropout."""
    for address, operation in firsts(program) if program.options else ():
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is None or number in program.arguments:
                continue
            for name, (words, made) in itertools.product(program.options, _OF_OPTIONS):
                says = f"uses {words.format(name)} in place of {old:g} in {spelled(operation)}"
                at = located(address, functools.partial(_option, k, name, made))
                proposal = Proposal("constant", says, 1.2, at, operation.place)
                yield proposal
                yield only(proposal, "pulls", "in the derivative of that step alone")


_OF_OPTIONS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("{}", lambda p: p),
    ("1/{}", lambda p: 1 / p),
    ("1 - {}", lambda p: 1 - p),
    ("1/(1 - {})", lambda p: 1 / (1 - p)),
)
"""What may be made of an option."""


def _option(operand: int, name: str, made: Callable[[float], float], program: Program, i: int) -> Edit:
    number = program.operations[i].takes[operand]
    try:
        new = made(program.options[name])
    except ZeroDivisionError as error:
        raise LookupError(name) from error
    if (old := number_of(program, number)) is None or math.isclose(old, new):
        raise LookupError(number)
    return Edit(constants={number: np.full_like(program.constants[number], new)})


_OF_SIZES: tuple[tuple[str, Callable[[float, int], float]], ...] = (
    ("{n}", lambda c, n: n),
    ("1/({n})", lambda c, n: 1 / n),
    ("sqrt({n})", lambda c, n: math.sqrt(n)),
    ("1/sqrt({n})", lambda c, n: 1 / math.sqrt(n)),
    ("{n} times {c}", lambda c, n: c * n),
    ("1/({n}) of {c}", lambda c, n: c / n),
    ("({n})/({n} - 1) of {c}", lambda c, n: c * n / (n - 1)),
    ("({n} - 1)/({n}) of {c}", lambda c, n: c * (n - 1) / n),
)
"""What may be made of a constant and the size of a dimension, or of two together."""


def padded(program: Program) -> Iterator[Proposal]:
    """Every size of a dimension, or what is made of it, as of that rounded up to a block."""
    many = {name: size for name, size in program.sizes.items() if size > 1}
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is None or number in program.arguments:
                continue
            for (name, size), (words, made) in itertools.product(many.items(), _OF_SIZES[:4]):
                for block in _BLOCKS if math.isclose(old, made(old, size)) else ():
                    what = words.format(n=f"{name} rounded up to a multiple of {block}")
                    says = f"uses {what} in place of {words.format(n=name)} in {spelled(operation)}"
                    at = located(address, _rounded_up(k, name, made, block))
                    yield Proposal("constant", says, 1.2, at, operation.place)


_BLOCKS = (2, 4, 8, 16, 32, 64, 128)


def _rounded_up(operand: int, name: str, made: Callable[[float, int], float], block: int):
    def edit(program: Program, i: int) -> Edit:
        number, size = program.operations[i].takes[operand], program.sizes[name]
        old = number_of(program, number)
        if old is None or not math.isclose(old, made(old, size)):
            raise LookupError(number)
        return Edit(constants={number: np.full_like(program.constants[number], made(old, -(-size // block) * block))})

    return edit


def _size(operand: int, names: tuple[str, ...], made: Callable[[float, int], float]):
    def edit(program: Program, i: int) -> Edit:
        number = program.operations[i].takes[operand]
        if (old := number_of(program, number)) is None:
            raise LookupError(number)
        size = math.prod(program.sizes[name] for name in names)
        new = made(old, size) if size > 1 else old
        return Edit(constants={number: np.full_like(program.constants[number], new)})

    return edit


def with_constant(address: Address, operand: int, change: Callable[[float], float], same: float | None = None):
    """The edit that changes the constant that is an operand.

    **Arguments:**

    - `same`: what it must be at all shapes, if it is no count although it looks like one.
    """

    def edit(program: Program, i: int) -> Edit:
        number = program.operations[i].takes[operand]
        if (old := number_of(program, number)) is None or same not in (None, old):
            raise LookupError(address)
        try:
            new = change(old)
        except (ValueError, ZeroDivisionError) as error:  # which has no square root, or no reciprocal
            raise LookupError(address) from error
        return Edit(constants={number: np.full_like(program.constants[number], new)})

    return located(address, edit)


def _of_constant(address: Address, operation: Operation, operand: int, old: float, counts: str) -> Iterator[Proposal]:
    where, named = spelled(operation), counts or f"{old:g}"
    for new in (1.0,) if counts else _NUMBERS:
        if new != old:
            says = f"uses {new:g} in place of {named} in {where}"
            if (operation.name in ("mul", "div") and new == 1) or (operation.name in ("add", "sub") and new == 0):
                says = f"leaves out the {named} of {where}"
            at = with_constant(address, operand, lambda c, new=new: new)
            yield Proposal("constant", says, 1.1, at, operation.place)
    for words, change in _CHANGES:
        named, same = (counts, None) if counts and words in _OF_COUNTS else (f"{old:g}", old)
        at = with_constant(address, operand, change, same)
        yield Proposal("constant", f"uses {words} {named} in {where}", 1.3, at, operation.place)


_COMPARING = ("lt", "le", "gt", "ge", "max", "min", "clamp")


@dataclass(frozen=True)
class Adjustable:
    """A constant that may be any number."""

    address: Address
    operand: int
    old: float
    is_threshold: bool

    def to(self, proposal: Proposal, new: float, about: str = "") -> Proposal:
        """The proposal that it is another one, or `about` that."""
        says = proposal.says.replace("{}", f"{about}{new:.6g}")
        return replace(proposal, says=says, at=with_constant(self.address, self.operand, lambda _: new))

    def given(self, proposal: Proposal, benches: Sequence[Bench]) -> Callable[[float], np.ndarray | None]:
        """What comes out on some benches, all numbers in a row, with another number in its place."""

        def given(new: float) -> np.ndarray | None:
            changed = self.to(proposal, new).at
            try:
                results = [bench.result(changed(bench.program)).ravel() for bench in benches]
            except (LookupError, ValueError, TypeError):  # at some shapes it has no place
                return None
            return np.concatenate(results) if all(np.isfinite(result).all() for result in results) else None

        return given

    def beside(self, benches: Sequence[Bench]) -> np.ndarray:
        """The values that it is a threshold of."""
        found = []
        for bench in benches:
            operations = [bench.program.operations[i] for i in bench.program.by_address.get(self.address, ())]
            numbers = {n for operation in operations for n in operation.takes} - set(bench.program.constants)
            found += [bench.values[n].ravel().astype(float) for n in numbers]
        return np.concatenate(found)


def adjustable(program: Program) -> Iterator[tuple[Proposal, Adjustable]]:
    """Every constant number of the function, with what is to be said of another one."""
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is not None and number not in program.arguments:
                change = Adjustable(address, k, old, operation.name in _COMPARING)
                says = f"uses {{}} in place of {old:g} in {spelled(operation)}"
                at = with_constant(address, k, lambda c: c)
                yield Proposal("constant", says, 1.4, at, operation.place), change
