"""Another function: an operation or an index of it is another, and the derivative is that function's."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import Aval, Kernel, kernel_of
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import (
    Proposal,
    alike,
    firsts,
    kept,
    located,
    only,
    spelled,
    standing,
    value_of,
)
from identities.oracle.run.tape import is_inexact

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
    "mul": (("a quotient", jnp.divide),),
    "abs": (("a square", jnp.square),),
    "real": (("the imaginary part", jnp.imag), ("the magnitude", jnp.abs)),
    "imag": (("the real part", jnp.real), ("the magnitude", jnp.abs)),
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

_REDUCTIONS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("a mean", jnp.mean),
    ("a sum", jnp.sum),
    ("a maximum", jnp.max),
    ("a minimum", jnp.min),
)

_PADDINGS = {"padding by its edge": "edge", "padding by its reflection": "reflect", "padding by its other end": "wrap"}
"""What people pad with in place of a constant, and what NumPy calls it."""

_OF_TWO = {"add": ("term", (0, 1)), "sub": ("term", (1,)), "mul": ("factor", (0, 1))}
"""By operation, what its operands are called, and which of the two may have been left out."""

_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")

_OF_INDICES = ("gather", "dynamic_slice", "dynamic_update_slice", "scatter", "scatter-add", *_COMPARISONS)
"""Operations that take whole numbers which may be off by one."""

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
    "conj",
    "custom_jvp_call",
)
"""Operations of one operand, each of which may have been left out."""

_TWICE = ("tanh", "logistic", "erf", "exp", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "cumsum", "custom_jvp_call")
"""Operations of one operand that may have been done to what has come of them already."""

_SAID_OF = {"neg": ("sign", "the minus"), "rev": ("layout", "the reversal")}
"""What leaving one out is called, if there is a word for it."""


@kept
def operations(program: Program) -> Iterator[Proposal]:
    """Every operation, replaced by its neighbours."""
    for address, operation in firsts(program):
        parameters = operation.kernel.parameters
        kind = "index" if operation.name in _COMPARISONS else "operation"
        if _counts_from_the_end(program, operation) or _is_of_indices(operation):
            continue
        for what, function in _NEIGHBOURS.get(operation.name, ()) if len(operation.takes) < 4 else ():
            yield _neighbour(address, operation, what, function, kind)
        yield from _of_one_operand(program, address, operation)
        if operation.name in _LEFT_OUT and operation.kernel.avals[0] == operation.kernel.gives[0]:
            kind, what = _SAID_OF.get(operation.name, ("operation", ""))
            left_out = _neighbour(address, operation, "its operand as it is", _operand, kind)
            yield replace(left_out, says=f"leaves out {what} of {spelled(operation)}") if what else left_out
        if operation.name in _TWICE and operation.kernel.avals[0] == operation.kernel.gives[0]:
            says = f"takes {spelled(operation)} twice, the second time of its result"
            yield Proposal("operation", says, 1.7, located(address, _twice), operation.place)
        if operation.name in ("reduce_max", "reduce_min"):
            for what, reduce in _REDUCTIONS:
                over = functools.partial(reduce, axis=parameters["axes"])
                yield _neighbour(address, operation, what, over, "operation")
        if operation.name == "integer_pow":
            power = parameters["y"]
            for other in sorted({1, 2, 3, 4, power - 1, power + 1} - {power, 0}):
                function = functools.partial(jax.lax.integer_pow, y=other)
                yield _neighbour(address, operation, f"the power {other} in place of {power}", function, "constant")
        if operation.name == "pad" and all(min(of_axis) >= 0 == of_axis[2] for of_axis in parameters["padding_config"]):
            for what, mode in _PADDINGS.items():
                padded = functools.partial(_padded, parameters["padding_config"], mode)
                yield _neighbour(address, operation, what, padded, "operation")
        if "reverse" in parameters:
            yield _backwards(address, operation)


def _is_of_indices(operation: Operation) -> bool:
    """Whether it computes whole numbers, which may be off by one, and hardly ever are otherwise wrong."""
    return all(np.issubdtype(dtype, np.integer) for _, dtype in operation.kernel.gives)


def _operand(x: Any, *_: Any) -> Any:
    return x


def _padded(config: Sequence[tuple[int, int, int]], mode: str, x: Any, constant: Any) -> Any:
    return jnp.pad(x, [(low, high) for low, high, _ in config], mode)


def _of_one_operand(program: Program, address: Address, operation: Operation) -> Iterator[Proposal]:
    """One of two operands left out; or overwritten, where they are to be added."""
    noun, omitted = _OF_TWO.get(operation.name, ("", ()))
    where = spelled(operation)
    for k in omitted:
        gone, left = (value_of(program, operation.takes[i]) for i in (k, 1 - k))
        one = _neighbour(address, operation, "", lambda *o, k=k: o[1 - k] + 0 * o[k], f"missing-{noun}")
        yield replace(one, says=f"leaves out the {noun} {gone} of {where}")
        if operation.name == "add":
            over = _neighbour(
                address, operation, "", lambda *o, k=k: jnp.where(o[1 - k] != 0, o[1 - k], o[k]), "reduction"
            )
            yield replace(over, says=f"overwrites {gone} with {left}, as `=` in place of `+=` does, in {where}")


def _neighbour(address: Address, operation: Operation, what: str, function: Callable[..., Any], kind: str) -> Proposal:
    @functools.cache
    def other(avals: tuple[Aval, ...]) -> Kernel:
        return kernel_of(what, lambda *operands: [function(*operands)], avals)

    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        if other(there.avals).gives != there.gives:
            raise LookupError(address)
        return Edit(kernels={i: other(there.avals)})

    says = f"has {what} for `{operation.name}` in {spelled(operation)}"
    return Proposal(kind, says, 1.6, located(address, edit), operation.place)


def _twice(program: Program, i: int) -> Edit:
    return Edit(kernels={i: _of_its_result(program.operations[i].kernel)})


@functools.lru_cache(maxsize=1024)
def _of_its_result(kernel: Kernel) -> Kernel:
    def function(*operands):
        return kernel.function(*kernel.function(*operands), *operands[1:])

    return kernel_of(kernel.name, function, kernel.avals, kernel.parameters)


def _backwards(address: Address, operation: Operation) -> Proposal:
    """A running sum from the other end."""

    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        return Edit(kernels={i: there.told(reverse=not there.parameters["reverse"])})

    says = f"has the other direction in {spelled(operation)}"
    return Proposal("operation", says, 1.6, located(address, edit), operation.place)


def in_values(program: Program) -> Iterator[Proposal]:
    """The same changes, of a function that is evaluated anew in the backward pass; its derivative is left as it is."""
    for proposal in (*operations(program), *indices(program)):
        yield only(proposal, "values", "in what it computes anew")


def in_pulls(program: Program) -> Iterator[Proposal]:
    """The same changes, of the derivative of a step alone, not of its value."""
    for proposal in (*operations(program), *indices(program)):
        yield only(proposal, "pulls", "in the derivative of that step alone")


@kept
def indices(program: Program) -> Iterator[Proposal]:
    """Every whole number that an operation takes, off by one, or without a term; and every slice."""
    for address, operation in firsts(program):
        if operation.name in _OF_TWO and _is_of_indices(operation):
            yield from _of_one_operand(program, address, operation)
        if operation.name in _OF_INDICES and not _counts_from_the_end(program, operation):
            for k, (_, dtype) in enumerate(operation.kernel.avals):
                compares = operation.name in _COMPARISONS
                for says, other in _OTHER_INDICES[: 2 if compares else 3] if np.issubdtype(dtype, np.integer) else ():
                    says = says.format("comparison" if compares else "index")
                    yield _with_index(address, operation, k, says, other)
    for address, operation in firsts(program):
        for by in (1, -1) if operation.name in _SLID else ():
            yield _slid(address, operation, by)


def _counts_from_the_end(program: Program, operation: Operation) -> bool:
    """Whether a comparison is JAX's own question of an index whether it is negative."""
    return operation.name == "lt" and not np.any(program.constants.get(operation.takes[1], 1))


_OTHER_INDICES: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("has the {} off by one", lambda index: index + jnp.asarray(1, index.dtype)),
    ("has the {} off by one", lambda index: index - jnp.asarray(1, index.dtype)),
    ("has zero for every {}", jnp.zeros_like),
)
"""What an index, or what it is compared with, may be instead."""


def _with_index(
    address: Address, operation: Operation, operand: int, says: str, other: Callable[[Any], Any]
) -> Proposal:
    @functools.cache
    def changed(kernel: Kernel) -> Kernel:
        def function(*operands):
            return kernel.function(*(other(o) if k == operand else o for k, o in enumerate(operands)))

        return kernel_of(kernel.name, function, kernel.avals, kernel.parameters)

    def edit(program: Program, i: int) -> Edit:
        return Edit(kernels={i: changed(program.operations[i].kernel)})

    return Proposal("index", f"{says} in {spelled(operation)}", 1.5, located(address, edit), operation.place)


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


def operands(program: Program) -> Iterator[Proposal]:
    """Every operand, replaced by another value of its shape or by its transpose."""
    others_of = alike(program)
    for address, operation in firsts(program):
        for k, number in enumerate(operation.takes):
            own, where = value_of(program, number), spelled(operation)
            shape, dtype = program.avals[number]
            if is_inexact(dtype) and len(shape) > 1 and shape[-1] == shape[-2] > 1:
                says = f"uses the transpose of {own} in {where}"
                yield Proposal("transpose", says, 1.5, located(address, _transposed(k)), operation.place)
            for other in others_of(number):
                if other < min(operation.makes):
                    says = f"uses {value_of(program, other)} in place of {own} in {where}"
                    at = standing(program, address, k, other)
                    yield Proposal("other-argument", says, 2.1, at, operation.place)


def _transposed(operand: int) -> Callable[[Program, int], Edit]:
    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel

        def function(*given):
            return there.function(*(jnp.swapaxes(o, -1, -2) if k == operand else o for k, o in enumerate(given)))

        return Edit(kernels={i: kernel_of(there.name, function, there.avals, there.parameters)})

    return edit
