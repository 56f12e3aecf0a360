"""Convolutions and windows, as PyTorch has them."""

from tests.clients import functional as F

IN_TORCH = {"unfold": F.unfold, "fold": F.fold} if F else {}
