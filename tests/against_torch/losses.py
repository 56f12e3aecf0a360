"""Losses, as PyTorch has them."""

from tests.clients import functional as F

IN_TORCH = {"mse_loss": F.mse_loss} if F else {}
