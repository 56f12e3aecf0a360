"""Activations, kin of softmax and the gated linear unit, as PyTorch has them."""

from typing import Any
from unittest import mock

from tests.clients import functional as F
from tests.clients import torch


def gelu(x, approximate):
    return F.gelu(x, approximate=approximate)


def hardsigmoid(x):
    """By its definition: the sixth in PyTorch's own derivative is one of float32, in float64 too."""
    return F.relu6(x + 3) / 6


def rrelu(x, a):
    """A slope drawn between two equal ones is that slope; there is one call for each entry, since they are numbers."""
    entries = zip(x.flatten(), a.flatten().tolist(), strict=True)
    return torch.stack([F.rrelu(entry, slope, slope, training=True) for entry, slope in entries]).reshape(x.shape)


def gumbel_softmax(x, g, tau, hard=False):
    """The noise is minus the logarithm of exponentially distributed numbers, which are given here."""
    with mock.patch.object(torch.Tensor, "exponential_", lambda drawn: drawn.copy_(torch.exp(-g))):
        return F.gumbel_softmax(x, tau, hard)


def _along_the_last_axis(function):
    return lambda x: function(x, dim=-1)


_PLAIN = (
    *("threshold", "relu", "hardtanh", "hardswish", "relu6", "elu", "selu", "celu", "leaky_relu", "prelu"),
    *("logsigmoid", "hardshrink", "tanhshrink", "softsign", "softplus", "softshrink", "tanh", "sigmoid"),
    *("silu", "mish", "glu"),
)
_OF_AN_AXIS = ("softmin", "softmax", "log_softmax")

IN_TORCH: dict[str, Any] = (
    {
        **{name: getattr(F, name) for name in _PLAIN},
        **{name: _along_the_last_axis(getattr(F, name)) for name in _OF_AN_AXIS},
        "gelu": gelu,
        "hardsigmoid": hardsigmoid,
        "rrelu": rrelu,
        "gumbel_softmax": gumbel_softmax,
    }
    if F
    else {}
)
