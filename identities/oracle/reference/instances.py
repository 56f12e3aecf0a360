"""Arrays of a whole batch, seen instance by instance."""

import math
from collections.abc import Mapping

import numpy as np


def largest_of(values: np.ndarray) -> np.ndarray:
    """The largest entry of each instance; 0 where there are none, or none above."""
    return values.reshape(len(values), math.prod(values.shape[1:])).max(axis=1, initial=0)


def of_equal_entries(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which instances consist of arrays whose entries are all equal."""
    flat = [values.reshape(len(values), -1) for values in batch.values() if values.dtype.kind not in "iub"]
    return np.all([(values == values[:, :1]).all(axis=1) for values in flat], axis=0)


def are_finite(values: np.ndarray) -> np.ndarray:
    """Which instances consist of finite numbers."""
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))
