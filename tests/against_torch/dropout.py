"""Dropout, as PyTorch has it, with a mask that is given in place of the one that it draws."""

import importlib
from typing import Any

from tests.clients import functional as F
from tests.clients import torch

_Mode: Any = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode if torch else object


class _Given(_Mode):
    """What is drawn from a Bernoulli distribution is the mask."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.bernoulli_.float:
            return args[0].copy_(self.mask.reshape(args[0].shape))
        return function(*args, **(kwargs or {}))


def _with_a_mask(function):
    def of_given(x, mask, p):
        with _Given(mask):
            return function(x, p, training=True)

    return of_given


def _by_axes(x, p, training):
    """Over one, two or three axes of space."""
    return {3: F.dropout1d, 4: F.dropout2d, 5: F.dropout3d}[x.ndim](x, p, training)


IN_TORCH = (
    {
        "dropout": _with_a_mask(F.dropout),
        "feature_dropout": _with_a_mask(_by_axes),
        "alpha_dropout": _with_a_mask(F.alpha_dropout),
        "feature_alpha_dropout": _with_a_mask(F.feature_alpha_dropout),
    }
    if F
    else {}
)
