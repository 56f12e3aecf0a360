"""Pooling, as PyTorch has it: a function for each number of dimensions, and one here.

Of entries that share the largest value, PyTorch gives the cotangent to one, the first; here they share it, as in
`jax.numpy.max`. Both are subgradients, and nothing tells them apart where no two entries are equal. Where all entries
of a window are zero, a p-norm has no derivative; here it gets that of zero.
"""

from tests.clients import functional as F


def of_dimensions(name):
    """The function of that name for as many dimensions as the images have, behind batch and channels."""

    def pool(x, *args, **options):
        return getattr(F, f"{name}{x.ndim - 2}d")(x, *args, **options)

    return pool


def fractional_max_pool(x, samples, kernel_size, output_size):
    name = f"fractional_max_pool{x.ndim - 2}d"
    return getattr(F, name)(x, kernel_size, output_size, _random_samples=samples)


NAMES = ("avg_pool", "max_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool", "max_unpool")

IN_TORCH = {name: of_dimensions(name) for name in NAMES} | {"fractional_max_pool": fractional_max_pool} if F else {}
