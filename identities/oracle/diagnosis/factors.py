"""Which constant, or which monomial in the dimensions, turns one thing into another in every shape."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth

_HALF = Fraction(1, 2)
_SMALL = (1, 2, 3, 4, 5, 6, 8, 10)
_CONSTANTS = sorted({Fraction(p, q) for p in _SMALL for q in _SMALL}, key=lambda f: f.numerator * f.denominator)


@dataclass(frozen=True)
class Factor:
    """A constant times powers of dimensions: `powers` maps "n", or "(n - 1)", to an exponent, or to half of one."""

    constant: Fraction | float
    powers: tuple[tuple[str, Fraction | int], ...] = ()

    def at(self, sizes: Mapping[str, float]) -> float:
        value = float(self.constant)
        for name, power in self.powers:
            base = float(_base(name, sizes))
            if power == int(power):
                value *= math.inf if base == 0 and power < 0 else base ** int(power)
            else:
                value *= base ** float(power) if base > 0 else math.nan
        return value

    def __str__(self) -> str:
        if isinstance(self.constant, float):
            return f"{self.constant:.6g}" if abs(self.constant - 1) > 1e-3 else f"{self.constant:.15g}"
        above = [_power(name, p) for name, p in self.powers if p > 0]
        below = [_power(name, -p) for name, p in self.powers if p < 0]
        numerator, denominator = abs(self.constant.numerator), self.constant.denominator
        above = [str(numerator)] * (numerator != 1 or not above) + above
        below = [str(denominator)] * (denominator != 1) + below
        quotient = " ".join(below) if len(below) < 2 else f"({' '.join(below)})"
        return "-" * (self.constant < 0) + " ".join(above) + f"/{quotient}" * bool(below)

    def of_dimension(self, sizes: Mapping[str, int]) -> tuple[str, int] | None:
        """The name of a dimension and 1 or -1, if it is that, or one over that, and nothing besides."""
        if self.constant != 1 or len(self.powers) != 1:
            return None
        ((name, power),) = self.powers
        return (name, int(power)) if name in sizes and abs(power) == 1 else None

    @property
    def is_one(self) -> bool:
        return self.constant == 1 and not self.powers


def _base(name: str, sizes: Mapping[str, float]) -> float:
    return sizes[name] if name in sizes else sizes[name[1:-5]] + (1 if "+" in name else -1)


def _power(name: str, power: Fraction | int) -> str:
    return name if power == 1 else f"sqrt({name})" if power == _HALF else f"{name}^{power}"


@functools.cache
def _monomials(names: tuple[str, ...]) -> tuple[tuple[tuple[str, Fraction | int], ...], ...]:
    """The simplest first; n - 1 and n + 1 only where the divisor is commonly mistaken."""
    simple: list[tuple[tuple[str, Fraction | int], ...]] = [
        tuple(zip(some, powers, strict=True))
        for count in range(3)
        for some in itertools.combinations(names, count)
        for powers in itertools.product((1, -1, 2, -2), repeat=count)
    ]
    of_three = [tuple((n, p) for n in some) for some in itertools.combinations(names, 3) for p in (-1, 1)]
    roots = [((name, power),) for name in names for power in (-_HALF, _HALF)]
    shifted: list[tuple[tuple[str, Fraction | int], ...]] = []
    for name in names:
        for other in (f"({name} - 1)", f"({name} + 1)"):
            shifted += [((name, 1), (other, -1)), ((other, 1), (name, -1)), ((other, -1),), ((other, 1),)]
    simple.sort(key=lambda m: sum(abs(p) for _, p in m))
    return (*simple, *roots, *shifted, *of_three)


_NEAR = 1 << 22
"""Units of rounding by which a ratio may be off a simple number: results of which few digits are asked count too."""


def find_factor(case: Case, guess: Guess, beside: Guess | None = None) -> Factor | None:
    """The simplest factor by which a guess reproduces every instance; for lack of a simple one, a number.

    **Arguments:**

    - `beside`: what the multiple of the guess is added to; nothing if left out.
    """
    ratios = []
    for sample in case.samples:
        guessed, rest = guess(sample), beside(sample).values if beside else 0.0
        if guessed.values.shape != sample.got.shape:
            return None
        target = sample.got - rest
        times = ratio(target[sample.kept], guessed.values[sample.kept])
        # A guess may cost a compilation for every sample: what is no multiple at one of them needs no other.
        if times is not None and _far_off(target[sample.kept], guessed.values[sample.kept], times):
            scaled = guessed.times(times)
            if not sample.reproduced(Truth(rest + scaled.values, scaled.movement)).all():
                return None
        ratios.append(times)
    near = min(_NEAR * float(jnp.finfo(case.dtype).eps), 0.03)
    for factor in _factors(case, ratios, near):
        if case.nearly_explained(multiple(guess, factor, beside)):
            return factor
    return None


def _far_off(target: np.ndarray, guessed: np.ndarray, ratio: float) -> bool:
    """Whether a tenth of it or more is left over, however it is scaled."""
    left = np.abs(target - ratio * guessed).max(initial=0)
    return bool(left > 0.1 * np.abs(target).max(initial=0))


def multiple(guess: Guess, factor: Factor, beside: Guess | None = None) -> Guess:
    """The guess times the factor, added to what is beside it."""

    def multiplied(sample: Sample) -> Truth:
        product = guess(sample).times(factor.at(sample.scales))
        if beside is None:
            return product
        rest = beside(sample)
        return Truth(rest.values + product.values, rest.movement + product.movement)

    return multiplied


def _factors(case: Case, ratios: list[float | None], near: float) -> Iterator[Factor]:
    known = [(sample.scales, ratio) for sample, ratio in zip(case.samples, ratios, strict=True) if ratio is not None]
    if not known or not all(math.isfinite(ratio) for _, ratio in known):
        return
    names = tuple(name for name in known[0][0] if len({sizes[name] for sizes, _ in known}) > 1)
    for powers in _monomials(names):
        # What is left when the powers are divided out must be the same constant in all shapes.
        units = [Factor(Fraction(1), powers).at(sizes) for sizes, _ in known]
        rest = [ratio / unit for (_, ratio), unit in zip(known, units, strict=True) if unit]
        if not rest or not all(map(math.isfinite, units)) or not max(map(abs, rest)) > near:
            continue
        if max(rest) - min(rest) > near * abs(rest[0]):
            continue
        nearest = min(_CONSTANTS, key=lambda c: abs(abs(rest[0]) - c))
        if abs(abs(rest[0]) - nearest) <= near * nearest:
            yield Factor(nearest if rest[0] > 0 else -nearest, powers)
        if not powers:
            yield Factor(float(np.mean(rest)))


def ratio(got: np.ndarray, guessed: np.ndarray) -> float | None:
    """The factor in the sense of least squares; None if there is nothing to compare."""
    scale = np.abs(guessed).max(initial=0)
    if not scale or not np.isfinite(scale):
        return None
    return float(np.sum(got / scale * (guessed / scale)) / np.sum(np.square(guessed / scale)))
