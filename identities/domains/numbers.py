"""Domains of tables of numbers: of each entry, or of a row of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from identities.dimensions import size_of
from identities.domains.domain import Domain, Drawn


def _distribution(z: np.ndarray) -> np.ndarray:
    # Multiples of 1/64 add up to one without rounding in every float type, bfloat16 included.
    weights = np.exp2(z - z.max(axis=-1, keepdims=True))
    counts = np.floor(64 * weights / weights.sum(axis=-1, keepdims=True))
    largest = np.expand_dims(counts.argmax(axis=-1), -1)
    missing = 64 - counts.sum(axis=-1, keepdims=True)
    np.put_along_axis(counts, largest, np.take_along_axis(counts, largest, -1) + missing, -1)
    return counts / 64


def _is_distribution(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[-1] * jnp.finfo(x.dtype).eps
    return jnp.all(x >= 0) & (jnp.abs(x.sum(axis=-1) - 1) <= forgiven).all()


def _any(x: Array) -> Bool[Array, ""]:
    return jnp.array(True)


real: Domain = Domain("", lambda z: z, _any, interior=True)

positive: Domain = Domain("every entry positive", np.exp2, lambda x: jnp.all(x > 0), interior=True)

not_negative: Domain = Domain("no entry negative", np.abs, lambda x: jnp.all(x >= 0), interior=True)

nonzero: Domain = Domain(
    "no entry zero", lambda z: z + np.where(z < 0, -0.25, 0.25), lambda x: jnp.all(x != 0), interior=True
)

above_minus_one: Domain = Domain(
    "every entry above minus one", lambda z: np.exp2(z) - 0.75, lambda x: jnp.all(x > -1), interior=True
)

inside_unit_interval: Domain = Domain(
    "every entry strictly between minus one and one",
    lambda z: 0.9 * z / (1 + np.abs(z)),
    lambda x: jnp.all(jnp.abs(x) < 1),
    interior=True,
)

between_zero_and_one: Domain = Domain(
    "every entry strictly between zero and one",
    lambda z: 0.5 + 0.45 * z / (1 + np.abs(z)),
    lambda x: jnp.all((x > 0) & (x < 1)),
    interior=True,
)

distribution: Domain = Domain(
    "non-negative entries that sum to one (a probability distribution)", _distribution, _is_distribution, interior=True
)


def _beyond_one(z: np.ndarray) -> np.ndarray:
    return z + np.where(z < 0, -1.0, 1.0)


other_than_zero: Domain = Domain("an array other than zero", _beyond_one, lambda x: jnp.any(x != 0), interior=True)

no_zero_row: Domain = Domain("no row of zeros", _beyond_one, lambda x: jnp.all(jnp.any(x != 0, -1)), interior=True)


# Any values; which of them are drawn.

small: Domain = real.drawn_so(Drawn(largest=3))
"""Any values; three rows and columns are enough where a result multiplies the sizes of its arguments."""

longer_than_one: Domain = real.drawn_so(Drawn(admits=lambda shape: shape[0] > 1))
"""Any values; of more than one entry, where a derivative in one dimension is zero, and nothing but rounding."""

beyond_one: Domain = real.drawn_so(Drawn(_beyond_one))
within_one: Domain = real.drawn_so(Drawn(inside_unit_interval.project))
"""Any values; drawn beyond one and within it, so that an argument of either kind never equals one of the other."""


# Integers, booleans and complex numbers.

complex_numbers: Domain = Domain("", lambda z: z, _any, values="complex", interior=True)
"""Any complex numbers: for a signature that is written without annotations."""

boolean: Domain = Domain("", lambda z: z > 0, _any, values="boolean", interior=True)
"""True and False, as in a mask."""


def integers(low: int | str, high: int | str) -> Domain:
    """Integers from `low` to `high`, both included; either may be an expression in dimensions, as in `"k - 1"`."""
    fixed = isinstance(low, int) and isinstance(high, int)

    def between(sizes: Mapping[str, int]) -> Domain:
        least, most = _size(low, sizes), _size(high, sizes)

        # Noise comes in all sizes, whole numbers among them: a large odd multiple of it, wrapped around, is uniform.
        def project(z: np.ndarray) -> np.ndarray:
            return least + np.floor(z * 1371).astype(np.int64) % (most - least + 1)

        return Domain(
            f"integers from {low} to {high}",
            project,
            lambda x: jnp.all((x >= least) & (x <= most)),
            lambda shape: least <= most,
            values="integer",
            interior=True,
        )

    return between({}) if fixed else _of_sizes(f"integers from {low} to {high}", between)


def index(dimension: int | str) -> Domain:
    """Integers from 0 to below the size of a dimension, as labels and token ids are; some of them repeated."""
    words = f"integers from 0 to below {dimension}"

    def below(sizes: Mapping[str, int]) -> Domain:
        return replace(integers(0, _size(dimension, sizes) - 1), requires=words)

    return below({}) if isinstance(dimension, int) else _of_sizes(words, below)


def offsets(dimension: str) -> Domain:
    """Where consecutive parts of a dimension begin, in order, the first at zero; parts may be empty."""
    words = f"integers from 0 to {dimension} that begin with 0 and do not decrease"

    def within(sizes: Mapping[str, int]) -> Domain:
        anywhere = integers(0, _size(dimension, sizes))

        def project(z: np.ndarray) -> np.ndarray:
            starts = np.sort(anywhere.project(z), axis=-1)
            starts[..., 0] = 0
            return starts

        def contains(x: Array) -> Bool[Array, ""]:
            return anywhere.contains(x) & (x[0] == 0) & jnp.all(x[1:] >= x[:-1])

        return replace(anywhere, requires=words, project=project, contains=contains)

    return _of_sizes(words, within)


def label(dimension: str) -> Domain:
    """Integers below the size of a dimension, as classes are; negative ones say that there is none, as -100 does.

    The first that is drawn is always a class.
    """
    words = f"integers below {dimension}, negative where there is no class"

    def below(sizes: Mapping[str, int]) -> Domain:
        size = _size(dimension, sizes)
        classes = index(size).project

        def project(z: np.ndarray) -> np.ndarray:
            drawn = np.where(np.floor(z * 371).astype(np.int64) % 4 == 3, -100, classes(z)).reshape(len(z), -1)
            drawn[:, 0] = 0
            return drawn.reshape(z.shape)

        return Domain(words, project, lambda x: jnp.all(x < size), values="integer", interior=True)

    return _of_sizes(words, below)


sign: Domain = Domain(
    "every entry one or minus one",
    lambda z: np.where(np.floor(z * 1371) % 2 == 0, 1, -1),
    lambda x: jnp.all(jnp.abs(x) == 1),
    values="integer",
    interior=True,
)
"""Integers that say on which side of a margin something belongs."""


def _of_sizes(words: str, sized: Callable[[Mapping[str, int]], Domain]) -> Domain:
    return Domain(words, lambda z: z, _any, values="integer", interior=True, sized=sized)


def _size(expression: int | str, sizes: Mapping[str, int]) -> int:
    if isinstance(expression, int):
        return expression
    try:
        return size_of(expression, sizes)
    except NameError as error:
        raise ValueError(f"a domain speaks of {expression}, and there is no such dimension: {error}") from None
