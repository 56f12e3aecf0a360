"""Another function: a constant, an operation or an index of it is another, and the derivative is that function's."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import Kernel, is_inexact, kernel_of
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled

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

_OF_COUNTS = tuple(row for row in _CHANGES if row[0].startswith("one "))
"""What is used in place of how many entries there are."""

_NUMBERS = (0.0, 1.0, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
"""Constants that are often used in place of another."""


def constants(program: Program) -> Iterator[Proposal]:
    """Every constant number of the function, replaced by another."""
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is not None and number not in program.arguments:
                yield from _of_constant(address, operation, k, old, program.counts.get(old, ""))
        if operation.name == "integer_pow":
            yield from _of_power(address, operation)


def in_values(program: Program) -> Iterator[Proposal]:
    """The same changes, of a function that is evaluated anew in the backward pass; its derivative is left as it is."""
    for proposal in (*constants(program), *operations(program), *indices(program)):
        yield _only(proposal, "values", "in what it computes anew")


def in_pulls(program: Program) -> Iterator[Proposal]:
    """The same changes, of the derivative of a step alone, not of its value."""
    for proposal in (*operations(program), *indices(program)):
        yield _only(proposal, "pulls", "in the derivative of that step alone")


def _only(proposal: Proposal, which: Literal["values", "pulls"], words: str) -> Proposal:
    def at(program: Program) -> Edit:
        return replace(proposal.at(program), only=which)

    return replace(proposal, says=f"{proposal.says}, {words}", rank=proposal.rank + 0.5, at=at)


def number_of(program: Program, number: int) -> float | None:
    """The value of a constant that is one number, if it is that."""
    constant = program.constants.get(number)
    if constant is None or constant.size == 0 or not is_inexact(constant.dtype):
        return None
    first = constant.flat[0]
    return float(first) if np.isfinite(first) and (constant == first).all() else None


def sizes(program: Program) -> Iterator[Proposal]:
    """Every constant number of the function, replaced by what is made of the sizes of dimensions."""
    many = [name for name, size in program.sizes.items() if size > 1]
    products = [(name,) for name in many] + list(itertools.combinations(many, 2))
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is None or number in program.arguments:
                continue
            for names, (words, made) in itertools.product(products, _OF_SIZES):
                named = program.counts.get(old, f"{old:g}")
                what = words.format(n=" ".join(names), c=named)
                says = f"uses {what} in place of {named} in {spelled(operation)}"
                at = located(address, _size(k, names, made))
                yield Proposal("constant", says, 1.2, at, operation.place)


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


def _size(operand: int, names: tuple[str, ...], made: Callable[[float, int], float]):
    def edit(program: Program, i: int) -> Edit:
        number = program.operations[i].takes[operand]
        if (old := number_of(program, number)) is None:
            raise LookupError(number)
        size = math.prod(program.sizes[name] for name in names)
        new = made(old, size) if size > 1 else old
        return Edit(constants={number: np.full_like(program.constants[number], new)})

    return edit


def with_constant(address: Address, operand: int, change: Callable[[float], float]):
    """The edit that changes the constant that is an operand."""

    def edit(program: Program, i: int) -> Edit:
        number = program.operations[i].takes[operand]
        if (old := number_of(program, number)) is None:
            raise LookupError(address)
        try:
            new = change(old)
        except (ValueError, ZeroDivisionError) as error:  # which has no square root, or no reciprocal
            raise LookupError(address) from error
        return Edit(constants={number: np.full_like(program.constants[number], new)})

    return located(address, edit)


def _of_constant(address: Address, operation: Operation, operand: int, old: float, counts: bool) -> Iterator[Proposal]:
    where, named = spelled(operation), counts or f"{old:g}"
    for new in (1.0,) if counts else _NUMBERS:
        if new != old:
            says = f"uses {new:g} in place of {named} in {where}"
            if (operation.name in ("mul", "div") and new == 1) or (operation.name in ("add", "sub") and new == 0):
                says = f"leaves out the {named} of {where}"
            at = with_constant(address, operand, lambda c, new=new: new)
            yield Proposal("constant", says, 1.1, at, operation.place)
    for words, change in _CHANGES if not counts else _OF_COUNTS:
        at = with_constant(address, operand, change)
        yield Proposal("constant", f"uses {words} {named} in {where}", 1.3, at, operation.place)


@dataclass(frozen=True)
class Adjustable:
    """A constant that may be any number."""

    address: Address
    operand: int
    old: float

    def to(self, proposal: Proposal, new: float) -> Proposal:
        """The proposal that it is another one."""
        says = proposal.says.format(f"{new:.6g}")
        return replace(proposal, says=says, at=with_constant(self.address, self.operand, lambda _: new))


def adjustable(program: Program) -> Iterator[tuple[Proposal, Adjustable]]:
    """Every constant number of the function, with what is to be said of another one."""
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            if (old := number_of(program, number)) is not None and number not in program.arguments:
                change = Adjustable(address, k, old)
                where = spelled(operation).replace("{", "{{").replace("}", "}}")
                says = f"uses {{}} in place of {old:g} in {where}"
                at = with_constant(address, k, lambda c: c)
                yield Proposal("constant", says, 1.4, at, operation.place), change


def _of_power(address: Address, operation: Operation) -> Iterator[Proposal]:
    power = operation.kernel.parameters["y"]
    for other in sorted({1, 2, 3, 4, power - 1, power + 1} - {power, 0}):
        made = lambda x, y=other: [jax.lax.integer_pow(x, y)]  # noqa: E731
        yield _neighbour(address, operation, f"the power {other} in place of {power}", "integer_pow", made, "constant")


_NEIGHBOURS: dict[str, tuple[tuple[str, Callable], ...]] = {
    "tanh": (("erf", jax.lax.erf), ("sigmoid", jax.nn.sigmoid), ("sin", jnp.sin), ("atan", jnp.arctan)),
    "logistic": (("tanh", jnp.tanh), ("erf", jax.lax.erf)),
    "erf": (("tanh", jnp.tanh), ("erfc", jax.lax.erfc)),
    "sin": (("cos", jnp.cos), ("sinh", jnp.sinh)),
    "cos": (("sin", jnp.sin), ("cosh", jnp.cosh)),
    "max": (("min", jnp.minimum),),
    "min": (("max", jnp.maximum),),
    "add": (("a difference", jnp.subtract),),
    "sub": (("a sum", jnp.add), ("the negative difference", lambda a, b: b - a)),
    "div": (("a product", jnp.multiply), ("the inverse quotient", lambda a, b: b / a)),
    "exp": (("expm1", jnp.expm1), ("exp2", jnp.exp2), ("the inverse of exp", lambda x: jnp.exp(-x))),
    "exp2": (("exp", jnp.exp),),
    "log": (("log1p", jnp.log1p), ("log2", jnp.log2)),
    "log1p": (("log", jnp.log),),
    "sqrt": (("rsqrt", jax.lax.rsqrt), ("a square", jnp.square)),
    "rsqrt": (("sqrt", jnp.sqrt), ("a reciprocal", lambda x: 1 / x)),
    "mul": (
        ("its first factor alone", lambda a, b: a + 0 * b),
        ("its second factor alone", lambda a, b: 0 * a + b),
        ("a quotient", jnp.divide),
    ),
    "abs": (("a square", jnp.square),),
    "lt": (("<=", jnp.less_equal), (">", jnp.greater), (">=", jnp.greater_equal)),
    "le": (("<", jnp.less), (">", jnp.greater), (">=", jnp.greater_equal)),
    "gt": ((">=", jnp.greater_equal), ("<", jnp.less), ("<=", jnp.less_equal)),
    "ge": ((">", jnp.greater), ("<", jnp.less), ("<=", jnp.less_equal)),
    "eq": (("!=", jnp.not_equal),),
    "ne": (("==", jnp.equal),),
    "select_n": (
        ("the branches exchanged", lambda which, a, b: jnp.where(which, a, b)),
        ("always the branch for false", lambda which, a, b: a),
        ("always the branch for true", lambda which, a, b: b),
    ),
}
"""By operation, others that are taken for it, and what a person calls them."""

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")

_LEFT_OUT = (
    "tanh",
    "logistic",
    "erf",
    "exp",
    "log",
    "log1p",
    "sqrt",
    "abs",
    "sin",
    "cos",
    "neg",
    "sign",
    "rev",
    "custom_jvp_call",
)
"""Operations of one operand, each of which may have been left out."""


def operations(program: Program) -> Iterator[Proposal]:
    """Every operation, replaced by its neighbours."""
    for address, operation in firsts(program):
        kind = "index" if operation.name in _COMPARISONS else "operation"
        for what, function in _NEIGHBOURS.get(operation.name, ()):
            if len(operation.takes) < 4:
                made = lambda *operands, function=function: [function(*operands)]  # noqa: E731
                named = "missing-factor" if what.endswith("factor alone") else kind
                yield _neighbour(address, operation, what, what, made, named)
        if operation.name in _LEFT_OUT and operation.kernel.avals[0] == operation.kernel.gives[0]:
            yield _neighbour(address, operation, "its operand as it is", "copy", lambda x, *_: [x], "operation")
        if operation.name in ("reduce_max", "reduce_min"):
            for what, reduce in (
                ("a mean", jnp.mean),
                ("a sum", jnp.sum),
                ("a maximum", jnp.max),
                ("a minimum", jnp.min),
            ):
                axes = operation.kernel.parameters["axes"]
                made = lambda x, reduce=reduce, axes=axes: [reduce(x, axes)]  # noqa: E731
                yield _neighbour(address, operation, what, what, made, "operation")
        for what, parameters in _directions(operation):
            yield _with_parameters(address, operation, what, parameters)


def _neighbour(address: Address, operation: Operation, what: str, name: str, made: Callable, kind: str) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        other = kernel_of(name, made, there.avals)
        if other.gives != there.gives:
            raise LookupError(address)
        return Edit(kernels={i: other})

    where = spelled(operation)
    return Proposal(kind, f"has {what} for `{operation.name}` in {where}", 1.6, located(address, edit), operation.place)


def _directions(operation: Operation) -> Iterator[tuple[str, dict]]:
    parameters = operation.kernel.parameters
    if operation.name in ("cumsum", "cumprod", "cummax", "cumlogsumexp"):
        yield "the other direction", {"reverse": not parameters["reverse"]}


def _with_parameters(address: Address, operation: Operation, what: str, other: dict) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        return Edit(kernels={i: program.operations[i].kernel.told(**other)})

    where = spelled(operation)
    return Proposal("operation", f"has {what} in {where}", 1.6, located(address, edit), operation.place)


def indices(program: Program) -> Iterator[Proposal]:
    """Every whole number that an operation takes, off by one; and every slice."""
    for address, operation in firsts(program):
        if operation.name not in (
            "gather",
            "dynamic_slice",
            "dynamic_update_slice",
            "scatter",
            "scatter-add",
            *_COMPARISONS,
        ):
            continue
        for k, (_, dtype) in enumerate(operation.kernel.avals):
            if np.issubdtype(dtype, np.integer):
                for by in (1, -1):
                    yield _off_by(address, operation, k, by)
    for address, operation in firsts(program):
        for by in (1, -1) if operation.name in _SLID else ():
            yield _slid(address, operation, by)


def _off_by(address: Address, operation: Operation, operand: int, by: int) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel

        def function(*operands):
            shifted = [o + jnp.asarray(by, o.dtype) if k == operand else o for k, o in enumerate(operands)]
            return there.function(*shifted)

        return Edit(kernels={i: kernel_of(there.name, function, there.avals, there.parameters)})

    where = spelled(operation)
    what = "comparison" if operation.name in _COMPARISONS else "index"
    return Proposal("index", f"has the {what} off by one in {where}", 1.5, located(address, edit), operation.place)


def _slid(address: Address, operation: Operation, by: int) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        if not (other := _SLID[there.name](there, by)):
            raise LookupError(address)
        return Edit(kernels={i: there.told(**other)})

    where = spelled(operation)
    return Proposal("index", f"is off by one in {where}", 1.5, located(address, edit), operation.place)


def _slid_slice(kernel: Kernel, by: int) -> dict[str, Any] | None:
    starts, limits = kernel.parameters["start_indices"], kernel.parameters["limit_indices"]
    (size, _) = kernel.avals[0]
    moves = [s != 0 or e != n for s, e, n in zip(starts, limits, size, strict=True)]
    new = [(s + by * m, e + by * m) for s, e, m in zip(starts, limits, moves, strict=True)]
    if not any(moves) or any(s < 0 or e > n for (s, e), n in zip(new, size, strict=True)):
        return None
    return {"start_indices": tuple(s for s, _ in new), "limit_indices": tuple(e for _, e in new)}


def _slid_pad(kernel: Kernel, by: int) -> dict[str, Any] | None:
    padding = kernel.parameters["padding_config"]
    other = tuple((low + by, high - by, inner) if low or high else (low, high, inner) for low, high, inner in padding)
    return {"padding_config": other} if other != padding else None


_SLID: dict[str, Callable[[Kernel, int], dict[str, Any] | None]] = {"slice": _slid_slice, "pad": _slid_pad}
"""What else an operation is told whose window is off by one; nothing where there is no room."""
