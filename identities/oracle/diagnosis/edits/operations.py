"""Another function: an operation or an index of it is another, and the derivative is that function's."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.edits.constants import constants
from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import Kernel, kernel_of
from identities.oracle.diagnosis.edits.program import Address, Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled

_NEIGHBOURS: dict[str, tuple[tuple[str, Callable], ...]] = {
    "tanh": (("erf", jax.lax.erf), ("sigmoid", jax.nn.sigmoid), ("sin", jnp.sin), ("atan", jnp.arctan)),
    "logistic": (("tanh", jnp.tanh), ("erf", jax.lax.erf)),
    "erf": (("tanh", jnp.tanh), ("erfc", jax.lax.erfc)),
    "sin": (("cos", jnp.cos), ("sinh", jnp.sinh)),
    "cos": (("sin", jnp.sin), ("cosh", jnp.cosh)),
    "max": (("min", jnp.minimum),),
    "min": (("max", jnp.maximum),),
    "add": (
        ("a difference", jnp.subtract),
        ("its first term alone", lambda a, b: a + 0 * b),
        ("its second term alone", lambda a, b: 0 * a + b),
        ("its first term alone where that is not zero", lambda a, b: jnp.where(a != 0, a, b)),
        ("its second term alone where that is not zero", lambda a, b: jnp.where(b != 0, b, a)),
    ),
    "sub": (
        ("a sum", jnp.add),
        ("the negative difference", lambda a, b: b - a),
        ("its first term alone", lambda a, b: a + 0 * b),
    ),
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

_REDUCTIONS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("a mean", jnp.mean),
    ("a sum", jnp.sum),
    ("a maximum", jnp.max),
    ("a minimum", jnp.min),
)

_ALONE = {"factor alone": "missing-factor", "term alone": "missing-term", "not zero": "reduction"}
"""What leaving one of two operands out is called."""

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
    "custom_jvp_call",
)
"""Operations of one operand, each of which may have been left out."""


def operations(program: Program) -> Iterator[Proposal]:
    """Every operation, replaced by its neighbours."""
    for address, operation in firsts(program):
        parameters = operation.kernel.parameters
        kind = "index" if operation.name in _COMPARISONS else "operation"
        for what, function in _NEIGHBOURS.get(operation.name, ()) if len(operation.takes) < 4 else ():
            named = next((k for words, k in _ALONE.items() if what.endswith(words)), kind)
            yield _neighbour(address, operation, what, function, named)
        if operation.name in _LEFT_OUT and operation.kernel.avals[0] == operation.kernel.gives[0]:
            kind = "layout" if operation.name == "rev" else "operation"
            yield _neighbour(address, operation, "its operand as it is", _operand, kind)
        if operation.name in ("reduce_max", "reduce_min"):
            for what, reduce in _REDUCTIONS:
                over = functools.partial(reduce, axis=parameters["axes"])
                yield _neighbour(address, operation, what, over, "operation")
        if operation.name == "integer_pow":
            power = parameters["y"]
            for other in sorted({1, 2, 3, 4, power - 1, power + 1} - {power, 0}):
                function = functools.partial(jax.lax.integer_pow, y=other)
                yield _neighbour(address, operation, f"the power {other} in place of {power}", function, "constant")
        if "reverse" in parameters:
            yield _backwards(address, operation)


def _operand(x: Any, *_: Any) -> Any:
    return x


def _neighbour(address: Address, operation: Operation, what: str, function: Callable[..., Any], kind: str) -> Proposal:
    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        other = kernel_of(what, lambda *operands: [function(*operands)], there.avals)
        if other.gives != there.gives:
            raise LookupError(address)
        return Edit(kernels={i: other})

    says = f"has {what} for `{operation.name}` in {spelled(operation)}"
    return Proposal(kind, says, 1.6, located(address, edit), operation.place)


def _backwards(address: Address, operation: Operation) -> Proposal:
    """A running sum from the other end."""

    def edit(program: Program, i: int) -> Edit:
        there = program.operations[i].kernel
        return Edit(kernels={i: there.told(reverse=not there.parameters["reverse"])})

    says = f"has the other direction in {spelled(operation)}"
    return Proposal("operation", says, 1.6, located(address, edit), operation.place)


def in_values(program: Program) -> Iterator[Proposal]:
    """The same changes, of a function that is evaluated anew in the backward pass; its derivative is left as it is."""
    for proposal in (*constants(program), *operations(program), *indices(program)):
        yield only(proposal, "values", "in what it computes anew")


def in_pulls(program: Program) -> Iterator[Proposal]:
    """The same changes, of the derivative of a step alone, not of its value."""
    for proposal in (*operations(program), *indices(program)):
        yield only(proposal, "pulls", "in the derivative of that step alone")


def only(proposal: Proposal, which: Literal["values", "pulls"], words: str) -> Proposal:
    def at(program: Program) -> Edit:
        return replace(proposal.at(program), only=which)

    return replace(proposal, says=f"{proposal.says}, {words}", rank=proposal.rank + 0.5, at=at)


def indices(program: Program) -> Iterator[Proposal]:
    """Every whole number that an operation takes, off by one; and every slice."""
    for address, operation in firsts(program):
        if operation.name in _OF_INDICES and not _counts_from_the_end(program, operation):
            for k, (_, dtype) in enumerate(operation.kernel.avals):
                for by in (1, -1) if np.issubdtype(dtype, np.integer) else ():
                    yield _off_by(address, operation, k, by)
    for address, operation in firsts(program):
        for by in (1, -1) if operation.name in _SLID else ():
            yield _slid(address, operation, by)


def _counts_from_the_end(program: Program, operation: Operation) -> bool:
    """Whether a comparison is JAX's own question of an index whether it is negative."""
    return operation.name == "lt" and not np.any(program.constants.get(operation.takes[1], 1))


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
