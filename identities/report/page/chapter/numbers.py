"""Numbers as LaTeX."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from identities.latex import symbol


def assignments(values: Mapping[str, Any]) -> list[str]:
    r"""Arrays with their names, each as in `W = \begin{pmatrix} ... \end{pmatrix}`."""
    return [f"{symbol(name)} = {numbers(value)}" for name, value in values.items()]


def numbers(values: Any, digits: int = 3) -> str:
    """An array: a vector in a line, a matrix in rows, and one of three axes as its matrices one after the other.

    Integers are written as such; all others have as many decimals.
    """
    array = np.asarray(values)
    decimals = 0 if np.array_equal(array, np.round(array)) else digits
    return _nested(np.round(array, decimals) + 0.0, decimals)  # with no minus before a zero


def _nested(array: np.ndarray, decimals: int) -> str:
    if array.ndim == 0:
        return f"{array:.{decimals}f}"
    if array.ndim == 2:
        rows = r" \\ ".join(" & ".join(f"{value:.{decimals}f}" for value in row) for row in array)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    parts = ", ".join(_nested(part, decimals) for part in array)
    return rf"\left( {parts} \right)"
