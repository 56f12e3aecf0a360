"""Arrays of a whole batch, seen instance by instance."""

import math

import numpy as np


def largest_of(values: np.ndarray) -> np.ndarray:
    """The largest entry of each instance; 0 where there are none, or none above."""
    return values.reshape(len(values), math.prod(values.shape[1:])).max(axis=1, initial=0)
