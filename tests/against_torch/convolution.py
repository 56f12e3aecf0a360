"""Convolutions and windows, as PyTorch has them."""

import warnings

import numpy as np

from tests.clients import functional as F


def conv(x, w, b, **options):
    strided = np.ravel(options["stride"]).max() > 1
    if options["padding"] == "same" and strided:  # which it refuses
        x, options["padding"] = padded(x, w.shape[2:], options["stride"], options["dilation"]), 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel")  # which copies, it says
        return getattr(F, f"conv{x.ndim - 2}d")(x, w, b, **options)


def padded(x, kernel, stride, dilation):
    """As TensorFlow and JAX have it: for one window at each stride, and with what is odd behind."""
    strides, dilations = (np.broadcast_to(value, len(kernel)) for value in (stride, dilation))
    around = []
    for n, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max(-(-n // s) * s - s + d * (k - 1) + 1 - n, 0)
        around = [int(total // 2), int(total - total // 2), *around]
    return F.pad(x, around)


def conv_transpose(x, w, b, **options):
    return getattr(F, f"conv_transpose{x.ndim - 2}d")(x, w, b, **options)


IN_TORCH = {"conv": conv, "conv_transpose": conv_transpose, "unfold": F.unfold, "fold": F.fold} if F else {}
