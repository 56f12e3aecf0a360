"""The pattern of a Jacobian: which of its entries are zero, which are constant, and which vary with the arguments.

The closed form says so, at a small shape: at a few random points, by NumPy. A product with vectors, a vjp or a jvp, is
asked for a row or a column at a time, by vectors that are zero but for one entry.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from identities.catalog import Identity
from identities.kinds import KINDS
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape, admitted, draw_shapes, shrinkable
from identities.oracle.draw.values import Batch, draw_values
from identities.oracle.run.programs import evaluated

_POINTS = 12  # so many that no entry is the same at all of them by chance, as one of relu is at half of them
_MOST = 24
"""How many rows or columns a pattern has at most."""

_ROUNDING = 1e-9
"""What is no larger, beside the largest entry, counts as nothing."""

ZERO, CONSTANT, VARYING = range(3)


@dataclass(frozen=True)
class Pattern:
    """What the entries of a Jacobian do, at one shape.

    **Fields:**

    - `blocks`: for each argument that it is the derivative by, a matrix of `ZERO`, `CONSTANT` and `VARYING`, results
      by entries of the argument; if there is one result only, as of a loss, a matrix like the argument.
    - `names`: of these arguments.
    - `shape`: in words.
    - `gradient`: whether there is one result only.
    """

    blocks: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    shape: str
    gradient: bool


def pattern_of(identity: Identity) -> Pattern | None:
    """The pattern at the smallest shape that shows one; None, if each is too large to be looked at or has one entry.

    That of a Hessian is of the gradient's Jacobian.
    """
    shape = small_shape(identity)
    if shape is None:
        return None
    blocks = tuple(map(_classified, _jacobians(identity, shape)))
    if gradient := _results(identity, shape) == 1:
        shapes = _shapes(identity, shape)
        blocks = tuple(b.reshape(-1, of[-1] if of else 1) for b, of in zip(blocks, shapes, strict=True))
    return Pattern(blocks, identity.moving, shape.described(identity), gradient)


@functools.cache
def small_shape(identity: Identity) -> Shape | None:
    """Of the shapes that a verification draws, made as small as they may be, the one with the most different sizes."""
    small = [_shrunk(identity, shape) for shape in draw_shapes(identity, 4, seed=0)]
    fitting = [shape for shape in small if 1 < _largest_side(identity, shape) <= _MOST]
    return max(fitting, key=lambda shape: (len({size for _, size in shape.sizes}), shape.total), default=None)


def _shrunk(identity: Identity, shape: Shape) -> Shape:
    """The shape with its largest sizes less, one at a time, until the pattern is small enough."""
    while _largest_side(identity, shape) > _MOST:
        sizes = dict(shape.sizes)
        names = sorted(shrinkable(identity, shape), key=lambda name: -sizes[name])
        smaller = [shape.resized(name, sizes[name] - 1) for name in names if sizes[name] > 1]
        found = next((s for s in smaller if admitted(identity, s)), None)
        if found is None:
            return shape
        shape = found
    return shape


def _largest_side(identity: Identity, shape: Shape) -> int:
    return max(_results(identity, shape), sum(_entries(identity, shape)))


def _results(identity: Identity, shape: Shape) -> int:
    return sum(math.prod(shape.of(result)) for result in identity.results)


def _entries(identity: Identity, shape: Shape) -> list[int]:
    return list(map(math.prod, _shapes(identity, shape)))


def _shapes(identity: Identity, shape: Shape) -> list[tuple[int, ...]]:
    """Of the arguments that it is the derivative by."""
    primals = {a.name: a for a in identity.primals}
    return [shape.of(primals[name]) for name in identity.moving]


def _jacobians(identity: Identity, shape: Shape) -> list[np.ndarray]:
    """The derivative by each argument at every point, each of shape (points, results, entries)."""
    batch = draw_values(identity, shape, "float64", _POINTS, 0, ("ordinary",))
    vectors = [v.name for v in identity.vectors]
    if not vectors:
        leaves = zip(_evaluated(identity, shape, batch), _entries(identity, shape), strict=True)
        return [leaf.reshape(_POINTS, -1, entries) for leaf, entries in leaves]
    probes, count = _one_hot(batch, vectors)
    answers = [leaf.reshape(_POINTS, count, -1) for leaf in _evaluated(identity, shape, probes)]
    if identity.kind is KINDS["vjp"]:
        return answers
    columns = np.concatenate(answers, axis=2).transpose(0, 2, 1)
    return np.split(columns, np.cumsum(_entries(identity, shape))[:-1], axis=2)


def _one_hot(batch: Batch, vectors: Sequence[str]) -> tuple[Batch, int]:
    """Every point once for each entry of the vectors, which are zero but for this entry."""
    sizes = [math.prod(batch[name].shape[1:]) for name in vectors]
    count = sum(sizes)
    units = np.split(np.tile(np.eye(count), (_POINTS, 1)), np.cumsum(sizes)[:-1], axis=1)
    made = dict(zip(vectors, units, strict=True))
    repeated = {name: np.repeat(values, count, axis=0) for name, values in batch.items()}
    one_hot = {name: made[name].reshape(repeated[name].shape).astype(repeated[name].dtype) for name in vectors}
    return repeated | one_hot, count


def _evaluated(identity: Identity, shape: Shape, batch: Batch) -> list[np.ndarray]:
    closed_form = closed_form_of(identity, shape)
    arrays = tuple(batch.values())
    program = evaluated(closed_form, arrays, ("pattern", *closed_form.made_of))
    return [np.asarray(leaf) for leaf in program(*arrays)]


def _classified(matrices: np.ndarray) -> np.ndarray:
    """`ZERO`, `CONSTANT` or `VARYING` for each entry, of its values at several points."""
    scale = np.abs(matrices).max(initial=0) * _ROUNDING
    nothing = (np.abs(matrices) <= scale).all(0)
    same = (np.abs(matrices - matrices[0]) <= scale).all(0)
    return np.where(nothing, ZERO, np.where(same, CONSTANT, VARYING))
