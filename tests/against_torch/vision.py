"""Vision functions, as PyTorch has them."""

import warnings

from tests.clients import functional as F
from tests.clients import torch

_INTERPOLATED = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""What PyTorch calls it, by the number of axes."""


def pad(x, left, right, top, bottom, front, back, mode, value):
    widths = (left, right, top, bottom, front, back)[: 2 * (x.ndim - 2)]
    return F.pad(x, widths, mode, value) if mode == "constant" else F.pad(x, widths, mode)


def interpolate(x, size, mode, align_corners):
    if mode == "linear":
        return F.interpolate(x, size, mode=_INTERPOLATED[x.ndim - 2], align_corners=align_corners)
    if mode != "cubic":
        return F.interpolate(x, size, mode=mode)
    return _bicubic(x, size, align_corners)


def _bicubic(x, size, align_corners):
    """PyTorch interpolates two axes at a time: a third one for itself, one beside an axis of one entry."""
    b, c, *space = x.shape
    if len(space) == 1:
        return F.interpolate(x[:, :, None], (1, size), mode="bicubic", align_corners=align_corners)[:, :, 0]
    d = space[0] if len(space) == 3 else 1
    planes = x.reshape(b, c * d, *space[-2:])
    planes = F.interpolate(planes, (size, size), mode="bicubic", align_corners=align_corners)
    if len(space) == 2:
        return planes
    columns = planes.reshape(b, c, d, size * size)
    columns = F.interpolate(columns, (size, size * size), mode="bicubic", align_corners=align_corners)
    return columns.reshape(b, c, size, size, size)


def affine_grid(theta, height, width, depth, align_corners):
    size = (height, width) if theta.shape[-1] == 3 else (depth, height, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that one entry alone has been at 0 since version 1.3
        return F.affine_grid(theta, [len(theta), 1, *size], align_corners=align_corners)


IN_TORCH = (
    {
        "pixel_shuffle": F.pixel_shuffle,
        "pixel_unshuffle": F.pixel_unshuffle,
        "pad": pad,
        "interpolate": interpolate,
        "grid_sample": F.grid_sample,
        "affine_grid": affine_grid,
    }
    if torch
    else {}
)
