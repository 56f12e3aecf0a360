"""Softmax and its logarithm, whose derivatives people write by way of the result, with a slip of the pen.

With its result y, its cotangent g and sums over the axis that it is taken along, the derivative of softmax is
y (g - sum g y), and that of its logarithm g - y sum g.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Edit, Here, Pull
from identities.oracle.diagnosis.edits.kernels import kernel_of
from identities.oracle.diagnosis.edits.mistakes.parts import PASSED_ON
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, spelled


class _Rows(NamedTuple):
    """What a derivative by way of the result is made of, and sums along the rows.

    **Fields:**

    - `made`, `late`: what is made of y, entry by entry, as by the mask of a dropout, and its cotangent.
    """

    g: np.ndarray
    made: np.ndarray
    late: np.ndarray
    y: np.ndarray
    x: np.ndarray
    sum: Callable[[np.ndarray], np.ndarray]


_Slip = tuple[str, str, Callable[[_Rows], np.ndarray]]

_OF_SOFTMAX: tuple[_Slip, ...] = (
    (
        "missing-term",
        "is y (1 - y), as of a sigmoid, without the other entries, in place of",
        lambda r: r.g * r.y * (1 - r.y),
    ),
    ("missing-factor", "leaves out y in the sum, in", lambda r: r.y * (r.g - r.sum(r.g))),
    ("other-argument", "takes the argument for y in the sum, in", lambda r: r.y * (r.g - r.sum(r.g * r.x))),
    ("other-argument", "takes the argument for y before the bracket, in", lambda r: r.x * (r.g - r.sum(r.g * r.y))),
    ("other-argument", "takes the argument for y before the sum, in", lambda r: r.y * r.g - r.x * r.sum(r.g * r.y)),
    ("other-argument", "takes the argument for y wherever that is, in", lambda r: r.x * (r.g - r.sum(r.g * r.x))),
    (
        "other-argument",
        "multiplies the bracket with itself and not with y, as where y has been overwritten with it, in",
        lambda r: (r.g - r.sum(r.g * r.y)) ** 2,
    ),
    ("other-argument", "is the derivative of its logarithm, in place of", lambda r: r.g - r.y * r.sum(r.g)),
)

_OF_CHANGED: tuple[_Slip, ...] = (
    (
        "missing-factor",
        "leaves what is done to y afterwards out of the first g of",
        lambda r: r.y * (r.late - r.sum(r.g * r.y)),
    ),
    (
        "missing-factor",
        "leaves what is done to y afterwards out of the second g of",
        lambda r: r.y * (r.g - r.sum(r.late * r.y)),
    ),
    (
        "other-argument",
        "takes what is made of y afterwards, and its cotangent, for y and g in",
        lambda r: r.made * (r.late - r.sum(r.late * r.made)),
    ),
)
"""Of a softmax whose weights are dropped, masked or scaled before they are used."""

_OF_LOGARITHM: tuple[_Slip, ...] = (
    ("missing-term", "is 1 - y, without the other entries, in place of", lambda r: r.g * (1 - r.y)),
    ("missing-factor", "leaves out the sum, in", lambda r: r.g - r.y),
    ("missing-factor", "leaves out y, in", lambda r: r.g - r.sum(r.g)),
    ("other-argument", "takes the argument for y in", lambda r: r.g - r.x * r.sum(r.g)),
    (
        "other-argument",
        "is the derivative without the logarithm, in place of",
        lambda r: r.y * (r.g - r.sum(r.g * r.y)),
    ),
)


def softmaxes(program: Program) -> Iterator[Proposal]:
    """Every softmax, and every logarithm of one, with each slip."""
    for address, operation in firsts(program):
        for found, slips, formula, edit in (
            (_softmax(program, operation), _OF_SOFTMAX, "y (g - sum g y)", _softmax_with),
            (_changed(program, operation), _OF_CHANGED, "y (g - sum g y)", _softmax_with),
            (_logarithm(program, operation), _OF_LOGARITHM, "g - y sum g", _logarithm_with),
        ):
            for kind, words, slip in slips if found else ():
                says = f"{words} {formula}, the derivative by way of the result y of {spelled(operation)}"
                at = located(address, functools.partial(edit, slip))
                yield Proposal(kind, says, 1.5, at, operation.place)
        if _softmax(program, operation):
            says = f"takes {spelled(operation)} twice, the second time of its result"
            yield Proposal("operation", says, 1.7, located(address, _softmax_of_itself), operation.place)


class _Parts(NamedTuple):
    """The operations that a softmax consists of: exponentials and their sum; and what they are taken of."""

    exp: int
    sum: int
    argument: int


def _softmax(program: Program, operation: Operation) -> _Parts | None:
    """Exponentials, divided by their sum, which serve nothing else."""
    if operation.name != "div":
        return None
    exponentials, total = operation.takes
    found = _sum_of_exponentials(program, total)
    return found if found and program.operations[found.exp].makes[0] == exponentials else None


def _logarithm(program: Program, operation: Operation) -> _Parts | None:
    """An array, minus the logarithm of the sum of its exponentials."""
    if operation.name != "sub":
        return None
    logarithm = _made_by(program, operation.takes[1])
    if logarithm is None or program.operations[logarithm].name != "log":
        return None
    found = _sum_of_exponentials(program, program.operations[logarithm].takes[0])
    own = (found.argument, program.operations[found.exp].takes[0]) if found else ()
    return found if operation.takes[0] in own else None


def _sum_of_exponentials(program: Program, total: int) -> _Parts | None:
    i = _made_by(program, total)
    if i is None or program.operations[i].name != "reduce_sum":
        return None
    (exponentials,) = program.operations[i].takes
    j = program.made_by.get(exponentials)
    if j is None or program.operations[j].name != "exp" or len(program.uses[exponentials]) > 2:
        return None
    return _Parts(j, i, _unshifted(program, program.operations[j].takes[0]))


def _made_by(program: Program, number: int) -> int | None:
    """The operation that has made a value, in whatever shape it is."""
    i = program.made_by.get(number)
    while i is not None and program.operations[i].name in PASSED_ON:
        i = program.made_by.get(program.operations[i].takes[0])
    return i


def _unshifted(program: Program, number: int) -> int:
    """What the largest entry has been subtracted from, if it has."""
    i = program.made_by.get(number)
    if i is None or program.operations[i].name != "sub":
        return number
    whole = program.operations[i].takes[0]
    return whole if program.avals[whole] == program.avals[number] else number


def _changed(program: Program, operation: Operation) -> _Parts | None:
    """A softmax of whose entries others are made, each of its own."""
    parts = _softmax(program, operation)
    return parts if parts and _last_change(program, operation) is not operation else None


def _last_change(program: Program, operation: Operation) -> Operation:
    """The last one of operations that follow, each of which changes single entries of what the one before gives."""
    while len(uses := program.uses.get(operation.makes[0], ())) == 1:
        then = program.operations[uses[0][0]]
        if then.name not in ("mul", "div", "select_n") or then.kernel.gives != operation.kernel.gives:
            break
        operation = then
    return operation


def _rows(
    program: Program,
    parts: _Parts,
    cotangent: np.ndarray,
    values: Mapping[int, np.ndarray],
    made: np.ndarray,
    late: np.ndarray,
) -> _Rows:
    axes = tuple(1 + axis for axis in program.operations[parts.sum].kernel.parameters["axes"])
    exponentials = values[program.operations[parts.exp].makes[0]]
    along = functools.partial(np.sum, axis=axes, keepdims=True)
    return _Rows(cotangent, made, late, exponentials / along(exponentials), values[parts.argument], along)


def _softmax_with(slip: Callable[[_Rows], np.ndarray], program: Program, i: int) -> Edit:
    """The cotangent goes from the quotient to the argument of the exponentials at once, where nothing underflows."""
    parts = _softmax(program, program.operations[i])
    if parts is None:
        raise LookupError(i)
    made = _last_change(program, program.operations[i]).makes[0]
    last = program.made_by[made]
    came: dict[int, np.ndarray] = {}

    def keep(j: int, here: Here) -> Mapping[int, np.ndarray]:
        came[j] = here.cotangents[0]
        return {}

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        return {0: slip(_rows(program, parts, came[i], here.values, here.values[made], came[last]))}

    keeping: dict[int, Pull] = {j: functools.partial(keep, j) for j in (last, i)}
    return Edit(pulls={**keeping, parts.exp: pull})


def _softmax_of_itself(program: Program, i: int) -> Edit:
    parts, quotient = _softmax(program, program.operations[i]), program.operations[i].kernel
    if parts is None:
        raise LookupError(i)
    axes = program.operations[parts.sum].kernel.parameters["axes"]
    return Edit(kernels={i: kernel_of("softmax", lambda e, s: [jax.nn.softmax(e / s, axes)], quotient.avals)})


def _logarithm_with(slip: Callable[[_Rows], np.ndarray], program: Program, i: int) -> Edit:
    parts = _logarithm(program, program.operations[i])
    if parts is None:
        raise LookupError(i)

    def pull(here: Here) -> Mapping[int, np.ndarray]:
        g = here.cotangents[0]
        found = slip(_rows(program, parts, g, here.values, here.results[0], g))
        return {0: found, 1: np.zeros_like(here.operands[1])}

    return Edit(pulls={i: pull})
