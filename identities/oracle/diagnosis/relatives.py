"""Other things that one may have computed instead: rearrangements of the derivative, and other derivatives."""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim, make
from identities.dimensions import describe
from identities.kinds import KINDS
from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth
from identities.oracle.draw.values import real_parts
from identities.oracle.reference.function import function_values
from identities.oracle.reference.witnesses import is_dense, reference

Change = Callable[[np.ndarray], np.ndarray]

_NOTHING = Truth(np.zeros(0), np.zeros(0))
"""Of a shape that no result has: for what cannot be meant."""


def truth(sample: Sample) -> Truth:
    return sample.truth


def conjugate(sample: Sample) -> Truth:
    """Of complex numbers, which are pairs of real ones."""
    return Truth(sample.truth.values * (1, -1), sample.truth.movement)


def rearranged(change: Change) -> Guess:
    return lambda sample: sample.truth.map(change)


def rank(case: Case) -> int:
    return case.samples[0].truth.values.ndim - 1


def permutations(case: Case) -> Iterator[tuple[str, Guess]]:
    """The axes in every other order; of many axes, any two exchanged, or all of them reversed or moved along."""
    for order in _orders(rank(case)):
        if order != tuple(range(rank(case))):
            what = "transposed" if rank(case) == 2 else f"with its axes in the order {describe(order)}"
            yield what, rearranged(functools.partial(np.transpose, axes=(0, *(i + 1 for i in order))))


_MOST_AXES = 5
"""The most axes whose orders are all tried, 120 of them."""


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    axes = tuple(range(count))
    if count <= _MOST_AXES:
        yield from itertools.permutations(axes)
        return
    for a, b in itertools.combinations(axes, 2):
        yield (*axes[:a], b, *axes[a + 1 : b], a, *axes[b + 1 :])
    yield axes[::-1]
    yield from (axes[first:] + axes[:first] for first in axes[1:])


def reversals(case: Case) -> Iterator[tuple[str, Guess]]:
    """The entries along an axis from the last one to the first."""
    for axis in range(rank(case)):
        what = f"backwards along axis {axis}" if rank(case) > 1 else "backwards"
        yield what, rearranged(functools.partial(np.flip, axis=1 + axis))


def heaps(case: Case) -> Iterator[tuple[str, Guess]]:
    """All entries along an axis in the first place, or in the last, and nothing in the others."""
    for axis in range(rank(case)):
        for words, place in (("first", 0), ("last", -1)):
            yield (
                f"adds up in the {words} entry along axis {axis} what belongs in all of them",
                rearranged(functools.partial(_heaped, 1 + axis, place)),
            )


def _heaped(axis: int, place: int, values: np.ndarray) -> np.ndarray:
    found = np.zeros_like(values)
    np.moveaxis(found, axis, 0)[place] = values.sum(axis)
    return found


def column_major(case: Case) -> Iterator[tuple[str, Guess]]:
    """Entries read in one order and written in the other."""

    def read(values: np.ndarray) -> np.ndarray:
        return np.stack([v.ravel(order="F").reshape(v.shape) for v in values])

    def write(values: np.ndarray) -> np.ndarray:
        return np.stack([v.ravel().reshape(v.shape, order="F") for v in values])

    if rank(case) > 1:
        yield "read column by column and written row by row", rearranged(read)
        yield "read row by row and written column by column", rearranged(write)
    if rank(case) > 2:
        for start in range(rank(case) - 1):
            yield (
                f"with its axes {start} and {start + 1} read column by column and written row by row",
                rearranged(functools.partial(_pair_in_columns, start=start + 1)),
            )


def _pair_in_columns(values: np.ndarray, start: int) -> np.ndarray:
    return values.swapaxes(start, start + 1).reshape(values.shape)


def symmetrisations(case: Case) -> Iterator[tuple[str, Guess]]:
    """The derivative G of a square argument, mixed with its transpose."""
    if not square(case):
        return
    yield "(G + G^T)/2 for G", rearranged(lambda G: (G + G.swapaxes(-1, -2)) / 2)
    yield "G + G^T for G", rearranged(lambda G: G + G.swapaxes(-1, -2))

    def structured(sample: Sample) -> Truth:
        G = sample.truth
        eye = np.eye(G.values.shape[-1])
        return Truth(G.values + G.values.swapaxes(-1, -2) - G.values * eye, G.movement + G.movement.swapaxes(-1, -2))

    yield "G + G^T - diag(G), the gradient by the entries of a symmetric matrix, for G", structured
    yield "the upper triangle of G for G", rearranged(np.triu)
    yield "the lower triangle of G for G", rearranged(np.tril)


def square(case: Case) -> bool:
    """Whether the last two axes have the same name."""
    return len(case.dims) > 1 and case.dims[-1] == case.dims[-2] and rank(case) == len(case.dims)


def other_derivatives(case: Case) -> Iterator[tuple[str, Guess]]:
    """By other arguments, of other kinds, and the function's own value."""
    claim = case.claim
    kind = claim.kind.name
    if not claim.kind.order:
        return
    asked = claim.leaves[0].name if kind == "vjp" else None
    moving = [a.name for a in claim.primals if a.moves]
    by = claim.moving if asked is None else (asked,)
    for name in moving:
        if name not in by and kind in ("jacobian", "hessian", "vjp"):
            yield f"the derivative by {name}, not by {by[0]},", _derivative(claim, kind, name)
    if any(a.values == "complex" for a in (*claim.primals, *claim.results)):  # which have no Jacobian
        yield "the value of the function, not a derivative,", _value(claim)
        return
    for name in moving:
        if kind != "jacobian":
            what = "the Jacobian" if kind != "hessian" else "the first derivative"
            yield f"{what} by {name}, not its {kind},", _derivative(claim, "jacobian", name)
    if kind in ("vjp", "jvp") and len(by) == len(claim.vectors) == 1:
        swapped = "pushed forward" if kind == "vjp" else "pulled back"
        given = "cotangent" if kind == "vjp" else "tangent"
        yield f"the {given} {swapped}, where it is the other way round,", _swapped(claim, by[0])
    if kind == "jacobian":
        for name in moving:
            yield f"the second derivative by {name}", _derivative(claim, "hessian", name)
    yield "the value of the function, not a derivative,", _value(claim)


def own_arguments(case: Case) -> Iterator[tuple[str, Guess]]:
    """What was given, given back."""
    for a in case.claim.arguments:
        given = "cotangent" if case.claim.kind.name == "vjp" else "tangent"
        what = "argument" if a in case.claim.primals else given
        yield f"the {what} {a.name} itself", _argument(a.name)


def _argument(name: str) -> Guess:
    def guess(sample: Sample) -> Truth:
        values = real_parts(sample.batch[name]).astype(float)
        return Truth(values, np.zeros(values.shape))

    return guess


def _made(claim: Claim, kind: str, name: str) -> Claim:
    """Another derivative of the same function, by the argument that an array belongs to."""
    parameter = next(p for p in claim.signature.parameters if name in {leaf.name for leaf in p.leaves})
    return make(claim.name, KINDS[kind], claim.function, claim.signature, parameter.name)


def _derivative(claim: Claim, kind: str, name: str) -> Guess:
    other = _made(claim, kind, name)
    if kind == claim.kind.name:  # whose cotangents may have names of their own
        given = {parameter.name for parameter in claim.signature.parameters}
        vectors = [parameter for parameter in claim.parameters if parameter.name not in given]
        other = replace(other, parameters=(*vectors, *claim.signature.parameters))

    def guess(sample: Sample) -> Truth:
        for i, leaf in enumerate(other.leaves):
            if leaf.name != name and not leaf.name.endswith(f" by {name}"):
                continue
            # In the catalog, axes of fixed size 1 are dropped, which are no others' here.
            full = sample.shape.of(leaf)
            plain = tuple(n for n, dim in zip(full, leaf.dims(sample.shape.form), strict=True) if dim != "1")
            if sample.got.shape[1:] in (full, plain):
                found = witnessed(other, i, sample)
                return found.map(lambda values: values.reshape(sample.got.shape)) if found.values.size else found
        return _NOTHING

    return guess


def witnessed(claim: Claim, leaf: int, sample: Sample) -> Truth:
    """What the witnesses say of one array of another claim, for the arguments of a sample."""
    batch = {a.name: sample.batch[a.name] for a in claim.arguments}
    if not is_dense(claim, sample.shape, batch):
        return _NOTHING
    eps = float(jnp.finfo(sample.dtype).eps)
    word = next(iter(reference(claim, sample.shape, batch, eps, 0).words.values()))[leaf]
    return Truth(word.values, word.movement)


def _swapped(claim: Claim, name: str) -> Guess:
    """A vjp for a jvp, or the reverse, where the shapes allow it."""
    vector = claim.vectors[0].name
    whole = _made(claim, "jacobian", name)
    place = next(i for i, leaf in enumerate(whole.leaves) if leaf.name == name or leaf.name.endswith(f" by {name}"))

    def guess(sample: Sample) -> Truth:
        v = sample.batch[vector].astype(float)
        if v.shape != sample.got.shape or v.ndim != 2:
            return _NOTHING
        subscripts = "bij,bj->bi" if claim.kind.name == "vjp" else "bij,bi->bj"
        J = witnessed(whole, place, sample)
        if J.values.shape != (*v.shape, v.shape[1]):
            return _NOTHING
        return Truth(np.einsum(subscripts, J.values, v), np.einsum(subscripts, J.movement, np.abs(v)))

    return guess


def _value(claim: Claim) -> Guess:
    def guess(sample: Sample) -> Truth:
        for values in map(real_parts, function_values(claim, sample.shape, sample.batch)):
            if values.shape == sample.got.shape:
                return Truth(values, np.abs(values) * 2.0**-50)
        return _NOTHING

    return guess


def multipliers(case: Case) -> Iterator[tuple[str, Guess]]:
    """The derivative times, or divided by, a number that an argument has, an array of its own shape, or the value."""
    claim = case.claim
    at_hand: dict[str, tuple[Callable[[Sample], np.ndarray], bool]] = {
        a.name: (functools.partial(_given, a.name), not a.dims(0)) for a in claim.arguments if a.values != "complex"
    }
    if claim.kind.order and len(claim.results) == 1 and claim.results[0].values != "complex":
        scalar = not claim.results[0].dims(0)
        name = "the value of the function"
        at_hand[name] = (lambda sample: function_values(claim, sample.shape, sample.batch)[0], scalar)
    for name, (values, scalar) in at_hand.items():
        features: list[tuple[str, Change]] = [(name, _entries)]
        if not scalar:
            features += [(f"|{name}|", _norm), (f"|{name}|^2", lambda v: _norm(v) ** 2), (f"sum({name})", _sum)]
        for what, feature in features:
            yield what, _multiplied(values, feature, divide=False)
            yield f"1/{what}", _multiplied(values, feature, divide=True)


def by_functions(case: Case) -> Iterator[tuple[str, Guess]]:
    """The derivative by a function of an argument in the place of that by the argument."""
    for a in case.claim.primals if case.claim.kind.order else ():
        if a.name in case.claim.moving and a.values != "complex":
            for function, slope in _SLOPES:
                guess = _multiplied(functools.partial(_given, a.name), slope, divide=True)
                yield f"the derivative by {function}({a.name}), and not by {a.name}", guess


_SLOPES: tuple[tuple[str, Change], ...] = (
    ("exp", np.exp),
    ("sigmoid", lambda v: 0.25 / np.cosh(v / 2) ** 2),
    ("tanh", lambda v: 1 / np.cosh(v) ** 2),
)
"""Functions by which numbers without bounds become positive ones or probabilities, and their derivatives."""


def _given(name: str, sample: Sample) -> np.ndarray:
    return sample.batch[name].astype(float)


def _entries(values: np.ndarray) -> np.ndarray:
    return values


def _sum(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).sum(axis=1)


def _norm(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(values).reshape(len(values), -1).sum(axis=1))


def _multiplied(values: Callable[[Sample], np.ndarray], feature: Change, divide: bool) -> Guess:
    def guess(sample: Sample) -> Truth:
        by = feature(values(sample))
        E = sample.truth
        if by.ndim == 1:
            by = by.reshape(-1, *[1] * (E.values.ndim - 1))
        elif by.shape != E.values.shape:
            return _NOTHING
        with np.errstate(all="ignore"):
            factor = 1 / by if divide else by
        return E.times(np.where(np.isfinite(factor), factor, 0))

    return guess
