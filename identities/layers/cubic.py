"""Keys' kernel for cubic interpolation, by the distance s from an entry, and its derivative.

It is one polynomial up to a distance of one, and another from there to two; a is its slope at a distance of one.
"""

from typing import Any

A = -0.75
"""As PyTorch has it."""


def near(s: Any, a: float = A) -> Any:
    """Up to a distance of one."""
    return ((a + 2) * s - (a + 3)) * s * s + 1


def near_slope(s: Any, a: float = A) -> Any:
    return (3 * (a + 2) * s - 2 * (a + 3)) * s


def far(s: Any, a: float = A) -> Any:
    """From a distance of one to two; beyond that, the kernel is zero."""
    return (((s - 5) * s + 8) * s - 4) * a


def far_slope(s: Any, a: float = A) -> Any:
    return ((3 * s - 10) * s + 8) * a
