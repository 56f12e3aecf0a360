"""Random arguments: shapes by Hypothesis, values by NumPy, both from the annotations alone."""

import functools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity
from identities.signature import Argument, bound, names, shape_of, statics

LARGEST = 6
"""The largest size that a dimension takes by default: enough to tell every index from every other."""

Batch = dict[str, np.ndarray]
"""Many instances side by side: each argument's values along a leading axis."""

REGIMES = ("small", "ordinary", "simple", "large")
"""The characters that values come in, by their size; every regime is judged with scales of its own."""


@dataclass(frozen=True, order=True)
class Shape:
    """A size for every dimension name, and which of its forms an argument with several takes."""

    sizes: tuple[tuple[str, int], ...]
    form: int = 0

    def of(self, argument: Argument) -> tuple[int, ...]:
        return shape_of(argument.dims(self.form), dict(self.sizes))

    def also(self, name: str, value: int) -> "Shape":
        """The shape with the value of a static argument."""
        return Shape((*self.sizes, (name, value)), self.form)

    def bind(self, function: Callable[..., Any], static: tuple[str, ...]) -> Callable[..., Any]:
        """The function with its static arguments filled in, if it has any."""
        return bound(function, self.sizes, static) if static else function

    def __str__(self) -> str:
        return ", ".join(f"{name} = {size}" for name, size in self.sizes) or "scalars"


def forms(identity: Identity) -> int:
    return max((len(a.forms) for a in identity.arguments), default=1)


def admitted(identity: Identity) -> Callable[[Shape], bool]:
    """Whether the domains of all arguments have members of a shape."""
    return lambda shape: all(a.domain.admits(shape.of(a)) for a in identity.arguments)


def _small_enough(identity: Identity, shape: Shape) -> bool:
    return all(max(shape.of(a), default=1) <= a.domain.largest for a in identity.arguments)


def _shapes(dims: tuple[str, ...], forms: int, largest: int) -> st.SearchStrategy[Shape]:
    sizes = st.tuples(*[st.integers(1, largest)] * len(dims))
    return st.builds(
        lambda sizes, form: Shape(tuple(zip(dims, sizes, strict=True)), form), sizes, st.integers(0, forms - 1)
    )


def draw_shapes(identity: Identity, count: int, seed: int) -> list[Shape]:
    """That many different random shapes, or as many as there are.

    With four and more, tall, wide, square and single-entry ones are among them, wherever the domains
    of the arguments admit them.
    """
    drawn = _draw_shapes(names(identity.arguments), forms(identity), 4 * count, seed)
    shapes = [shape for shape in filter(admitted(identity), drawn) if _small_enough(identity, shape)][:count]
    for name, static in statics(identity.function).items():
        values = sorted(range(static.least, static.most + 1), key=lambda value: (3 * value + 1) % 5)
        shapes = [shape.also(name, values[i % len(values)]) for i, shape in enumerate(shapes)]
    return shapes


@functools.cache
def _draw_shapes(dims: tuple[str, ...], forms: int, count: int, seed: int) -> list[Shape]:
    # Identities whose dimensions have the same names share their shapes, and so their witnesses.
    if not dims:
        return [Shape((), form) for form in range(forms)][:count]
    largest = LARGEST
    while forms * largest ** len(dims) < count and largest < 2 * LARGEST:
        largest += 1
    some = st.lists(st.integers(2, LARGEST), min_size=len(dims), max_size=len(dims), unique=True)
    corners = (
        some.map(lambda sizes: sorted(sizes, reverse=True)),  # tall
        some.map(sorted),  # wide
        st.integers(2, LARGEST).map(lambda size: [size] * len(dims)),  # square
        st.just([1] * len(dims)),
    )
    rest = st.lists(
        _shapes(dims, forms, largest), min_size=min(count, forms * largest ** len(dims)), max_size=count, unique=True
    )
    drawn: list[Shape] = []

    # Health checks are for tests; this draws two examples and tests nothing.
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=2,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=[*hypothesis.HealthCheck],  # pyright: ignore[reportArgumentType]
    )
    @hypothesis.given(st.tuples(*corners), rest)
    def draw(corners: Sequence[list[int]], rest: list[Shape]) -> None:
        # Hypothesis tries the simplest example first; the one after it is random, and is kept.
        cornered = [Shape(tuple(zip(dims, sizes, strict=True)), i % forms) for i, sizes in enumerate(corners)]
        drawn[:] = dict.fromkeys([*cornered, *rest])

    draw()
    return drawn


def regimes(identity: Identity) -> tuple[str, ...]:
    """Exact identities meet integers only, since those are what they are exact on."""
    return ("integers",) if identity.exact else REGIMES


def draw_values(identity: Identity, shape: Shape, dtype: str, each: int, seed: int) -> Batch:
    """So many random instances of each regime, one regime after the other, in one dtype.

    The same identity, shape, dtype and seed give the same values.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{identity} {shape} {dtype}".encode())])

    def draw(a: Argument) -> np.ndarray:
        noise = [_noise(rng, (each, *shape.of(a)), regime, dtype) for regime in regimes(identity)]
        return a.domain.project(np.concatenate(noise)).astype(jnp.dtype(dtype))

    return {a.name: draw(a) for a in identity.arguments}


def _noise(rng: np.random.Generator, shape: tuple[int, ...], regime: str, dtype: str) -> np.ndarray:
    if regime == "integers":
        width = exact_half_width(dtype)
        return rng.integers(-width, width + 1, shape).astype(float)
    if regime == "simple":  # zeros, ties, and numbers that a person can check by head
        return rng.integers(-2, 3, shape).astype(float)
    # float16 ends at 65504, which exp reaches at 11.
    large = 1.5 if dtype == "float16" else 3.0
    return rng.standard_normal(shape) * {"small": 0.125, "ordinary": 1.0, "large": large}[regime]


def exact_half_width(dtype: str) -> int:
    """The largest integer that an exact identity is put to the test with, in a dtype.

    A quarter of the significand, less a bit: a product of four such integers, summed over sixteen
    terms, is still an integer that the dtype holds.
    """
    return 2 ** ((jnp.finfo(dtype).nmant + 1) // 4 - 1)


def perturbed(arguments: Sequence[Argument], batch: Batch, relative: float, seed: int) -> list[Batch]:
    """Four copies of the batch, in which every entry has moved by that relative amount, up or down.

    The amount is relative to the entry, or to the norm of a matrix whose domain is normwise. The
    signs are random but for this: over the four copies, the signs of an entry are orthogonal to those of
    its neighbours. So what the root mean square over the copies measures is the sum of squares of the
    entries' effects, and hardly ever a cancellation among them.
    """
    rng = np.random.default_rng(seed)
    copies: list[Batch] = [{}, {}, {}, {}]
    entries = 0
    for a in arguments:
        values = batch[a.name]
        random = rng.choice((-relative, relative), values.shape)
        columns = (entries + np.arange(values[0].size)) % 4
        entries += values[0].size
        scale = np.linalg.norm(values, 2, axis=(1, 2), keepdims=True) if a.domain.normwise else values
        for copy, row in zip(copies, _HADAMARD, strict=True):
            copy[a.name] = values + scale * random * row[columns].reshape(values.shape[1:])
    return copies


_HADAMARD = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
