"""Adapters: what makes a candidate of code as it is written. In a reference file, with names in the place of functions."""

from identities.oracle.candidates.adapters import from_loss_and_gradients, with_cache

__all__ = ["from_loss_and_gradients", "with_cache"]
