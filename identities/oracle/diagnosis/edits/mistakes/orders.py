"""Entries in another order: axes that are merged or split the other way round, an array read as its memory lies."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp

from identities.oracle.diagnosis.edits.evaluate import Edit
from identities.oracle.diagnosis.edits.kernels import Kernel, kernel_of
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, located, only, spelled

Shape = tuple[int, ...]


def orders(program: Program) -> Iterator[Proposal]:
    """Every change of shape and every transposition: in the function, in what it computes anew, in the derivative."""
    for address, operation in firsts(program):
        where = spelled(operation)
        shape, gives = operation.kernel.avals[0][0], operation.kernel.gives[0][0]
        found: list[tuple[str, Callable[[Any, Shape], Any]]] = []
        if operation.name == "reshape" and any(map(_is_regrouped, _groups(shape, gives))):
            found.append((f"merges or splits axes in the other order in {where}", _regrouped))
        if operation.name == "transpose" and shape != gives:
            found.append((f"reads what {where} takes in the order of memory, as if it were contiguous", _as_it_lies))
        for says, change in found:
            at = located(address, functools.partial(_edit, change))
            proposal = Proposal("layout", says, 1.6, at, operation.place)
            yield proposal
            yield only(proposal, "values", "in what it computes anew")
            yield only(proposal, "pulls", "in the derivative of that step alone")


def _edit(change: Callable[[Any, Shape], Any], program: Program, i: int) -> Edit:
    kernel: Kernel = program.operations[i].kernel
    gives = kernel.gives[0][0]
    other = kernel_of(kernel.name, lambda x: [change(x, gives)], kernel.avals, kernel.parameters)
    return Edit(kernels={i: other})


def _as_it_lies(x: Any, gives: Shape) -> Any:
    return x.reshape(gives)


def _regrouped(x: Any, gives: Shape) -> Any:
    """Reshaped, with the last of several axes that make one counted first, where it is to be counted last."""
    before: list[int] = []
    between: list[int] = []
    for group in _groups(x.shape, gives):
        taken, made = group
        places = [*range(len(before), len(before) + max(len(taken), len(made)))]
        before += taken if len(taken) >= len(made) else made[::-1]
        between += places[::-1] if _is_regrouped(group) else places
    return jnp.transpose(x.reshape(before), between).reshape(gives)


Group = tuple[Shape, Shape]
"""Axes that are made into others, of as many entries."""


def _is_regrouped(group: Group) -> bool:
    """Whether one axis is split, or several are merged, so that their order tells."""
    counts = [sum(size > 1 for size in sizes) for sizes in group]
    return min(counts) == 1 < max(counts)


def _groups(taken: Shape, made: Shape) -> list[Group]:
    """The axes of two shapes, in the shortest groups."""
    groups, i, j = [], 0, 0
    while i < len(taken) or j < len(made):
        to, till = min(i + 1, len(taken)), min(j + 1, len(made))
        while (a := math.prod(taken[i:to])) != (b := math.prod(made[j:till])):
            if to < len(taken) and (a < b or till == len(made)):
                to += 1
            elif till < len(made):
                till += 1
            else:  # of nothing, an axis may be left over
                break
        groups.append((taken[i:to], made[j:till]))
        i, j = to, till
    return groups
