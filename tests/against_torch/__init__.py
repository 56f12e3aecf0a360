"""What PyTorch calls the functions of the catalog: a table for each topic, by the name of the function.

Each entry takes the function's arguments as tensors, and its options by name.
"""

from collections.abc import Callable
from typing import Any

from tests.against_torch import (
    activations,
    attention,
    convolution,
    distances,
    dropout,
    linear,
    losses,
    normalisation,
    pooling,
    recurrent,
    reparametrised,
    vision,
)

_TOPICS = (
    activations,
    attention,
    convolution,
    distances,
    dropout,
    linear,
    losses,
    normalisation,
    pooling,
    recurrent,
    reparametrised,
    vision,
)

IN_TORCH: dict[str, Callable[..., Any]] = {name: f for topic in _TOPICS for name, f in topic.IN_TORCH.items()}

CONSTANT_IN_TORCH: dict[str, tuple[str, ...]] = {**losses.CONSTANT_IN_TORCH, **normalisation.CONSTANT_IN_TORCH}
"""Arguments that a function of PyTorch has no gradient by, and this catalog has."""

REFUSED = {"avg_pool": "smaller than kernel size", "grid_sample": "bicubic interpolation only supports 4D input"}
"""What PyTorch says where it refuses what is right: in three dimensions, small images for which padding makes up."""
