"""Pooling, as PyTorch has it: a function for each number of dimensions, and one here.

Of entries that share the largest value, PyTorch gives the cotangent to one, the first; here they share it, as in
`jax.numpy.max`. Both are subgradients, and nothing tells them apart where no two entries are equal. Where all entries of a
window are zero, lp_pool gives NaN there, and a derivative of zero here.
"""

from tests.clients import functional as F


def of_dimensions(name):
    """The function of that name for as many dimensions as the images have, behind batch and channels."""

    def pool(x, *args, **options):
        return getattr(F, f"{name}{x.ndim - 2}d")(x, *args, **options)

    return pool


NAMES = ("avg_pool", "max_pool", "lp_pool")

IN_TORCH = {name: of_dimensions(name) for name in NAMES} if F else {}
