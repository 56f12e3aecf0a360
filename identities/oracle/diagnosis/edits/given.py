"""What is given: cotangents that are ignored or taken for each other, arguments that stand for each other."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Arrays, Edit
from identities.oracle.diagnosis.edits.kernels import is_inexact
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal


def cotangents(program: Program) -> Iterator[Proposal]:
    """The cotangents of the results: ones, or another's."""
    yield _of_cotangents("ignores the cotangent: it takes ones for it", lambda given: [np.ones_like(g) for g in given])
    avals = [program.avals[n] for n in program.results]
    if len(avals) > 1:
        for i in range(len(avals)):
            yield _of_cotangents(
                f"ignores the cotangent of result {i}",
                lambda given, i=i: [np.zeros_like(g) if k == i else g for k, g in enumerate(given)],
            )
    for i, j in itertools.permutations(range(len(avals)), 2):
        if avals[i] == avals[j]:
            yield _of_cotangents(
                f"takes the cotangent of result {j} for that of result {i}",
                lambda given, i=i, j=j: [given[j] if k == i else g for k, g in enumerate(given)],
            )
            yield _of_cotangents(
                f"adds the cotangent of result {j} to that of result {i}",
                lambda given, i=i, j=j: [given[i] + given[j] if k == i else g for k, g in enumerate(given)],
            )
            yield _of_cotangents(
                f"sends the cotangent of result {j} by the way of that of result {i}",
                lambda given, i=i, j=j: [
                    given[i] + given[j] if k == i else 0 * g if k == j else g for k, g in enumerate(given)
                ],
            )
    for i, (shape, _) in enumerate(avals):
        for axis, size in enumerate(shape):
            for words, some in (("first", slice(1)), ("last", slice(-1, None))) if size > 1 else ():
                yield _of_cotangents(
                    f"takes the {words} entry of the cotangent along axis {axis} for all of them",
                    lambda given, i=i, axis=axis, some=some: [
                        _repeated(g, 1 + axis, some) if k == i else g for k, g in enumerate(given)
                    ],
                )
        if len(shape) > 1 and shape[-1] == shape[-2] > 1:
            yield _of_cotangents(
                "takes the cotangent for its transpose",
                lambda given, i=i: [g.swapaxes(-1, -2) if k == i else g for k, g in enumerate(given)],
            )


def _repeated(values: np.ndarray, axis: int, some: slice) -> np.ndarray:
    return np.broadcast_to(values[(*[slice(None)] * axis, some)], values.shape)


def _of_cotangents(says: str, change: Callable[[Arrays], Arrays]) -> Proposal:
    return Proposal("cotangent", says, 1.0, lambda program: Edit(cotangents=change))


def arguments(program: Program) -> Iterator[Proposal]:
    """An argument in place of another one, or its transpose."""
    avals = [program.avals[n] for n in program.arguments]
    names = [program.names[n] for n in program.arguments]
    for i, j in itertools.permutations(range(len(avals)), 2):
        if avals[i] == avals[j]:
            yield _of_arguments(
                f"uses {names[j]} in place of {names[i]}",
                lambda given, i=i, j=j: [given[j] if k == i else g for k, g in enumerate(given)],
            )
            if i < j:
                yield _of_arguments(
                    f"takes {names[i]} and {names[j]} for each other",
                    lambda given, i=i, j=j: [given[{i: j, j: i}.get(k, k)] for k in range(len(given))],
                )
    for i, (shape, dtype) in enumerate(avals):
        if len(shape) > 1 and shape[-1] == shape[-2] > 1:
            yield _of_arguments(
                f"uses the transpose of {names[i]}",
                lambda given, i=i: [g.swapaxes(-1, -2) if k == i else g for k, g in enumerate(given)],
                "layout",
            )
        if np.issubdtype(dtype, np.integer):
            for by, words in ((1, "one more"), (-1, "one less")):
                yield _of_arguments(
                    f"takes {names[i]} for {words}",
                    lambda given, i=i, by=by: [g + by if k == i else g for k, g in enumerate(given)],
                    "index",
                )
        if dtype.kind == "b":
            yield _of_arguments(
                f"takes {names[i]} for its opposite",
                lambda given, i=i: [~g if k == i else g for k, g in enumerate(given)],
            )
        for axis, size in enumerate(shape):
            if size > 1:
                yield _of_arguments(
                    f"takes {names[i]} backwards along axis {axis}",
                    lambda given, i=i, axis=axis: [np.flip(g, 1 + axis) if k == i else g for k, g in enumerate(given)],
                    "layout",
                )
                for by in (1, -1):
                    yield _of_arguments(
                        f"takes {names[i]} shifted by one along axis {axis}",
                        lambda given, i=i, axis=axis, by=by: [
                            np.roll(g, by, 1 + axis) if k == i else g for k, g in enumerate(given)
                        ],
                        "index",
                    )
        if is_inexact(dtype):
            yield _of_arguments(
                f"takes {names[i]} for its negative",
                lambda given, i=i: [-g if k == i else g for k, g in enumerate(given)],
                "sign",
            )


def _of_arguments(says: str, change: Callable[[Arrays], Arrays], kind: str = "other-argument") -> Proposal:
    return Proposal(kind, says, 1.5, lambda program: Edit(arguments=change))
