"""Which of JAX's primitive operations round their results, and how."""

from collections.abc import Sequence
from typing import Any

import numpy as np

EXACT = frozenset(
    (
        *("floor", "ceil", "round", "sign", "abs", "real", "imag", "conj", "complex", "neg", "max", "min", "clamp"),
        *("select_n", "stop_gradient", "copy", "broadcast_in_dim", "reshape", "transpose", "squeeze", "rev", "stack"),
        *("concatenate", "tile", "split", "slice", "pad", "empty", "empty2", "iota", "gather", "scatter", "sort"),
        *("cummax", "cummin", "reduce_max", "reduce_min", "reduce_precision", "dynamic_slice", "dynamic_update_slice"),
        *("unstack", "is_finite", "eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to", "argmax", "argmin"),
        *("scatter-max", "scatter-min", "reduce_window_max", "reduce_window_min", "top_k", "approx_top_k"),
        *("select_and_scatter", "select_and_gather_add", "expand_dims", "device_put", "name", "optimization_barrier"),
    )
)
"""Operations that round nothing, since they only choose, move or compare; see `rounds_nothing`."""


def rounds_nothing(name: str, operands: Sequence[Any]) -> bool:
    """Whether an operation is exact. The absolute value of a complex number is a root, and its sign a quotient."""
    return name in EXACT and not (name in ("abs", "sign") and np.iscomplexobj(operands[0]))


SUMS = frozenset(("reduce_sum", "cumsum", "dot_general", "scatter-add", "conv_general_dilated", "reduce_window_sum"))
"""Operations that add up many terms, each of which has its own rounding."""

CLOSE = SUMS | {"add", "add_any", "sub", "mul", "div", "sqrt", "square", "integer_pow", "rem", "convert_element_type"}
"""Operations that every machine rounds to the nearest number, or nearly so."""

INTEGRAL = frozenset(
    ("add", "add_any", "sub", "mul", "square", "integer_pow", "rem", "convert_element_type", "reduce_sum", "cumsum")
)
"""Operations that make whole numbers of whole numbers, and then round nothing."""

NORMWISE = frozenset(("eigh", "svd", "lu", "qr"))
"""Factorisations of a matrix that is off by rounding, as to its size: what is small of it may be lost."""

GROWING = frozenset(("exp", "exp2", "expm1", "sinh", "cosh", "mul", "div", "square", "integer_pow", "pow"))
"""Operations that may lead beyond the range of numbers."""
