"""Values: random arguments of a shape, in all the characters that values come in."""

import zlib
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.domains.domain import Domain
from identities.oracle.draw.shapes import Shape
from identities.signature import Argument

Batch = dict[str, np.ndarray]
"""Many instances side by side: each argument's values along a leading axis."""

REGIMES = ("small", "ordinary", "simple", "large")
"""The characters that values come in, by their size; every regime is judged with scales of its own."""

THOROUGH = ("tiny", "ordinary", "simple", "far", "special", "huge")
"""What a candidate meets: small values, some of them next to nothing; large ones, some of them far out; special ones,
which are signed zeros, equal entries, powers of two and subnormal numbers; and very large ones.
"""

_SOME = slice(1, None, 3)
"""Which of the small and of the large instances are tiny or far out."""

HUGE = THOROUGH.index("huge")
"""The number of the regime in which much overflows."""

EXACT = ("integers",)
"""Exact identities meet integers only, since those are what they are exact on."""

_COMPLEX = {"float64": "complex128", "float32": "complex64"}


def draw_values(
    claim: Claim, shape: Shape, dtype: str, each: int, seed: int, regimes: Sequence[str] = REGIMES
) -> Batch:
    """So many random instances of each regime, one regime after the other, in one dtype.

    The same claim, shape, dtype and seed give the same values.

    **Raises:** `ValueError` for complex arguments in a dtype that has no complex numbers, and for integers of which
    nobody said what they are.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{claim.name} {shape} {dtype}".encode())])
    sizes = dict(shape.sizes)

    vectors = {a.name for a in claim.vectors}

    def members(a: Argument, regime: str) -> np.ndarray:
        domain = a.domain.at(sizes)
        size = (each, *shape.of(a))
        # A product is no harder for a large vector.
        regime = "large" if regime in ("far", "huge") and a.name in vectors else regime
        noise = _noise(rng, size, regime, dtype, bool(domain.requires))
        if a.values == "complex":
            noise = noise + 1j * _noise(rng, size, regime, dtype, bool(domain.requires))
        return _members(a, domain, noise)

    def draw(a: Argument) -> np.ndarray:
        domain = a.domain.at(sizes)
        drawn = np.concatenate([members(a, regime) for regime in regimes])
        if a.values == "complex":
            return drawn.astype(complex_of(a.name, dtype))
        if a.values == "floating":
            largest = float(jnp.finfo(dtype).max)  # what a domain makes of large noise may be more in float16
            return np.clip(drawn, -largest, largest).astype(jnp.dtype(dtype))
        if a.values == "integer" and domain.values is None and not domain.requires:
            raise ValueError(
                f"argument {a.name} consists of integers: say with `domains` which, as in "
                f"domains={{{a.name!r}: identities.domains.index('k')}} for those from 0 to below the size of k"
            )
        if a.values == "boolean":
            return np.asarray(drawn > 0 if drawn.dtype != bool else drawn)
        return drawn.astype(np.int64)

    return {a.name: draw(a) for a in claim.arguments}


def _members(a: Argument, domain: Domain, noise: np.ndarray) -> np.ndarray:
    """What a domain makes of noise.

    **Raises:** `ValueError` if it has no members of that shape, as one of matrices has no vectors.
    """
    called = f"the domain of {a.name}" + f", {domain.requires}," * bool(domain.requires)
    refused = f"{called} has no arrays of shape {noise.shape[1:]}"
    if domain.normwise and noise.ndim < 3:
        raise ValueError(f"{refused}: they are matrices")
    try:
        members = domain.project(domain.drawn.project(noise))
    except (ValueError, IndexError) as error:  # of NumPy's, for an array that has another shape or rank
        raise ValueError(f"{refused}: {error}") from error
    if members.shape != noise.shape:
        raise ValueError(f"{refused}: it makes {members.shape[1:]} of them")
    return members


def complex_of(name: str, dtype: str) -> np.dtype:
    """The complex dtype of a floating one.

    **Raises:** `ValueError` where there is none.
    """
    if dtype not in _COMPLEX:
        raise ValueError(f"argument {name} is complex, and there are no complex numbers of {dtype}")
    return np.dtype(_COMPLEX[dtype])


def _noise(rng: np.random.Generator, shape: tuple[int, ...], regime: str, dtype: str, restricted: bool) -> np.ndarray:
    if regime == "integers":
        width = exact_half_width(dtype)
        return rng.integers(-width, width + 1, shape).astype(float)
    if regime == "simple":  # zeros, ties, and numbers that a person can check by head
        return rng.integers(-2, 3, shape).astype(float)
    if regime == "special":
        return _special(rng, shape, dtype)
    # float16 ends at 65504, which exp reaches at 11.
    large = 1.5 if dtype == "float16" else 3.0
    # Members of a domain may be powers of two, and are as large then.
    huge = _HUGE[dtype] if not restricted else np.log2(_HUGE[dtype])
    sizes = {"tiny": 0.125, "small": 0.125, "ordinary": 1.0, "far": large, "large": large, "huge": huge}
    noise = rng.standard_normal(shape)
    drawn = noise * sizes[regime]
    if regime == "tiny":  # where a series takes the place of terms that cancel
        least = float(jnp.finfo(dtype).eps) ** 0.5
        drawn[_SOME] = noise[_SOME] * _column(np.geomspace(0.1, least, len(noise[_SOME])), noise)
    if regime == "far":
        # By chance an argument stays as it is, so that one tells from another where a formula changes over.
        some = np.abs(_first(noise[_SOME])) > _SELDOM
        drawn[_SOME] = np.where(_column(some, noise), _far_out(noise[_SOME], dtype, restricted), drawn[_SOME])
    return drawn


_SELDOM = 0.3
"""Three of four numbers of a normal distribution are larger in magnitude."""


def _first(values: np.ndarray) -> np.ndarray:
    """The first entry of each instance."""
    return values[(slice(None), *[0] * (values.ndim - 1))]


def _far_out(noise: np.ndarray, dtype: str, restricted: bool) -> np.ndarray:
    """Entries that are all about as large as each other, and of one sign: where formulas change over to simpler ones.

    Beside one of usual size, nobody would see what is made of them.
    """
    sizes = np.geomspace(*_FAR[dtype], len(noise))
    signs = np.sign(_first(noise))
    return _column(signs * (np.log2(sizes) if restricted else sizes), noise) * (1 - np.abs(np.tanh(noise)) / 4)


def _column(numbers: np.ndarray, like: np.ndarray) -> np.ndarray:
    """One number for each instance."""
    return numbers.reshape(-1, *[1] * (like.ndim - 1))


def are_extreme(count: int, groups: int) -> np.ndarray:
    """Which of so many instances, of so many regimes, are tiny, far out or huge."""
    extreme = np.zeros((groups, count // groups), bool)
    if groups == len(THOROUGH):
        extreme[HUGE] = True
        for regime in ("tiny", "far"):
            extreme[THOROUGH.index(regime), _SOME] = True
    return extreme.ravel()


_FAR = {"float64": (8.0, 64.0), "float32": (8.0, 64.0), "bfloat16": (8.0, 64.0), "float16": (2.0, 16.0)}

_HUGE = {"float64": 1e3, "float32": 1e3, "bfloat16": 1e2, "float16": 1e2}


def _special(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros of both signs, ones, powers of two and subnormal numbers; in every other instance, all entries equal."""
    tiny = float(jnp.finfo(dtype).tiny)
    of = [0.0, -0.0, 1.0, -1.0, 0.5, -0.25, 2.0, -4.0, 8.0]
    # Elsewhere they are taken for zero on most machines, and squares of those of float64 are nothing to the witnesses.
    drawn = rng.choice([*of, tiny / 4, -tiny / 4] if dtype == "float16" else of, shape)
    if len(shape) > 1:
        drawn[::2] = drawn[::2].reshape(len(drawn[::2]), -1)[:, 0].reshape(-1, *[1] * (len(shape) - 1))
    return drawn


def exact_half_width(dtype: str) -> int:
    """The largest integer that an exact identity is put to the test with, in a dtype.

    A quarter of the significand, less a bit: a product of four such integers, summed over sixteen
    terms, is still an integer that the dtype holds.
    """
    return 2 ** ((jnp.finfo(dtype).nmant + 1) // 4 - 1)


def wide(batch: Batch) -> Batch:
    """The same numbers in float64, and complex ones in complex128; integers and booleans as they are."""

    def widened(values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "c":
            return values.astype(np.complex128)
        return values if values.dtype.kind in "iub" else values.astype(np.float64)

    return {name: widened(values) for name, values in batch.items()}


def real_parts(values: np.ndarray) -> np.ndarray:
    """Complex numbers as pairs of real ones along a last axis; real ones as they are."""
    return np.stack([np.real(values), np.imag(values)], axis=-1) if values.dtype.kind == "c" else values


def complex_parts(parts: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Pairs of real numbers as complex ones, if that is what the other array has."""
    return parts[..., 0] + 1j * parts[..., 1] if like.dtype.kind == "c" else parts


def of_simple_values(values: Sequence[np.ndarray]) -> tuple[int, int, float]:
    """A key to sort instances by: no negative zeros, whole numbers before fractions, small ones before large ones."""
    entries = np.concatenate([real_parts(np.asarray(v)).astype(float).ravel() for v in values] or [np.zeros(0)])
    fractions, negative_zeros = (entries != np.round(entries)).sum(), ((entries == 0) & np.signbit(entries)).sum()
    return int(negative_zeros), int(fractions), float(np.abs(entries).sum())
