"""Arrays of a whole batch, seen instance by instance."""

import math
from collections.abc import Mapping

import numpy as np


def flat(values: np.ndarray) -> np.ndarray:
    """The entries of each instance in a row, of no instances too."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def largest_of(values: np.ndarray) -> np.ndarray:
    """The largest entry of each instance; 0 where there are none, or none above."""
    return flat(values).max(axis=1, initial=0)


def of_equal_entries(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which instances consist of arrays whose entries are all equal."""
    rows = [flat(values) for values in batch.values() if values.dtype.kind not in "iub"]
    return np.all([(row == row[:, :1]).all(axis=1) for row in rows], axis=0)


def are_finite(values: np.ndarray) -> np.ndarray:
    """Which instances consist of finite numbers."""
    return np.asarray(np.isfinite(flat(values)).all(axis=1))
