"""What PyTorch calls the functions of the catalog: a table for each topic, by the name of the function.

Each entry takes the function's arguments as tensors, and its options by name.
"""

from collections.abc import Callable
from typing import Any

from tests.against_torch import convolution, losses, normalisation, pooling

IN_TORCH: dict[str, Callable[..., Any]] = {
    **convolution.IN_TORCH,
    **losses.IN_TORCH,
    **normalisation.IN_TORCH,
    **pooling.IN_TORCH,
}
