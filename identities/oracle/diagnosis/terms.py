"""Terms: products of what is at hand, in index notation, one of which may be missing or too many.

An atom is an argument, the function's value, or a common function of either. A term multiplies up to
three atoms, summed over the indices that the result does not have: z_i z_j, or sum_k W_ik x_k.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth
from identities.oracle.diagnosis.effort import spend, spent
from identities.oracle.diagnosis.factors import Factor, find_factor
from identities.oracle.reference.function import function_values
from identities.oracle.reference.instances import flat
from identities.signature import Argument

_MOST = 6000  # terms, tried on one sample; simplest first
_ENTRIES, _INSTANCES = 100, 24  # of that sample, at most
_PRODUCTS = 1 << 22  # of numbers, for one term of that sample
_PER_TERM, _PRODUCTS_PER_ENTRY = 2.5, 4  # what a term takes, as operations of NumPy take it

_INDICES, _SUMMED = "ijkl", "pqrstuvwxyabcdefghmno"  # of the result, and others


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(a / 2))


def _softmax(a: np.ndarray) -> np.ndarray:
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


_FUNCTIONS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("exp({})", np.exp),
    ("tanh({})", np.tanh),
    ("sigmoid({})", _sigmoid),
    ("sin({})", np.sin),
    ("cos({})", np.cos),
    ("1/{}", lambda a: 1 / a),
    ("(1 - {})", lambda a: 1 - a),
    ("sigmoid(-{})", lambda a: _sigmoid(-a)),
    ("normal density({})", lambda a: np.exp(-a * a / 2) / math.sqrt(2 * math.pi)),
    ("softmax({})", _softmax),
)


@dataclass(frozen=True)
class Atom:
    """A tensor that every sample has, with the names of its axes."""

    name: str
    dims: tuple[str, ...]
    values: Callable[[Sample], np.ndarray]
    plain: bool = True  # an argument or the value, not a function of one


@dataclass(frozen=True)
class Term:
    """A product of atoms: `indices` has a letter for each axis of each atom; `result` those of the result."""

    atoms: tuple[Atom, ...]
    indices: tuple[str, ...]
    result: str

    def __call__(self, sample: Sample) -> np.ndarray:
        operands = [atom.values(sample) for atom in self.atoms]
        used = "".join(i for i in self.result if any(i in indices for indices in self.indices))
        subscripts = ",".join(f"z{indices}" for indices in self.indices)
        product = np.einsum(f"{subscripts}->z{used}", *operands, optimize=len(operands) > 2)
        shape = [n if i in used else 1 for i, n in zip(self.result, sample.got.shape[1:], strict=True)]
        return np.broadcast_to(product.reshape(len(product), *shape), sample.got.shape)

    def cost(self, sample: Sample) -> int:
        """How many products it takes, at most."""
        sizes = {"z": len(sample.got)}
        for atom, indices in zip(self.atoms, self.indices, strict=True):
            sizes |= dict(zip(indices, atom.values(sample).shape[1:], strict=True))
        return math.prod(sizes.values())

    def __str__(self) -> str:
        summed = "".join(sorted({i for indices in self.indices for i in indices} - set(self.result)))
        factors = [_indexed(atom.name, indices) for atom, indices in zip(self.atoms, self.indices, strict=True)]
        return f"sum_{summed} " * bool(summed) + " ".join(factors)


def _indexed(name: str, indices: str) -> str:
    if not indices:
        return name
    head, bracket, rest = name.partition("(")  # exp(x) with index i: exp(x)_i
    return f"{head}{bracket}{rest}_{indices}"


def find_term(case: Case, operations: float) -> tuple[Term, Factor] | None:
    """A term, times a factor, by which the result differs from the right one in every instance.

    **Arguments:**

    - `operations`: after which no more terms are tried.
    """
    if len({s.got.ndim for s in case.samples}) > 1 or len(case.dims) != case.samples[0].got.ndim - 1:
        return None
    involved = (*case.claim.arguments, *case.claim.results)
    if len(case.dims) > len(_INDICES) or any(a.values == "complex" for a in involved):
        return None
    if not all(_is_wrong(sample) for sample in case.samples if sample.truth.values.any()):
        return None  # a term that is not there at some sizes is none
    probe = _probe(case)
    target = flat((probe.got - probe.truth.values)[probe.kept])
    norm = float(np.sqrt(np.sum(target**2)))
    until = spent() + operations
    for term in itertools.islice(_terms(case), _MOST if norm else 0):
        if spent() > until:
            break
        if (cost := term.cost(probe)) > _PRODUCTS:
            continue
        spend(_PER_TERM, cost / _PRODUCTS_PER_ENTRY)
        with np.errstate(all="ignore"):
            values = term(probe)[probe.kept].reshape(target.shape)
            # The leftover of one sample must be a multiple of the term; Cauchy and Schwarz say when it is.
            size, product = float(np.sqrt(np.sum(values**2))), abs(float(np.sum(values * target)))
        if not 0 < size < np.inf or abs(product - size * norm) > 1e-3 * size * norm:
            continue
        factor = find_factor(case, _alone(term), beside=lambda sample: sample.truth)
        if factor is not None:
            return term, factor
    return None


def _is_wrong(sample: Sample) -> bool:
    return not sample.right.all()


def _probe(case: Case) -> Sample:
    """A few instances of a shape that tells all dimensions apart and is small."""
    wrong = [sample for sample in case.samples if _is_wrong(sample)]
    small = [s for s in wrong if s.got[0].size <= _ENTRIES] or [min(wrong, key=lambda s: s.got[0].size)]
    sample = max(small, key=lambda s: (len(set(s.sizes.values())), s.got[0].size))
    some = np.flatnonzero(sample.kept)[:: max(1, int(sample.kept.sum()) // _INSTANCES)]
    truth = sample.truth.map(lambda values: values[some])
    batch = {name: values[some] for name, values in sample.batch.items()}
    return replace(sample, batch=batch, got=sample.got[some], truth=truth, kept=sample.kept[some])


def _alone(term: Term) -> Guess:
    def guess(sample: Sample) -> Truth:
        values = term(sample)
        return Truth(values, np.abs(values) * float(jnp.finfo(sample.dtype).eps))

    return guess


def _terms(case: Case) -> Iterator[Term]:
    axes = _INDICES[: len(case.dims)]
    atoms = _atoms(case)
    plain = [atom for atom in atoms if atom.plain]
    one = Atom("1", (), lambda sample: np.ones(len(sample.got)))
    eye = [
        _eye(case.dims, a, b) for a, b in itertools.combinations(range(len(axes)), 2) if case.dims[a] == case.dims[b]
    ]
    yield Term((one,), ("",), axes)
    for identity_matrix in eye:
        yield from _indexings((identity_matrix,), case.dims, axes)
    yield from _entrywise(case, atoms, axes)
    for count, choices in ((1, atoms), (2, plain), (2, atoms), (3, plain)):
        for chosen in itertools.combinations_with_replacement(choices, count):
            if count == 2 and choices is atoms and all(atom.plain for atom in chosen):
                continue
            yield from _indexings(chosen, case.dims, axes)
            for identity_matrix in eye:
                if count < 3:
                    yield from _indexings((*chosen, identity_matrix), case.dims, axes)


def _entrywise(case: Case, atoms: Sequence[Atom], axes: str) -> Iterator[Term]:
    """A cotangent or tangent, times up to three others, entry by entry."""
    linear = set(_linear(case))
    alike = [atom for atom in atoms if atom.dims == tuple(case.dims)]
    others = [atom for atom in alike if atom.name not in linear]
    for vector in (atom for atom in alike if atom.name in linear):
        for count in range(4):
            for chosen in itertools.combinations_with_replacement(others, count):
                yield Term((vector, *chosen), (axes,) * (count + 1), axes)


def _linear(case: Case) -> Sequence[str]:
    """The names of cotangents and tangents, in which the derivative is linear."""
    return [a.name for a in case.claim.vectors]


def _apart(indices: str, axes: str) -> bool:
    """Whether these are different indices of the result, as only then an identity matrix says anything."""
    return len(set(indices)) == 2 and set(indices) <= set(axes)


def _eye(dims: Sequence[str], a: int, b: int) -> Atom:
    dim = dims[a]

    def values(sample: Sample) -> np.ndarray:
        n = sample.got.shape[1 + a]
        return np.broadcast_to(np.eye(n), (len(sample.got), n, n))

    return Atom("I", (dim, dim), values)


def _indexings(atoms: tuple[Atom, ...], dims: Sequence[str], axes: str) -> Iterator[Term]:
    """All ways to give the atoms' axes indices of the result, or summed ones."""
    of_dim: dict[str, str] = {}
    summed = iter(_SUMMED)
    if len({dim for atom in atoms for dim in atom.dims}) > len(_SUMMED):
        return
    for atom in atoms:
        for dim in atom.dims:
            if dim not in of_dim:
                own = "".join(axis for axis, d in zip(axes, dims, strict=True) if d == dim)
                of_dim[dim] = own + next(summed)
    spaces = [itertools.product(*[of_dim[dim] for dim in atom.dims]) for atom in atoms]
    seen = set()
    for indices in itertools.product(*spaces):
        spelled = tuple("".join(i) for i in indices)
        if any(a.name == "I" and not _apart(i, axes) for a, i in zip(atoms, spelled, strict=True)):
            continue
        key = tuple(sorted(zip((atom.name for atom in atoms), spelled, strict=True)))
        if key not in seen:
            seen.add(key)
            yield Term(atoms, spelled, axes)


def _atoms(case: Case) -> list[Atom]:
    claim, form = case.claim, case.samples[0].shape.form
    known = [a for a in claim.arguments if _has_same_axes(case, a)]
    bases = [Atom(a.name, _without_ones(a.dims(form)), functools.cache(_values_of(a))) for a in known]
    if claim.kind.order and len(claim.results) == 1 and _has_same_axes(case, claim.results[0]):
        (z,) = claim.results
        name = "z" if z.dims(form) else "J"
        if name not in {a.name for a in claim.arguments}:
            bases.append(Atom(name, _without_ones(z.dims(form)), functools.cache(_values_of(z, claim))))
    of_value = [(name, f) for name, f in _FUNCTIONS if name in ("1/{}", "(1 - {})")]
    functions = [
        Atom(name.format(atom.name), atom.dims, functools.cache(_applied(f, atom.values)), plain=False)
        for atom in bases
        if atom.name not in _linear(case)
        for name, f in (of_value if atom.name in ("z", "J") else _FUNCTIONS)
        if "softmax" not in name or atom.dims
    ]
    return bases + functions


def _has_same_axes(case: Case, a: Argument) -> bool:
    """Whether an array has the same axes in all samples, as one with leading axes has not."""
    return len({_without_ones(a.dims(sample.shape.form)) for sample in case.samples}) == 1


def _without_ones(dims: Sequence[str]) -> tuple[str, ...]:
    return tuple(dim for dim in dims if dim != "1")


def _values_of(a: Argument, claim: Claim | None = None) -> Callable[[Sample], np.ndarray]:
    """Of an argument, or of the function whose result is described; a row vector counts as a vector."""

    def values(sample: Sample) -> np.ndarray:
        (full,) = function_values(claim, sample.shape, sample.batch) if claim else (sample.batch[a.name].astype(float),)
        return full.squeeze(tuple(i for i, dim in enumerate(a.dims(sample.shape.form), start=1) if dim == "1"))

    return values


def _applied(
    f: Callable[[np.ndarray], np.ndarray], values: Callable[[Sample], np.ndarray]
) -> Callable[[Sample], np.ndarray]:
    def applied(sample: Sample) -> np.ndarray:
        with np.errstate(all="ignore"):
            return f(values(sample))

    return applied
