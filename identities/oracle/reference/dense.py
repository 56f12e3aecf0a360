"""Whole derivatives by forward and by reverse mode, while they are small."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from identities.caching import cached
from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch
from identities.oracle.reference.linear_map import Tensors
from identities.oracle.reference.rules import forwards
from identities.oracle.run.traced import differentiating, traced_once

WITNESSES = ("jacfwd", "jacrev")
"""The two modes of automatic differentiation, by what JAX calls them."""

Said = dict[str, list[np.ndarray]]
"""By the name of the witness, values for each array of a result."""

Mode = Callable[[Callable[..., Any], tuple[int, ...]], Callable[..., Any]]


def steps_of(claim: Claim) -> tuple[tuple[int, ...], ...]:
    """By which arrays to differentiate, one time after the other."""
    return (tuple(i for i, a in enumerate(claim.primals) if a.name in claim.moving),) * claim.kind.order


@cached
def both_modes(function: Callable[..., Any], steps: tuple[tuple[int, ...], ...]) -> Callable[..., dict[str, Any]]:
    """All derivatives by one set of arguments after the other: trees of arrays of shape (output, input, ...)."""

    program = traced_once(function)

    def derivative(outer: Mode, inner: Mode) -> Callable[..., Any]:
        # A higher derivative takes its last step in its own mode and the others in the other one.
        modes = [inner] * (len(steps) - 1) + [outer]
        return functools.reduce(lambda f, step: step[0](f, step[1]), zip(modes, steps, strict=True), program)

    forward = derivative(_jacfwd, jax.jacrev)
    backward = derivative(jax.jacrev, _jacfwd)

    def both(*primals: Any) -> dict[str, Any]:
        with differentiating(function):
            return dict(zip(WITNESSES, (forward(*primals), backward(*primals)), strict=True))

    return both


def _jacfwd(function: Callable[..., Any], by: tuple[int, ...]) -> Callable[..., Any]:
    return lambda *primals: forwards(lambda f: jax.jacfwd(f, by)(*primals), function)


def arranged(claim: Claim, shape: Shape, batch: Batch, tensors: Mapping[str, Any]) -> Said:
    """What `both_modes` gives, as the claim has it."""
    order = [[a.name for a in claim.primals].index(name) for name in claim.moving]
    by = sorted(order)
    place = [by.index(i) for i in order]  # of the arguments as they are asked for, among them as they are declared
    said = {}
    for witness, tree in tensors.items():
        blocks = jax.tree.leaves(tree)
        rows = [blocks[i : i + len(by)] for i in range(0, len(blocks), len(by))]
        if claim.kind.order == 2:
            rows = [rows[r + i] for r in range(0, len(rows), len(by)) for i in place]
        ordered = [[row[i] for i in place] for row in rows]
        said[witness] = presented(claim, shape, batch, ordered)
    return said


def presented(claim: Claim, shape: Shape, batch: Batch, blocks: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Dense derivatives of every result by every argument, with the axes that the claim's conventions leave.

    Of `claim.part(i)` that is one array.
    """
    derivative = Tensors(blocks, [len(shape.of(a)) for a in claim.results])
    found = claim.kind.present(derivative, [batch[a.name] for a in claim.vectors])
    found = of_part(claim, found)
    return [np.reshape(v, (len(v), *shape.of(a))) for v, a in zip(found, claim.leaves, strict=True)]


def of_part(claim: Claim, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Of a claim about one array of several, that one."""
    return list(arrays) if claim.place is None else [arrays[claim.place]]
