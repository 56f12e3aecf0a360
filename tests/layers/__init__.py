"""Layers as people write them: a forward pass in JAX, a right backward pass in NumPy, and wrong ones."""

from tests.layers import (
    attention,
    convolutions_and_pooling,
    distances,
    embeddings_and_indexing,
    gated_units_and_activations,
    linear_algebra,
    losses,
    norms,
    optimiser_steps,
    recurrent,
)
from tests.layers.corpus import LAYERS, WRONG, Layer, Wrong

__all__ = [
    "LAYERS",
    "WRONG",
    "Layer",
    "Wrong",
    "attention",
    "convolutions_and_pooling",
    "distances",
    "embeddings_and_indexing",
    "gated_units_and_activations",
    "linear_algebra",
    "losses",
    "norms",
    "optimiser_steps",
    "recurrent",
]
