"""Domains: what values an argument may take, and how to draw them at random.

A domain is a projection: it sends any real array onto a member. One projection serves every purpose,
since members inherit the character of the array that they come from: Gaussian noise gives generic
members, small integers give simple ones.

What must hold of an argument is one thing, and which of the allowed values are drawn is another: the first is a
`Domain`, the second is `Drawn`, which nobody's arguments are checked against.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from identities.dimensions import size_of

Values = Literal["floating", "integer", "boolean", "complex"]
"""The kinds of numbers that an argument may consist of. Only the first and the last have derivatives."""


@dataclass(frozen=True)
class Drawn:
    """Which of the allowed values and shapes are drawn: not a condition, and stated nowhere.

    As `Annotated` metadata it stands beside a domain, or alone where any values are allowed.

    **Fields:**

    - `project`: sends a real NumPy array of shape (batch, ...) to one to be drawn, before the domain's own projection.
    - `admits`: whether arrays of a shape are drawn.
    - `largest`: the most rows or columns that are drawn, unless somebody asks for sizes.
    """

    project: Callable[[np.ndarray], np.ndarray] = lambda z: z
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True
    largest: int = 1 << 30


@dataclass(frozen=True)
class Domain:
    """A set of admissible argument values.

    **Fields:**

    - `requires`: the condition in words, as in "every entry positive"; empty where any values are allowed.
    - `project`: sends a real NumPy array of shape (batch, ...) to members, one an entry of the batch.
    - `contains`: whether one array is a member, as a boolean JAX scalar; rounding is forgiven.
    - `admits`: whether there are members of a shape.
    - `normwise`: whether a member is one matrix to be factorised, rather than a table of numbers: its rounding is
      then relative to its norm, as the backward error of a stable factorisation is, and not to each entry.
    - `values`: the kind of numbers; None leaves that to the argument's annotation, and to floating-point without one.
    - `interior`: whether a member that moves by its rounding stays one, so that nobody needs to look. Elsewhere what
      has left the domain is put back.
    - `sized`: where the members depend on the sizes of dimensions, the domain for given ones; the rest of the fields is
      what holds for all.
    - `drawn`: which of the members are drawn, all kinds of them if left out.
    """

    requires: str
    project: Callable[[np.ndarray], np.ndarray]
    contains: Callable[[Array], Bool[Array, ""]]
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True
    normwise: bool = False
    values: Values | None = None
    interior: bool = False
    sized: "Callable[[Mapping[str, int]], Domain] | None" = None
    drawn: Drawn = Drawn()

    def at(self, sizes: Mapping[str, int]) -> "Domain":
        """The domain once dimensions have sizes."""
        return replace(self.sized(sizes), drawn=self.drawn) if self.sized else self

    def drawn_so(self, drawn: Drawn) -> "Domain":
        """The same set, of which only those members are drawn that are drawn now and obey `drawn` too."""
        now = self.drawn
        return replace(
            self,
            drawn=Drawn(
                lambda z: drawn.project(now.project(z)),
                lambda shape: now.admits(shape) and drawn.admits(shape),
                min(now.largest, drawn.largest),
            ),
        )


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

distribution: Domain = Domain(
    "non-negative entries that sum to one (a probability distribution)", _distribution, _is_distribution, interior=True
)


def _nonzero(largest: np.ndarray) -> np.ndarray:
    return np.where(largest > 0, largest, 1)


def _wide(x: Array) -> Array:
    """In a dtype that LAPACK has."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


_OF_DETERMINANTS = Drawn(largest=6)
"""What has a determinant, which grows with the power of rows and columns: float32 is to hold three."""


def _singular(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The singular value decomposition of every matrix of a batch, or of its neighbour."""
    try:
        return np.linalg.svd(z, full_matrices=False)
    except np.linalg.LinAlgError:  # LAPACK fails over a few matrices of small integers, and not over their neighbours
        return np.linalg.svd(z + 1e-6 * np.eye(*z.shape[-2:]), full_matrices=False)


def _with_full_rank(z: np.ndarray) -> np.ndarray:
    # Singular values between one and two times the size of z: random, and far from dependent.
    U, s, Vt = _singular(z)
    return (U * (_nonzero(s.max(axis=-1, keepdims=True)) + s)[:, None, :]) @ Vt


def _has_full_column_rank(x: Array) -> Bool[Array, ""]:
    return jnp.linalg.matrix_rank(_wide(x)) == x.shape[1]


full_column_rank: Domain = Domain(
    "full column rank",
    _with_full_rank,
    _has_full_column_rank,
    lambda shape: shape[0] >= shape[1],
    normwise=True,
    interior=True,
    drawn=_OF_DETERMINANTS,
)
full_row_rank: Domain = Domain(
    "full row rank",
    _with_full_rank,
    lambda x: _has_full_column_rank(x.T),
    lambda shape: shape[0] <= shape[1],
    normwise=True,
    interior=True,
    drawn=_OF_DETERMINANTS,
)
invertible: Domain = Domain(
    "an invertible matrix", _with_full_rank, _has_full_column_rank, normwise=True, interior=True, drawn=_OF_DETERMINANTS
)


def _polar_factor(z: np.ndarray) -> np.ndarray:
    U, _, Vt = _singular(z)
    return U @ Vt


def _has_orthonormal_columns(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[0] * jnp.finfo(x.dtype).eps
    return jnp.abs(_wide(x).T @ _wide(x) - jnp.eye(x.shape[1])).max() <= forgiven


orthogonal: Domain = Domain(
    "orthonormal columns", _polar_factor, _has_orthonormal_columns, lambda shape: shape[0] >= shape[1], interior=True
)


def _symmetric_part(z: np.ndarray) -> np.ndarray:
    return (z + z.swapaxes(-1, -2)) / 2


def _positive_definite(z: np.ndarray) -> np.ndarray:
    # The eigenvalues of the symmetric part, moved to between one and two times the largest.
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    largest = _nonzero(np.abs(eigenvalues).max(axis=-1, keepdims=True))
    return _symmetric_part((V * (largest + np.abs(eigenvalues))[:, None, :]) @ V.swapaxes(-1, -2))


def _is_symmetric(x: Array) -> Bool[Array, ""]:
    forgiven = 4 * x.shape[-1] * jnp.finfo(x.dtype).eps * jnp.abs(x).max()
    return (jnp.abs(x - x.T) <= forgiven).all()


def _has_positive_definite_part(x: Array) -> Bool[Array, ""]:
    return jnp.linalg.eigvalsh(_wide(x) + _wide(x).T).min() > 0


symmetric: Domain = Domain("a symmetric matrix", _symmetric_part, _is_symmetric, interior=True)

positive_definite: Domain = Domain(
    "a symmetric positive definite matrix",
    _positive_definite,
    lambda x: _is_symmetric(x) & _has_positive_definite_part(x),
    normwise=True,
    interior=True,
)

positive_definite_part: Domain = Domain(
    "a matrix whose symmetric part is positive definite",
    lambda z: _positive_definite(z) + (z - z.swapaxes(-1, -2)) / 2,
    _has_positive_definite_part,
    normwise=True,
    interior=True,
)


def _apart(values: np.ndarray) -> np.ndarray:
    """Ascending values, each one further from the one before by the largest."""
    return values + _nonzero(np.abs(values).max(axis=-1, keepdims=True)) * np.arange(values.shape[-1])


def _are_distinct(values: Array) -> Bool[Array, ""]:
    gaps = jnp.where(jnp.eye(len(values)), jnp.inf, jnp.abs(values[:, None] - values))
    return gaps.min() > 4 * len(values) * jnp.finfo(values.dtype).eps * jnp.abs(values).max()


def _with_distinct_eigenvalues(z: np.ndarray) -> np.ndarray:
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    return _symmetric_part((V * _apart(eigenvalues)[:, None, :]) @ V.swapaxes(-1, -2))


def _has_distinct_eigenvalues(x: Array) -> Bool[Array, ""]:
    return _is_symmetric(x) & _are_distinct(jnp.linalg.eigvalsh(_wide(x)))


distinct_eigenvalues: Domain = Domain(
    "a symmetric matrix with distinct eigenvalues",
    _with_distinct_eigenvalues,
    _has_distinct_eigenvalues,
    normwise=True,
    interior=True,
)


def _with_distinct_positive_eigenvalues(z: np.ndarray) -> np.ndarray:
    eigenvalues, V = np.linalg.eigh(_symmetric_part(z))
    apart = _apart(eigenvalues) + 2 * _nonzero(np.abs(eigenvalues).max(axis=-1, keepdims=True))
    return _symmetric_part((V * apart[:, None, :]) @ V.swapaxes(-1, -2))


distinct_positive_eigenvalues: Domain = Domain(
    "a symmetric positive definite matrix with distinct eigenvalues",
    _with_distinct_positive_eigenvalues,
    lambda x: _has_distinct_eigenvalues(x) & _has_positive_definite_part(x),
    normwise=True,
    interior=True,
)


def _with_eigenvectors_near_axes(z: np.ndarray) -> np.ndarray:
    # Cayley's transform of a skew matrix of norm tan(theta/2) is a rotation by at most theta: 40 degrees.
    skew = z - z.swapaxes(-1, -2)
    skew = np.tan(np.radians(20)) * skew / _nonzero(np.linalg.norm(skew, ord=2, axis=(-2, -1), keepdims=True))
    eye = np.eye(z.shape[-1])
    V = np.linalg.solve(eye + skew, eye - skew)
    apart = _apart(np.sort(np.diagonal(z, axis1=-2, axis2=-1), axis=-1))
    order = np.diagonal(z, axis1=-2, axis2=-1).argsort(axis=-1).argsort(axis=-1)
    return _symmetric_part((V * np.take_along_axis(apart, order, -1)[:, None, :]) @ V.swapaxes(-1, -2))


def _has_distinct_eigenpairs(x: Array) -> Bool[Array, ""]:
    eigenvalues, V = jnp.linalg.eigh(_wide(x))
    largest = jnp.sort(jnp.abs(V), axis=0)[-2:]
    unique = (largest[-1] - largest[0] > 4 * len(x) * jnp.finfo(V.dtype).eps).all() if len(x) > 1 else True
    return _is_symmetric(x) & _are_distinct(eigenvalues) & unique


distinct_eigenpairs: Domain = Domain(
    "a symmetric matrix with distinct eigenvalues, and one largest entry in each eigenvector",
    _with_eigenvectors_near_axes,
    _has_distinct_eigenpairs,
    normwise=True,
    interior=True,
)


def _with_distinct_singular_values(z: np.ndarray) -> np.ndarray:
    U, s, Vt = _singular(z)
    apart = _apart(s[..., ::-1])[..., ::-1] + _nonzero(s.max(axis=-1, keepdims=True))
    return (U * apart[:, None, :]) @ Vt


def _has_distinct_singular_values(x: Array) -> Bool[Array, ""]:
    s = jnp.linalg.svd(_wide(x), compute_uv=False)
    return _are_distinct(jnp.append(s, 0))


distinct_singular_values: Domain = Domain(
    "no more columns than rows, full column rank and distinct singular values",
    _with_distinct_singular_values,
    lambda x: jnp.array(x.shape[0] >= x.shape[1]) & _has_distinct_singular_values(x),
    lambda shape: shape[0] >= shape[1],
    normwise=True,
    interior=True,
)


def _with_distinct_spectrum(z: np.ndarray) -> np.ndarray:
    # Real eigenvalues and complex pairs in turn, their real parts apart, in a well-conditioned basis.
    n = z.shape[-1]
    basis = _with_full_rank(z)
    parts = np.diagonal(z, axis1=-2, axis2=-1)
    real = _apart(np.sort(parts, axis=-1))
    blocks = real[:, None, :] * np.eye(n)
    for i in range(1, n - 1, 3):
        imaginary = _nonzero(np.abs(parts).max(axis=-1)) + np.abs(parts[:, i])
        blocks[:, i + 1, i + 1] = blocks[:, i, i]
        blocks[:, i, i + 1], blocks[:, i + 1, i] = imaginary, -imaginary
    members = basis @ blocks @ np.linalg.inv(basis)
    # Zeros that have come out as rounding are zeros: LAPACK balances rows and columns by their size before it looks for
    # eigenvalues, and in float32 a row of nothing but rounding costs the eigenvectors all digits (Watkins, 2006).
    rounding = 64 * np.finfo(float).eps * np.abs(members).max(axis=(-2, -1), keepdims=True)
    return np.where(np.abs(members) <= rounding, 0, members)


distinct_spectrum: Domain = Domain(
    "a matrix with distinct eigenvalues",
    _with_distinct_spectrum,
    lambda x: _are_distinct(jnp.linalg.eigvals(_wide(x))),
    normwise=True,
    interior=True,
)


def _beyond_one(z: np.ndarray) -> np.ndarray:
    return z + np.where(z < 0, -1.0, 1.0)


other_than_zero: Domain = Domain("an array other than zero", _beyond_one, lambda x: jnp.any(x != 0), interior=True)


# Any values; which of them are drawn.


def _of_moderate_norm(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=(-2, -1), keepdims=True)
    return z / _nonzero(norm) * (0.5 + norm) / (1 + norm)


small: Domain = real.drawn_so(Drawn(largest=3))
"""Any values; three rows and columns are enough where a result multiplies the sizes of its arguments."""

longer_than_one: Domain = real.drawn_so(Drawn(admits=lambda shape: shape[0] > 1))
"""Any values; of more than one entry, where a derivative in one dimension is zero, and nothing but rounding."""

beyond_one: Domain = real.drawn_so(Drawn(_beyond_one))
within_one: Domain = real.drawn_so(Drawn(inside_unit_interval.project))
"""Any values; drawn beyond one and within it, so that an argument of either kind never equals one of the other."""

moderate: Domain = replace(real, normwise=True).drawn_so(Drawn(_of_moderate_norm, largest=3))
"""Any values; drawn small and with a norm between a half and one, where an exponential is quick and accurate."""


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


def _of_sizes(words: str, sized: Callable[[Mapping[str, int]], Domain]) -> Domain:
    return Domain(words, lambda z: z, _any, values="integer", interior=True, sized=sized)


def _size(expression: int | str, sizes: Mapping[str, int]) -> int:
    if isinstance(expression, int):
        return expression
    try:
        return size_of(expression, sizes)
    except NameError as error:
        raise ValueError(f"a domain speaks of {expression}, and there is no such dimension: {error}") from None
