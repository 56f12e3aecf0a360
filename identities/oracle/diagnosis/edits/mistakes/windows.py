"""Windows that move over an array, tap by tap as backward passes are written: with another stride, a tap left out."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import NOTHING, Edit, Here, Pull
from identities.oracle.diagnosis.edits.program import Operation, Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, merged, only, pulling, spelled, value_of

Ints = tuple[int, ...]


@dataclass(frozen=True)
class _Loop:
    """A loop over the taps of a kernel, and where each of them meets the array.

    **Fields:**

    - `strides`, `low`, `dilation`: by spatial axis; `low` is the padding before the first entry.
    - `flipped`: the axes along which taps are taken backwards.
    - `kept`: which taps are, by axis, if not all: the axis, and a slice.
    - `overwrites`: whether the contribution of a tap replaces that of those before.
    """

    strides: Ints
    low: Ints
    dilation: Ints
    flipped: Ints = ()
    kept: tuple[int, slice] | None = None
    overwrites: bool = False

    def taps(self, sizes: Ints) -> Iterator[Ints]:
        """The taps, in their order."""
        ranges = [range(size) for size in sizes]
        if self.kept:
            axis, some = self.kept
            ranges[axis] = ranges[axis][some]
        return itertools.product(*ranges)


def convolutions(program: Program) -> Iterator[Proposal]:
    """Every convolution, pulled back by another loop."""
    for address, operation in firsts(program):
        if operation.name != "conv_general_dilated" or not _is_plain(operation.kernel.parameters):
            continue
        where = spelled(operation)
        for k, active in enumerate(program.active(operation)):
            for kind, words, changes in _loops(operation, k) if active else ():
                says = f"{words} in {where}, for {value_of(program, operation.takes[k])}"
                yield Proposal(kind, says, 1.7, pulling(address, _looped(k, changes)), operation.place)


def _is_plain(parameters: Mapping[str, Any]) -> bool:
    return all(d == 1 for d in parameters["lhs_dilation"]) and parameters["batch_group_count"] == 1


def _loops(operation: Operation, operand: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The kind of mistake, what is said of it, and what is other in the loop."""
    right = _loop(operation.kernel.parameters)
    kernel = [operation.kernel.avals[1][0][a] for a in operation.kernel.parameters["dimension_numbers"].rhs_spec[2:]]
    spatial = range(len(kernel))
    together = [(axis,) for axis in spatial] + [tuple(spatial)] * (len(kernel) > 1)
    for axes in together:
        along = f" along spatial axis {axes[0]}" if len(axes) < len(kernel) else ""
        if any(right.strides[a] > 1 for a in axes):
            yield "index", f"ignores the stride{along}", {"strides": _with(right.strides, axes, lambda _: 1)}
        if any(right.dilation[a] > 1 for a in axes):
            yield "index", f"ignores the dilation{along}", {"dilation": _with(right.dilation, axes, lambda _: 1)}
        if any(right.low[a] for a in axes):
            yield "index", f"ignores the padding{along}", {"low": _with(right.low, axes, lambda _: 0)}
        if any(right.strides[a] != right.dilation[a] for a in axes):
            strides = tuple(right.dilation[a] if a in axes else n for a, n in enumerate(right.strides))
            dilation = tuple(right.strides[a] if a in axes else n for a, n in enumerate(right.dilation))
            says = f"takes the stride for the dilation, and the dilation for the stride{along}"
            yield "index", says, {"strides": strides, "dilation": dilation}
        for by in (1, -1):
            yield (
                "index",
                f"has the padding off by one{along}",
                {"low": _with(right.low, axes, lambda n, by=by: n + by)},
            )
        if operand == 1 or along:  # of the other there is a proposal among layouts
            yield "layout", f"takes the kernel backwards{along}", {"flipped": axes}
    for axis in spatial:
        for words, some in (("last", slice(-1)), ("first", slice(1, None))) if kernel[axis] > 1 else ():
            says = f"leaves out the {words} tap along spatial axis {axis} of the kernel"
            yield ("missing-term", "region")[operand], says, {"kept": (axis, some)}
    if operand == 0:
        says = "keeps only the last tap of the kernel that meets an entry, as `=` in place of `+=` does,"
        yield "reduction", says, {"overwrites": True}


def _with(old: Ints, axes: Ints, change) -> Ints:
    return tuple(change(n) if axis in axes else n for axis, n in enumerate(old))


def _loop(parameters: Mapping[str, Any]) -> _Loop:
    return _Loop(
        tuple(parameters["window_strides"]),
        tuple(low for low, _ in parameters["padding"]),
        tuple(parameters["rhs_dilation"]),
    )


def _looped(operand: int, changes: dict[str, Any]) -> Pull:
    def pull(here: Here) -> Mapping[int, np.ndarray]:
        return {operand: _pulled(here, operand, replace(_loop(here.kernel.parameters), **changes))}

    return pull


def _pulled(here: Here, operand: int, loop: _Loop) -> np.ndarray:
    """What comes back to the array, or to the kernel."""
    parameters = here.kernel.parameters
    specs = parameters["dimension_numbers"]
    orders = [(0, *(1 + axis for axis in spec)) for spec in (specs.lhs_spec, specs.rhs_spec, specs.out_spec)]
    given = (here.operands[0], here.operands[1], here.cotangents[0])
    array, kernel, cotangent = (values.transpose(order) for values, order in zip(given, orders, strict=True))
    found = np.zeros_like(array if operand == 0 else kernel)
    groups, features = parameters["feature_group_count"], kernel.shape[2]
    made_of_each = kernel.shape[1] // groups
    sizes, outputs = kernel.shape[3:], cotangent.shape[3:]
    for tap in loop.taps(sizes):
        met = [
            stride * np.arange(n) + dilation * at - low
            for n, at, stride, dilation, low in zip(outputs, tap, loop.strides, loop.dilation, loop.low, strict=True)
        ]
        inside = [(there >= 0) & (there < n) for there, n in zip(met, array.shape[3:], strict=True)]
        batch, of = np.arange(array.shape[0]), np.arange(array.shape[1])
        entries = np.ix_(batch, of, np.arange(array.shape[2]), *(m[i] for m, i in zip(met, inside, strict=True)))
        sent = cotangent[np.ix_(batch, of, np.arange(cotangent.shape[2]), *inside)]
        spots = math.prod(sent.shape[3:])
        sent = sent.reshape(*sent.shape[:2], groups, made_of_each, spots)
        weights = tuple(
            n - 1 - at if axis in loop.flipped else at for axis, (at, n) in enumerate(zip(tap, sizes, strict=True))
        )
        if operand == 0:
            by = kernel[(..., *weights)].reshape(len(kernel), groups, made_of_each, features)
            made = np.einsum("bngos,bgoi->bngis", sent, by).reshape(found[entries].shape)
            found[entries] = made if loop.overwrites else found[entries] + made
        else:
            seen = array[entries].reshape(*sent.shape[:3], features, spots)
            made = np.einsum("bngos,bngis->bgoi", sent, seen)
            found[(..., *weights)] += made.reshape(found.shape[:3])
    return found.transpose(np.argsort(orders[operand]))


def slices(program: Program) -> Iterator[Proposal]:
    """Windows at a distance, taken one beside the other: the slices of an expression, and slices with a stride."""
    for key, group in _at_one_place(program).items():
        first = program.operations[group[0]]
        if _step(program, group) is None and not _strided(first):
            continue
        says = f"ignores the stride in {first.place or spelled(first)}"

        def at(there: Program, key=key) -> Edit:
            return _beside(there, _at_one_place(there).get(key, []))  # a window of everything is no slice

        proposal = Proposal("index", says, 1.6, at, first.place)
        yield proposal
        yield only(proposal, "pulls", "in the derivative of that step alone")
        yield only(proposal, "values", "in what it computes anew")


def _at_one_place(program: Program) -> dict[object, list[int]]:
    """Slices, by the expression that they stand in."""
    found: dict[object, list[int]] = {}
    for i, operation in enumerate(program.operations):
        if operation.name == "slice":
            address = operation.address
            key = (address.file, address.line, address.start, address.end)
            found.setdefault(key, []).append(i)
    return found


def _strided(operation: Operation) -> bool:
    return any(step > 1 for step in operation.kernel.parameters["strides"] or ())


def _step(program: Program, group: list[int]) -> tuple[Ints, Ints] | None:
    """Where the first of several slices begins, and how far it is from each to the next, if that is more than one."""
    starts = np.array([program.operations[i].kernel.parameters["start_indices"] for i in group])
    steps = np.diff(starts, axis=0)
    if not len(steps) or (steps != steps[0]).any() or steps.max() < 2:
        return None
    return tuple(map(int, starts[0])), tuple(map(int, steps[0]))


def _beside(program: Program, group: list[int]) -> Edit:
    edits = [NOTHING]
    first, step = _step(program, group) or ((), ())
    for turn, i in enumerate(group):
        kernel = program.operations[i].kernel
        starts = kernel.parameters["start_indices"]
        if step:
            starts = tuple(start + turn * min(by, 1) for start, by in zip(first, step, strict=True))
        limits = tuple(start + n for start, n in zip(starts, kernel.gives[0][0], strict=True))
        edits.append(Edit(kernels={i: kernel.told(start_indices=starts, limit_indices=limits, strides=None)}))
    return merged(edits)
