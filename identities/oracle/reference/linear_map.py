"""The derivative at many points at once, as dense tensors; they are the linear map of small functions."""

import math
from collections.abc import Sequence

import numpy as np


class Tensors:
    """A linear map at every point of a batch: `blocks[r][w]` has the shape (batch, *result r, *argument w).

    It is a `kinds.LinearMap`.
    """

    def __init__(self, blocks: Sequence[Sequence[np.ndarray]], ranks: Sequence[int]):
        self._blocks, self._ranks = blocks, ranks  # how many axes each result has

    def push(self, tangents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Tangents pushed forward: the sum over all arguments, for each result."""
        return [
            _sum(_contract(tangent, block, 1 + rank) for tangent, block in zip(tangents, row, strict=True))
            for row, rank in zip(self._blocks, self._ranks, strict=True)
        ]

    def pull(self, cotangents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cotangents pulled back: the sum over all results, for each argument."""
        columns = zip(*self._blocks, strict=True)
        return [_sum(_contract(c, block, 1) for c, block in zip(cotangents, column, strict=True)) for column in columns]

    def dense(self) -> list[np.ndarray]:
        """All blocks, those of one result after the other."""
        return [block for row in self._blocks for block in row]


def _sum(parts):
    return sum(parts, np.array(0.0))


def _contract(vectors: np.ndarray, dense: np.ndarray, axis: int) -> np.ndarray:
    """Sum a batch of tensors against a batch of arrays, over the tensors' axes from `axis` on."""
    batch, before = dense.shape[0], dense.shape[1:axis]
    after = dense.shape[axis + vectors.ndim - 1 :]
    flat = dense.reshape(batch, math.prod(before), vectors[0].size, math.prod(after))
    return np.einsum("bv,bpva->bpa", vectors.reshape(batch, -1), flat).reshape(batch, *before, *after)
