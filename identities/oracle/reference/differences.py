"""The third witness: differences of the function itself, which know no rule of JAX's.

Every result is compared along random lines. Where a function has a kink, it says between which values a derivative may
lie: the one-sided derivatives along the line.
"""

import itertools
import math
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, complex_parts, real_parts, wide
from identities.oracle.reference import extrapolation
from identities.oracle.reference.extrapolation import POINTS, STEPS, Estimate
from identities.oracle.reference.function import function_values
from identities.oracle.reference.words import LAST, Word

DIFFERENCES = "differences"

_MANY = 1 << 16
"""Entries of all arguments, beyond which one array of a result is looked at."""

_CERTAIN = 64
"""How many times its own error the difference of one-sided derivatives must be, to be a kink."""

Steps = Mapping[str, np.ndarray]
"""By the name of an argument, the direction in which it moves."""


def differences(
    claim: Claim,
    shape: Shape,
    batch: Batch,
    which: np.ndarray,
    seed: int,
    noise: Sequence[np.ndarray] = (),
    whole: bool = False,
) -> tuple[Word, ...]:
    """A word on every array of a result, about those instances; the others get none.

    **Arguments:**

    - `noise`: for each result of the function and each of those instances, how far rounding on the way moves it, where
      that is known. By itself it shows only if it differs from step to step.
    - `whole`: whether all entries move along every line, and never one alone, or none as along a tangent of zero.
    """
    some = {name: values[which] for name, values in wide(batch).items()}
    rng = np.random.default_rng([seed, zlib.crc32(f"{claim.name} {shape} differences".encode())])
    lines = _Lines(claim, shape, some, rng, noise, whole)
    entries = sum(math.prod(shape.of(a)) for a in claim.primals)
    by, results = len(claim.moving), len(claim.results)
    number: int = {"vjp": by, "jvp": results}.get(claim.kind.name) or results * by**claim.kind.order
    asked = range(number) if entries <= _MANY else [int(rng.integers(number))]
    count = len(next(iter(batch.values())))
    words = [_spread(word, which, count) for word in _WORDS[claim.kind.name](lines, asked)]
    return tuple(words) if claim.place is None else (words[claim.place],)


def ahead(claim: Claim, batch: Batch, seed: int) -> Batch:
    """Instances about as far from those given as the longest steps lead."""
    rng = np.random.default_rng(seed)
    there = wide(batch)
    for name in claim.moving:
        step = extrapolation.directions(real_parts(there[name]), rng)
        there[name] = there[name] + STEPS[0] * complex_parts(step, there[name])
    return there


class _Lines:
    """The function along lines through some instances."""

    def __init__(
        self,
        claim: Claim,
        shape: Shape,
        batch: Batch,
        rng: np.random.Generator,
        noise: Sequence[np.ndarray],
        whole: bool,
    ):
        self.claim, self.batch, self.whole, self._noise = claim, batch, whole, noise
        self._shape, self._rng = shape, rng

    def direction(self, name: str) -> np.ndarray:
        """A random direction for an argument; every other one moves a single entry, which a kink is clearer by."""
        values = self.batch[name]
        parts = real_parts(values)
        random = extrapolation.directions(parts, self._rng)
        flat = random.reshape(len(parts), -1)
        chosen = self._rng.integers(flat.shape[1], size=len(flat))
        alone = (np.arange(len(flat)) % 2 == 1) & (not self.whole)
        flat[alone] *= np.arange(flat.shape[1]) == chosen[alone, None]
        return complex_parts(random, values)

    def length(self) -> float:
        """One of a few, close to 1 and of few bits, so that steps stay exact."""
        return float(self._rng.integers(4, 9)) / 8

    def shape_of(self, result: int) -> tuple[int, ...]:
        """The shape of one of the results."""
        return self._shape.of(self.claim.results[result])

    def terms(self, result: int, values: np.ndarray) -> np.ndarray:
        """How large the terms are, at least, of which the values of a result consist: by what rounding makes of it."""
        if not self._noise:
            return np.abs(values)
        noise = self._noise[result].reshape(-1, *[1] * (values.ndim - 2))
        return np.maximum(np.abs(values), noise / np.finfo(float).eps)

    def along(self, steps: Steps) -> list[np.ndarray]:
        """The results at all `POINTS` of a line, on two leading axes: point and instance."""
        stacked = {}
        for name, values in self.batch.items():
            points = POINTS.reshape(-1, *[1] * values.ndim)
            there = (
                values + points * steps[name]
                if name in steps
                else np.broadcast_to(values, (len(POINTS), *values.shape))
            )
            stacked[name] = there.reshape(-1, *values.shape[1:])
        with np.errstate(all="ignore"):
            results = function_values(self.claim, self._shape, stacked)
        return [real_parts(v).reshape(len(POINTS), -1, *real_parts(v).shape[1:]) for v in results]


def _conjugate(vectors: np.ndarray) -> np.ndarray:
    """For Re(sum of g v), with everything as pairs of real numbers."""
    return real_parts(np.conj(vectors))


def _nothing(shape: tuple[int, ...], probe: np.ndarray, axis: int) -> Word:
    return Word(np.zeros(shape), np.zeros(shape), probe, axis, np.full(shape, np.inf))


def _spread(word: Word, which: np.ndarray, count: int) -> Word:
    """What is known of some instances, among all of them."""

    def placed(values: np.ndarray | None, elsewhere: float) -> np.ndarray | None:
        if values is None:
            return None
        everything = np.full((count, *values.shape[1:]), elsewhere)
        everything[which] = values
        return everything

    error = np.asarray(word.error)
    # One entry of which nothing can be said speaks for its instance, so that nobody counts it as looked at.
    known = np.isfinite(error)
    values = np.where(known, word.values, 0.0)
    spread = {"values": (values, 0.0), "movement": (word.movement, 0.0), "probe": (word.probe, 0.0)}
    spread |= {"error": (np.where(known, error, np.inf), np.inf), "within": (word.within, 0.0)}
    return replace(word, **{name: placed(*given) for name, given in spread.items()})


@np.errstate(all="ignore")
def _first(values: np.ndarray, probe: np.ndarray | None, axis: int, terms: np.ndarray | None = None) -> Word:
    """A first derivative along lines; at a kink, what is between the one-sided ones."""
    found, error = extrapolation.first(values, terms)
    (left, off_left), (right, off_right) = extrapolation.one_sided(values, terms)
    jump, off = np.abs(right - left), off_left + off_right
    kink = np.isfinite(off) & (jump > _CERTAIN * off) & (jump > _CERTAIN * error)
    middle = np.where(kink, (left + right) / 2, found)
    known = np.isfinite(values[0]) & ~extrapolation.leaps(values, terms)
    error = np.where(known, np.where(kink, off, error), np.inf)
    return Word(middle, np.zeros_like(middle), probe, axis, error, np.where(kink, jump / 2, 0.0))


def _bends(values: np.ndarray) -> np.ndarray:
    """Which of the values have a kink where their line starts."""
    flat = values.reshape(len(values), -1)
    bends = extrapolation.may_bend(flat)
    bends[bends] = np.asarray(_first(flat[:, bends], None, 1).within) > 0
    return bends.reshape(values.shape[1:])


def _of_vjp(lines: _Lines, asked: Collection[int]) -> list[Word]:
    return [_pulled(lines, name, leaf in asked) for leaf, name in enumerate(lines.claim.moving)]


@np.errstate(all="ignore")
def _pulled(lines: _Lines, name: str, asked: bool) -> Word:
    """Of one gradient."""
    step = lines.direction(name)
    count = len(step)
    if not asked:
        return _nothing((count,), _conjugate(step), 1)
    paired, terms = np.zeros((len(POINTS), count)), np.zeros((len(POINTS), count))
    bent, leapt = np.zeros(count, bool), np.zeros(count, bool)
    for result, values in enumerate(lines.along({name: step})):
        weights = _conjugate(lines.batch[lines.claim.vectors[result].name])
        paired = paired + (weights * values).reshape(len(POINTS), count, -1).sum(axis=-1)
        terms = terms + (np.abs(weights) * lines.terms(result, values)).reshape(len(POINTS), count, -1).sum(axis=-1)
        bent |= _bends(values).reshape(count, -1).any(axis=1)
        leapt |= extrapolation.leaps(values, lines.terms(result, values)).reshape(count, -1).any(axis=1)
    found = _first(paired, _conjugate(step), 1, terms)
    # A kink or a leap that the cotangent does not see is one all the same.
    return replace(
        found,
        error=np.where(leapt, np.inf, np.asarray(found.error)),
        within=np.where(bent, np.maximum(np.asarray(found.within), np.finfo(float).tiny), np.asarray(found.within)),
    )


@np.errstate(over="ignore", invalid="ignore")
def _of_jvp(lines: _Lines, asked: Collection[int]) -> list[Word]:
    """Along the tangents, each time by steps of other lengths: what the same ones say twice confirms nothing."""
    pairs = zip(lines.claim.moving, lines.claim.vectors, strict=True)
    length = 1.0 if lines.whole else lines.length()
    steps = {
        name: lines.direction(name) if lines.whole else length * lines.batch[tangent.name] for name, tangent in pairs
    }
    return [_first(v / length, None, 1, lines.terms(r, v) / length) for r, v in enumerate(lines.along(steps))]


def _of_jacobian(lines: _Lines, asked: Collection[int]) -> list[Word]:
    """All results along one line for each argument."""
    claim, found = lines.claim, {}
    for by, name in enumerate(claim.moving):
        step = lines.direction(name)
        leaves = range(by, len(claim.moving) * len(claim.results), len(claim.moving))
        values = lines.along({name: step}) if any(leaf in asked for leaf in leaves) else []
        for result, leaf in enumerate(leaves):
            nothing = _nothing((len(step), *lines.shape_of(result)), step, LAST)
            if leaf not in asked:
                found[leaf] = nothing
                continue
            found[leaf] = _first(values[result], step, LAST, lines.terms(result, values[result]))
    return [found[leaf] for leaf in sorted(found)]


def _of_hessian(lines: _Lines, asked: Collection[int]) -> list[Word]:
    """All results along two lines for each pair of arguments, in whichever order they are taken."""
    claim, found = lines.claim, {}
    by, results = len(claim.moving), range(len(claim.results))
    for first, second in itertools.combinations_with_replacement(range(by), 2):
        u, v = (lines.direction(claim.moving[i]) for i in (first, second))
        leaves = {(first, second): _outer(u, v), (second, first): _outer(v, u)}
        wanted = any((r * by + i) * by + j in asked for r in results for i, j in leaves)
        estimates = _second(lines, claim.moving[first], claim.moving[second], u, v) if wanted else []
        for result, ((i, j), probe) in itertools.product(results, leaves.items()):
            leaf = (result * by + i) * by + j
            if leaf not in asked:
                found[leaf] = _nothing((len(u), *lines.shape_of(result)), probe, LAST)
                continue
            values, off = estimates[result]
            found[leaf] = Word(values, np.zeros_like(values), probe, LAST, off)
    return [found[leaf] for leaf in sorted(found)]


def _outer(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    product = np.einsum("bi,bj->bij", u.reshape(len(u), -1), v.reshape(len(v), -1))
    return product.reshape(len(u), *u.shape[1:], *v.shape[1:])


@np.errstate(all="ignore")
def _second(lines: _Lines, first: str, second: str, u: np.ndarray, v: np.ndarray) -> list[Estimate]:
    """Of every result u'Hv, from ((u + v)'H(u + v) - (u - v)'H(u - v))/4."""
    estimates: list[list[Estimate]] = []
    for sign in (1, -1):
        steps = {first: u + sign * v} if first == second else {first: u, second: sign * v}
        along = enumerate(lines.along(steps))
        estimates.append([extrapolation.second(values, lines.terms(result, values)) for result, values in along])
    return [
        ((plus - minus) / 4, (off_plus + off_minus) / 4)
        for (plus, off_plus), (minus, off_minus) in zip(*estimates, strict=True)
    ]


_WORDS: Mapping[str, Callable[[_Lines, Collection[int]], list[Word]]] = {
    "vjp": _of_vjp,
    "jvp": _of_jvp,
    "jacobian": _of_jacobian,
    "hessian": _of_hessian,
}
"""By the kind of a derivative, a word on each of its arrays; it is a real one for those that are asked for."""
