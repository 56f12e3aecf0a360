"""Where in an array a result is wrong, whatever the arguments are: in a triangle, on the diagonal, in one row."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample, Truth
from identities.oracle.diagnosis.factors import Factor, find_factor


@dataclass(frozen=True)
class Part:
    """Some entries of an array: in words, and which they are in one of a shape."""

    where: str
    holds: Callable[[tuple[int, ...]], np.ndarray]

    def of(self, sample: Sample) -> np.ndarray:
        """Of every instance, those that count."""
        kept = sample.kept.reshape(-1, *[1] * (sample.got.ndim - 1))
        return kept & self.holds(sample.got.shape[1:])


Division = tuple[Part, ...]
"""Parts that make up the whole."""


def find_multiples(case: Case, ways: Iterable[Division]) -> Diagnosis | None:
    """The right result, multiplied with one number in one place and with another in another.

    **Arguments:**

    - `ways`: how it may be divided into places.
    """
    for division in ways:
        telling = [part for part in division if _is_telling(case, part)]
        factors = [factor for part in telling if (factor := _factor(case, part))]
        if len(factors) < len(telling) or len(set(factors)) < 2:
            continue
        said: dict[str, list[str]] = {}
        for part, factor in zip(telling, factors, strict=True):
            said.setdefault(said_of(factor), []).append(part.where)
        right = said.pop(said_of(_RIGHT), None)
        phrases = [f"{multiple} {_places(where)}" for multiple, where in said.items()]
        phrases += ["is right elsewhere"] * (right is not None)
        kind = "sign" if {*factors} == {_RIGHT, _NEGATIVE} else _kind(division)
        return Diagnosis(kind, f"{', '.join(phrases[:-1])} and {phrases[-1]}")
    return None


def find_wrong_part(case: Case) -> Diagnosis | None:
    """The place that is wrong if anything is, and mostly is, where all else is right."""
    found: dict[float, Diagnosis] = {}
    bad = sum(int((~s.right).sum()) for s in case.samples)
    for division in divisions(case):
        wrong = [part for part in division if _any(case, part, lambda s: ~s.right)]
        if len(wrong) == 1 < sum(_is_telling(case, part) for part in division) and wrong[0].where != _ELSEWHERE:
            inside = sum(int((_telling(s) & wrong[0].of(s)).sum()) for s in case.samples)
            said = f"is wrong {wrong[0].where} and right elsewhere"
            found.setdefault(bad / inside, Diagnosis(_kind(division), said))
    return found[max(found)] if found and max(found) > _MOSTLY else None


_MOSTLY = 0.5
"""What part of a place must be wrong for the place to be it."""


def always_right(case: Case) -> str:
    """A place that is right in every instance, if there is one and not all is."""
    for division in divisions(case):
        for part in division:
            if part.where != _ELSEWHERE and _is_telling(case, part) and not _any(case, part, lambda s: ~s.right):
                return part.where
    return ""


_ELSEWHERE = "elsewhere"
_RIGHT, _NEGATIVE, _ZERO = (Factor(Fraction(n)) for n in (1, -1, 0))
_SPOKEN = {
    1: "is right",
    -1: "has the wrong sign",
    0: "is zero",
    2: "is twice the right one",
    Fraction(1, 2): "is half the right one",
}


def said_of(factor: Factor) -> str:
    """What is said of a result that is the right one times a factor."""
    by_itself = None if factor.powers else _SPOKEN.get(factor.constant)
    return by_itself or f"is {factor} times the right one"


def _places(where: list[str]) -> str:
    return " and ".join(where).replace("below the diagonal and above", "off")


def _kind(division: Division) -> str:
    return "diagonal" if len(division) == 2 and division[0].where.endswith("the diagonal") else "region"


def _any(case: Case, part: Part, which: Callable[[Sample], np.ndarray]) -> bool:
    return any((which(sample) & part.of(sample)).any() for sample in case.samples)


def _is_telling(case: Case, part: Part) -> bool:
    """Whether anything there is more than a zero that came out as zero."""
    return _any(case, part, _telling)


def _telling(sample: Sample) -> np.ndarray:
    return (sample.truth.values != 0) | (sample.got != 0)


def _factor(case: Case, part: Part) -> Factor | None:
    return factor_there(case, [part.of(sample) for sample in case.samples])


def factor_there(case: Case, where: Sequence[np.ndarray]) -> Factor | None:
    """What the right result is multiplied with in some places.

    **Arguments:**

    - `where`: for each sample, which entries these are.
    """
    pairs = list(zip(case.samples, where, strict=True))
    if not any((sample.got[there] != 0).any() for sample, there in pairs):
        return _ZERO
    alone = replace(case, samples=tuple(replace(s, got=np.where(w, s.got, s.truth.values)) for s, w in pairs))
    known = dict(zip(map(id, alone.samples), where, strict=True))

    def inside(sample: Sample) -> Truth:
        return sample.truth.map(lambda values: np.where(known[id(sample)], values, 0))

    def outside(sample: Sample) -> Truth:
        return sample.truth.map(lambda values: np.where(known[id(sample)], 0, values))

    return find_factor(alone, inside, beside=outside)


def divisions(case: Case) -> Iterator[Division]:
    """How an array may be divided, the likeliest ways first."""
    yield from natural(case)
    yield from _lines(case)


def natural(case: Case) -> Iterator[Division]:
    """The two parts of complex numbers; the diagonal of the last two axes, and what is on either side of it."""
    rank = _rank(case)
    if case.claim.leaves[0].values == "complex":
        yield tuple(Part(f"in the {part} part", _at(rank, i)) for i, part in enumerate(("real", "imaginary")))
    if rank > 1:
        on, below, above = (
            Part(f"{which} the diagonal", _triangle(rank - 2, rank - 1, holds)) for which, holds in _TRIANGLES
        )
        yield on, _outside(on, "off the diagonal")
        yield below, above, on
    # The blocks of a derivative by several rows, each of which depends on a row of its own, have axes between them.
    for i, j in itertools.combinations(range(rank), 2):
        if rank > 2 and len(case.dims) >= rank and case.dims[i] == case.dims[j]:
            same = Part(f"where the indices along axes {i} and {j} are equal", _triangle(i, j, np.equal))
            yield same, _outside(same, f"where the indices along axes {i} and {j} differ")


def _outside(part: Part, where: str) -> Part:
    return Part(where, lambda shape: ~part.holds(shape))


def _lines(case: Case) -> Iterator[Division]:
    """Some entries along an axis, and the others."""
    rank = _rank(case)
    for axis in range(rank):
        line = {1: ("entry",), 2: ("row", "column")}.get(rank, ("",) * rank)[axis]
        one, along = (line, "") if line else ("entry", f" along axis {axis}")
        sizes = {sample.got.shape[1 + axis] for sample in case.samples}
        if len(sizes) == 1 and 1 < (size := max(sizes)) <= _MOST:
            yield tuple(Part(f"in {one} {i}{along}", _at(axis, i)) for i in range(size))
        else:
            for words, holds in _ALONG:
                chosen = Part(words.format(one) + along, _along(axis, holds))
                yield chosen, _outside(chosen, _ELSEWHERE)


def _rank(case: Case) -> int:
    """How many axes there are, but for that of the two parts of complex numbers; none if shapes differ in that."""
    ranks = {sample.got.ndim - 1 for sample in case.samples}
    return 0 if len(ranks) > 1 else ranks.pop() - (case.claim.leaves[0].values == "complex")


_MOST = 4
"""Of a dimension that is the same everywhere: the most entries that are told apart."""

_TRIANGLES: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]], ...] = (
    ("on", lambda i, j: i == j),
    ("below", lambda i, j: i > j),
    ("above", lambda i, j: i < j),
)

_ALONG: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("in the first {}", lambda i: i == 0),
    ("in the last {}", lambda i: i == len(i) - 1),
    ("in every second {}", lambda i: i % 2 == 1),
    ("in the {} from the middle on", lambda i: i >= len(i) // 2),
)
"""Places along an axis, by the numbers of its entries."""


def _triangle(
    one: int, other: int, holds: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Of two axes, the others being of a batch."""

    def of(shape: tuple[int, ...]) -> np.ndarray:
        indices = np.indices(shape)
        return holds(indices[one], indices[other])

    return of


def _at(axis: int, index: int) -> Callable[[tuple[int, ...]], np.ndarray]:
    return lambda shape: np.indices(shape)[axis] == index


def _along(axis: int, holds: Callable[[np.ndarray], np.ndarray]) -> Callable[[tuple[int, ...]], np.ndarray]:
    def of(shape: tuple[int, ...]) -> np.ndarray:
        chosen = holds(np.arange(shape[axis]))
        return np.broadcast_to(chosen.reshape(-1, *[1] * (len(shape) - axis - 1)), shape)

    return of
