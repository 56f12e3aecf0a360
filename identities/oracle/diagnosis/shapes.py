"""How a result of the wrong shape relates to the right one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from identities.dimensions import describe
from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth
from identities.oracle.diagnosis.relatives import permutations, rank, rearranged


@dataclass(frozen=True)
class Relation:
    """A way from the right result to one of another shape.

    **Fields:**

    - `guess`: what the right result becomes.
    - `undo`: the way back for one instance, given the right shape, where nothing was lost.
    """

    sentence: str
    guess: Guess
    undo: Callable[[np.ndarray, tuple[int, ...]], np.ndarray] | None = None


def relations(case: Case) -> Iterator[Relation]:
    """The likeliest first."""
    for what, guess in permutations(case):
        if rank(case) == 2:
            yield Relation("returns the transpose", guess, lambda got, shape: got.T)
        else:
            yield Relation(f"returns the right entries {what}", guess)
    yield Relation(_unsqueezed(case), _as_got, lambda got, shape: got.reshape(shape))
    yield Relation("flattens the result, row by row", _flat("C"), lambda got, shape: got.reshape(shape))
    yield Relation(
        "flattens the result, column by column", _flat("F"), lambda got, shape: got.reshape(shape, order="F")
    )
    if rank(case) == 2:
        diagonal = rearranged(lambda E: np.stack([np.diag(e) for e in E]))
        yield Relation("returns only the diagonal of the matrix", diagonal)
    if rank(case) == 1:
        matrix = rearranged(lambda E: E[:, :, None] * np.eye(E.shape[1]))
        yield Relation("returns a diagonal matrix, with the vector on its diagonal", matrix)
    for axis in range(rank(case)):
        name = _name(case, axis)
        for keep in (False, True):
            kept = ", which it keeps with size 1" * keep
            yield Relation(f"sums over axis {axis}{name}{kept}", _reduced(np.sum, axis, keep))
            yield Relation(f"averages over axis {axis}{name}{kept}", _reduced(np.mean, axis, keep))
    yield Relation("sums over all entries", rearranged(lambda E: E.reshape(len(E), -1).sum(axis=1)))
    yield Relation("averages over all entries", rearranged(lambda E: E.reshape(len(E), -1).mean(axis=1)))


def unreduced(case: Case) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Axes too many in the result, which a sum or an average would remove."""
    for axis in range(min(sample.got.ndim for sample in case.samples) - 1):
        for name, reduce in (("sum", np.sum), ("average", np.mean)):
            yield (
                f"does not {name} over axis {axis}",
                lambda got, reduce=reduce, axis=axis: reduce(got, axis=axis + 1),
            )


def shape_sentence(case: Case) -> str:
    """The bare fact, in symbols if the sizes tell which, else of the smallest sample that shows it."""
    right = describe(case.dims)
    symbols = _symbols(case)
    if symbols is not None:
        broadcast = len(case.dims) == 1 and symbols == [case.dims[0]] * 2
        hint = ", as a column broadcast against a row does" * broadcast
        return f"returns shape {describe(symbols)} where {right} is right{hint}"
    wrong = (s for s in case.samples if s.got.shape != s.truth.values.shape)
    sample = min(wrong, key=lambda s: (1 in s.sizes.values(), s.got[0].size))
    here = describe(sample.truth.values.shape[1:])
    return f"returns shape {describe(sample.got.shape[1:])} where {right}{f' = {here}' * (here != right)} is right"


def _symbols(case: Case) -> list[str] | None:
    """The names of the axes of the result as it came back, if one naming fits all shapes."""
    ranks = {sample.got.ndim for sample in case.samples}
    if len(ranks) > 1 or len(case.samples) < 2:
        return None
    names = [*case.samples[0].sizes]
    symbols = []
    for axis in range(1, ranks.pop()):
        fits = [n for n in names if all(s.got.shape[axis] == s.sizes[n] for s in case.samples)]
        ones = all(s.got.shape[axis] == 1 for s in case.samples)
        if not (fits or ones):
            return None
        symbols.append("1" if ones else fits[0])
    return symbols


def _as_got(sample: Sample) -> Truth:
    """The right entries in the shape that came back, if only axes of size 1 make the difference."""
    got, truth = sample.got.shape, sample.truth
    if [n for n in got[1:] if n != 1] != [n for n in truth.values.shape[1:] if n != 1]:
        return truth
    return truth.map(lambda E: E.reshape(got))


def _unsqueezed(case: Case) -> str:
    more = case.samples[0].got.ndim - case.samples[0].truth.values.ndim
    symbols = _symbols(case)
    if more > 0:
        column = symbols is not None and len(symbols) == 2 and symbols[1] == "1"
        row = symbols is not None and len(symbols) == 2 and symbols[0] == "1"
        which = " (a column)" * column + " (a row)" * row
        return f"keeps an axis of size 1{which}"
    return "drops axes of size 1" if more < 0 else "has its axes of size 1 elsewhere"


def _flat(order) -> Guess:
    return rearranged(lambda E: np.stack([e.ravel(order) for e in E]))


def _reduced(reduce: Callable, axis: int, keep: bool) -> Guess:
    return rearranged(lambda E: reduce(E, axis=axis + 1, keepdims=keep))


def _name(case: Case, axis: int) -> str:
    return f" ({case.dims[axis]})" if len(case.dims) == rank(case) else ""
