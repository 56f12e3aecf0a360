"""Vision functions, as PyTorch has them."""

import warnings

from tests.clients import functional as F
from tests.clients import torch

_INTERPOLATED = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""What PyTorch calls it, by the number of axes."""


def pad(x, left, right, top, bottom, front, back, mode, value):
    widths = (left, right, top, bottom, front, back)[: 2 * (x.ndim - 2)]
    return F.pad(x, widths, mode, value) if mode == "constant" else F.pad(x, widths, mode)


def interpolate(x, size, mode, align_corners, antialias):
    if mode == "linear" and not antialias:
        return F.interpolate(x, size, mode=_INTERPOLATED[x.ndim - 2], align_corners=align_corners)
    if mode not in ("linear", "cubic"):
        return F.interpolate(x, size, mode=mode)
    return _by_two_axes(x, size, mode=f"bi{mode}", align_corners=align_corners, antialias=antialias)


def _by_two_axes(x, size, **options):
    """What PyTorch does with two axes only: a third is one for itself, and a single one stands beside one entry."""
    b, c, *space = x.shape
    if len(space) == 1:
        return _by_both(x[:, :, None], (1, size), **options)[:, :, 0]
    d = space[0] if len(space) == 3 else 1
    planes = x.reshape(b, c * d, *space[-2:])
    planes = _by_both(planes, size[-2:], **options)
    if len(space) == 2:
        return planes
    columns = planes.reshape(b, c, d, -1)
    columns = _by_both(columns, (size[0], columns.shape[-1]), **options)
    return columns.reshape(b, c, *size)


def _by_both(x, size, **options):
    height, width = size
    if options["antialias"] and width == 1:  # PyTorch 2.13 gives all rows the values of the first, on a CPU
        return F.interpolate(x.mT, (width, height), **options).mT
    return F.interpolate(x, (height, width), **options)


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
