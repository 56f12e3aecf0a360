"""Other things that one may have computed instead: rearrangements of the derivative, and other derivatives."""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity, derivative_arguments
from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth
from identities.oracle.witness import axes, function_values, reference
from identities.signature import arguments, describe, result

Change = Callable[[np.ndarray], np.ndarray]

_NOTHING = Truth(np.zeros(0), np.zeros(0))
"""Of a shape that no result has: for what cannot be meant."""


def truth(sample: Sample) -> Truth:
    return sample.truth


def rearranged(change: Change) -> Guess:
    return lambda sample: sample.truth.map(change)


def rank(case: Case) -> int:
    return case.samples[0].truth.values.ndim - 1


def permutations(case: Case) -> Iterator[tuple[str, Guess]]:
    """The axes in every other order."""
    for order in itertools.permutations(range(rank(case))):
        if order != tuple(range(rank(case))):
            what = "transposed" if rank(case) == 2 else f"with its axes in the order {describe(order)}"
            yield what, rearranged(functools.partial(np.transpose, axes=(0, *(i + 1 for i in order))))


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
    identity = case.identity
    if identity.kind == "value":
        return
    primals = [a.name for a in arguments(identity.function)]
    for name in primals:
        if name not in identity.along and identity.kind in ("jacobian", "hessian", "vjp"):
            yield f"the derivative by {name}, not by {identity.wrt},", _derivative(identity, identity.kind, name)
    for name in primals:
        if identity.kind != "jacobian":
            what = "the Jacobian" if identity.kind != "hessian" else "the first derivative"
            yield f"{what} by {name}, not its {identity.kind},", _derivative(identity, "jacobian", name)
    if identity.kind in ("vjp", "jvp") and isinstance(identity.wrt, str):
        swapped = "pushed forward" if identity.kind == "vjp" else "pulled back"
        given = "cotangent" if identity.kind == "vjp" else "tangent"
        yield f"the {given} {swapped}, where it is the other way round,", _swapped(identity)
    if identity.kind == "jacobian":
        for name in primals:
            yield f"the second derivative by {name}", _derivative(identity, "hessian", name)
    yield "the value of the function, not a derivative,", _value(identity)


def own_arguments(case: Case) -> Iterator[tuple[str, Guess]]:
    """What was given, given back."""
    for a in case.identity.arguments:
        yield f"the argument {a.name} itself", _argument(a.name)


def _argument(name: str) -> Guess:
    return lambda sample: Truth(sample.batch[name].astype(float), np.zeros(sample.batch[name].shape))


def _derivative(identity: Identity, kind, name: str) -> Guess:
    primals = derivative_arguments("jacobian", identity.function, name)
    cotangents = identity.arguments[:1] if kind == "vjp" else ()
    other = replace(identity, kind=kind, wrt=name, arguments=(*cotangents, *primals))

    def guess(sample: Sample) -> Truth:
        if sample.shape.of(replace(identity.arguments[0], forms=(axes(other),))) != sample.got.shape[1:]:
            return _NOTHING
        return witnessed(other, sample)

    return guess


def witnessed(identity: Identity, sample: Sample) -> Truth:
    """What the witnesses say of another claim, for the arguments of a sample."""
    batch = {a.name: sample.batch[a.name] for a in identity.arguments}
    eps = float(jnp.finfo(sample.dtype).eps)
    given = reference(identity, sample.shape, batch, eps, 0)
    return Truth(next(iter(given.values.values())), given.movement)


def _swapped(identity: Identity) -> Guess:
    """A vjp for a jvp, or the reverse, where the shapes allow it."""
    position = 0 if identity.kind == "vjp" else -1
    vector = identity.arguments[position].name
    dense = _derivative_in_full(identity)

    def guess(sample: Sample) -> Truth:
        v = sample.batch[vector].astype(float)
        if v.shape != sample.got.shape or v.ndim != 2:
            return _NOTHING
        subscripts = "bij,bj->bi" if identity.kind == "vjp" else "bij,bi->bj"
        J = dense(sample)
        if J.values.shape != (*v.shape, v.shape[1]):
            return _NOTHING
        return Truth(np.einsum(subscripts, J.values, v), np.einsum(subscripts, J.movement, np.abs(v)))

    return guess


def _derivative_in_full(identity: Identity) -> Guess:
    other = replace(identity, kind="jacobian", arguments=arguments(identity.function))
    return lambda sample: witnessed(other, sample)


def _value(identity: Identity) -> Guess:
    dims = result(identity.function).dims(0)

    def guess(sample: Sample) -> Truth:
        if sample.shape.of(replace(identity.arguments[0], forms=(dims,))) != sample.got.shape[1:]:
            return _NOTHING
        values = function_values(identity, sample.shape, sample.batch)
        return Truth(values, np.abs(values) * 2.0**-50)

    return guess


def multipliers(case: Case) -> Iterator[tuple[str, Guess]]:
    """The derivative times, or divided by, a number that an argument has, an array of its own shape, or the value."""
    identity = case.identity
    at_hand: dict[str, tuple[Callable[[Sample], np.ndarray], bool]] = {
        a.name: (functools.partial(_given, a.name), not a.dims(0)) for a in identity.arguments
    }
    if identity.kind != "value":
        scalar = not result(identity.function).dims(0)
        name = "the value of the function"
        at_hand[name] = (lambda sample: function_values(identity, sample.shape, sample.batch), scalar)
    for name, (values, scalar) in at_hand.items():
        features: list[tuple[str, Change]] = [(name, _entries)]
        if not scalar:
            features += [(f"|{name}|", _norm), (f"|{name}|^2", lambda v: _norm(v) ** 2), (f"sum({name})", _sum)]
        for what, feature in features:
            yield what, _multiplied(values, feature, divide=False)
            yield f"1/{what}", _multiplied(values, feature, divide=True)


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
