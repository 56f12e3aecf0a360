"""A kernel of Triton's, and one that forgets the last tile; interpreted, so that it runs on a CPU."""

import os
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"  # which Triton reads when it decorates

import torch  # pyright: ignore[reportMissingImports]  # extras, which the type checker may not see
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]


@triton.jit
def silu_backward_kernel(dx, delta, x, n, tile: tl.constexpr):
    at = tl.program_id(0) * tile + tl.arange(0, tile)
    inside = at < n
    value = tl.load(x + at, mask=inside)
    s = tl.sigmoid(value)
    tl.store(dx + at, tl.load(delta + at, mask=inside) * s * (1 + value * (1 - s)), mask=inside)


def launched(tiles, delta, x):
    dx = torch.full_like(x, torch.nan)
    kernel: Any = silu_backward_kernel
    kernel[(tiles,)](dx, delta.contiguous(), x.contiguous(), len(x), 32)
    return dx


def silu_backward(delta, x):
    return launched(triton.cdiv(len(x), 32), delta, x)


def forgets(delta, x):
    return launched(max(len(x) // 32, 1), delta, x)
