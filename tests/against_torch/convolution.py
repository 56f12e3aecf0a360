"""Convolutions and windows, as PyTorch has them."""

from tests.clients import functional as F


def conv(x, w, b, **options):
    return getattr(F, f"conv{x.ndim - 2}d")(x, w, b, **options)


def conv_transpose(x, w, b, **options):
    return getattr(F, f"conv_transpose{x.ndim - 2}d")(x, w, b, **options)


IN_TORCH = {"conv": conv, "conv_transpose": conv_transpose, "unfold": F.unfold, "fold": F.fold} if F else {}
