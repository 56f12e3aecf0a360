"""JAX's primitive operations in NumPy: what a program consists of, evaluated without compiling it.

Each takes the operands and those parameters that its row of the table names. What is not in the table is compiled.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jax.lax import RoundingMethod

from identities.oracle.run.factorisations import cholesky, eigh, lu, qr, svd, triangular_solve
from identities.oracle.run.indexing import gather, scattering

Array = Any

_FEW = 1 << 14
"""Entries that are copied sooner than NumPy has made a view that repeats them."""


def broadcast_in_dim(x: Array, shape: tuple[int, ...], broadcast_dimensions: Sequence[int]) -> Array:
    wide = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, np.shape(x), strict=True):
        wide[axis] = size
    x = np.reshape(x, wide)
    if x.shape == shape:
        return x
    if math.prod(shape) > _FEW:
        return np.broadcast_to(x, shape)
    wider = np.empty(shape, x.dtype)
    wider[...] = x
    return wider


def dot_general(a: Array, b: Array, dimension_numbers: Any, preferred_element_type: Any) -> Array:
    (of_a, of_b), (batch_a, batch_b) = dimension_numbers
    free_a = [i for i in range(a.ndim) if i not in (*of_a, *batch_a)]
    free_b = [i for i in range(b.ndim) if i not in (*of_b, *batch_b)]
    shapes = [[x.shape[i] for i in axes] for x, axes in ((a, batch_a), (a, free_a), (a, of_a), (b, free_b))]
    batch, rows, summed, columns = (math.prod(shape) for shape in shapes)
    left = a.transpose(*batch_a, *free_a, *of_a).reshape(batch, rows, summed)
    right = b.transpose(*batch_b, *of_b, *free_b).reshape(batch, summed, columns)
    product = np.matmul(left, right).reshape(*shapes[0], *shapes[1], *shapes[3])
    return product.astype(preferred_element_type or product.dtype, copy=False)


def conv_general_dilated(
    x: Array,
    w: Array,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    preferred_element_type: Any,
) -> Array:
    of_x, of_w, of_result = dimension_numbers
    x, w = x.transpose(of_x), w.transpose(of_w)
    outside = [(low, high, apart - 1) for (low, high), apart in zip(padding, lhs_dilation, strict=True)]
    x = pad(x, 0, [(0, 0, 0), (0, 0, 0), *outside])
    spans = [apart * (k - 1) + 1 for k, apart in zip(w.shape[2:], rhs_dilation, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(2, x.ndim)))
    every = slice(None)
    windows = windows[(every, every, *(slice(None, None, s) for s in (*window_strides, *rhs_dilation)))]
    groups = feature_group_count * batch_group_count
    space = windows.shape[2 : x.ndim]
    # Groups of images or of channels come first, then images and places, which are rows, and what is summed.
    b, c = x.shape[0] // batch_group_count, x.shape[1] // feature_group_count
    split = windows.reshape(batch_group_count, b, feature_group_count, c, *windows.shape[2:])
    rows = np.moveaxis(split, (2, 3), (1, x.ndim + 1)).reshape(groups, b * math.prod(space), -1)
    columns = w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2)
    product = np.matmul(rows, columns).reshape(groups, b, *space, -1)
    result = np.moveaxis(product, (0, -1), (1, 2)).reshape(b, w.shape[0], *space)
    return result.transpose(np.argsort(of_result)).astype(preferred_element_type or result.dtype, copy=False)


def iota(dtype: Any, shape: Sequence[int], dimension: int) -> Array:
    along = [1] * len(shape)
    along[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(along), shape)


def select_n(which: Array, *cases: Array) -> Array:
    return np.where(which, cases[1], cases[0]) if len(cases) == 2 else np.choose(which, cases)


def div(a: Array, b: Array) -> Array:
    if not np.issubdtype(a.dtype, np.integer):
        return a / b
    nonzero = np.where(b == 0, 1, b)
    below = a // nonzero
    towards_zero = below + ((below * nonzero != a) & ((a < 0) != (b < 0)))
    return np.where(b == 0, np.array(-1).astype(a.dtype), towards_zero.astype(a.dtype))


def rem(a: Array, b: Array) -> Array:
    if not np.issubdtype(a.dtype, np.integer):
        return np.fmod(a, b)
    return np.where(b == 0, a, np.fmod(a, np.where(b == 0, 1, b)))


def integer_pow(x: Array, y: int) -> Array:
    if y < 0:
        return 1 / integer_pow(x, -y)
    power, base = np.ones_like(x), x  # by squaring, as XLA does, so that integers stay integers
    while y:
        power, base, y = power * base if y % 2 else power, base * base if y > 1 else base, y // 2
    return power


def pad(x: Array, value: Array, padding_config: Sequence[tuple[int, int, int]]) -> Array:
    sizes = [
        low + high + n + max(n - 1, 0) * inner for n, (low, high, inner) in zip(x.shape, padding_config, strict=True)
    ]
    padded = np.full(sizes, value, x.dtype)
    into, out_of = [], []
    for n, size, (low, _, inner) in zip(x.shape, sizes, padding_config, strict=True):
        step = inner + 1
        first = max(0, -(low // step)) if low < 0 else 0
        last = min(n, max(0, -((low - size) // step)))
        out_of.append(slice(first, max(first, last)))
        into.append(
            slice(low + first * step, low + first * step + max(0, last - first - 1) * step + (last > first), step)
        )
    padded[tuple(into)] = x[tuple(out_of)]
    return padded


def slice_(x: Array, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Any) -> Array:
    strides = strides or [1] * x.ndim
    return x[tuple(slice(a, b, s) for a, b, s in zip(start_indices, limit_indices, strides, strict=True))]


def split(x: Array, sizes: Sequence[int], axis: int) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def sort(*operands: Array, dimension: int, num_keys: int) -> list[Array]:
    order = np.lexsort([*operands[:num_keys][::-1]], axis=dimension)
    return [np.take_along_axis(operand, order, dimension) for operand in operands]


def cumulative(ufunc: np.ufunc) -> Callable[..., Array]:
    def run(x: Array, axis: int, reverse: bool) -> Array:
        if reverse:
            return np.flip(ufunc.accumulate(np.flip(x, axis), axis, x.dtype), axis)
        return ufunc.accumulate(x, axis, x.dtype)

    return run


def reducing(ufunc: np.ufunc) -> Callable[..., Array]:
    def run(x: Array, axes: Sequence[int]) -> Array:
        return ufunc.reduce(x, axis=tuple(axes), dtype=x.dtype)

    return run


def extremal(find: Callable[..., Array]) -> Callable[..., Array]:
    def run(x: Array, axes: Sequence[int], index_dtype: Any) -> Array:
        return find(x, axis=axes[0]).astype(index_dtype)

    return run


def clamp(low: Array, x: Array, high: Array) -> Array:
    return np.minimum(np.maximum(x, low), high)


def rounded(x: Array, rounding_method: RoundingMethod) -> Array:
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return np.round(x)
    whole = np.trunc(x)
    return np.copysign(whole + np.sign(x) * (np.abs(x - whole) >= 0.5), x)


def sign(x: Array) -> Array:
    return np.copysign(np.sign(x), x) if x.dtype.kind == "f" else np.sign(x)


def complex_(real: Array, imaginary: Array) -> Array:
    made = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imaginary)), np.result_type(real, np.complex64))
    made.real, made.imag = real, imaginary
    return made


def _by_entry(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """By Python's own, which is slow; SciPy's `erfc` is 260 units off at 23."""
    of_all = np.vectorize(function, otypes=[np.float64])
    return lambda x: of_all(x).astype(x.dtype)


def logistic(x: Array) -> Array:
    right = np.real(x) >= 0
    small = np.exp(np.where(right, -x, x))
    return np.where(right, 1 / (1 + small), small / (1 + small)).astype(x.dtype)


def convert(x: Array, new_dtype: Any) -> Array:
    """Whole numbers of what is too large for them are the largest that there are, and those of NaN are zero."""
    kind = np.dtype(new_dtype).kind
    if np.iscomplexobj(x) and kind != "c":
        x = np.real(x)
    if kind not in "iu" or x.dtype.kind != "f":
        return x.astype(new_dtype)
    low, zero, high = np.array([np.iinfo(new_dtype).min, 0, np.iinfo(new_dtype).max], new_dtype)
    inside = (x > low) & (x < high)
    beyond = np.where(x >= high, high, np.where(x <= low, low, zero))
    return np.where(inside, np.where(inside, x, 0).astype(new_dtype), beyond)


_Row = tuple[Callable[..., Any], tuple[str, ...]]


def _plain(function: Callable[..., Any]) -> _Row:
    return function, ()


_NAMED_ALIKE = (
    *("exp", "exp2", "expm1", "log", "log2", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt", "cbrt"),
    *("floor", "ceil", "abs", "square", "real", "imag"),
)
"""What NumPy calls as JAX does."""

TABLE: dict[str, _Row] = {
    **{name: _plain(getattr(np, name)) for name in _NAMED_ALIKE},
    "asin": _plain(np.arcsin),
    "acos": _plain(np.arccos),
    "atan": _plain(np.arctan),
    "atan2": _plain(np.arctan2),
    "asinh": _plain(np.arcsinh),
    "acosh": _plain(np.arccosh),
    "atanh": _plain(np.arctanh),
    "add": _plain(np.add),
    "add_any": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _plain(div),
    "rem": _plain(rem),
    "sign": _plain(sign),
    "conj": _plain(lambda x: np.conj(x).astype(np.result_type(x, np.complex64))),
    "neg": _plain(np.negative),
    "round": (rounded, ("rounding_method",)),
    "pow": _plain(np.power),
    "integer_pow": (integer_pow, ("y",)),
    "max": _plain(np.maximum),
    "min": _plain(np.minimum),
    "one_minus_square": _plain(lambda x: (1 - x) * (1 + x)),
    "rsqrt": _plain(lambda x: 1 / np.sqrt(x)),
    "logistic": _plain(logistic),
    "erf": _plain(_by_entry(math.erf)),
    "erfc": _plain(_by_entry(math.erfc)),
    "is_finite": _plain(np.isfinite),
    "complex": _plain(complex_),
    "eq": _plain(np.equal),
    "ne": _plain(np.not_equal),
    "lt": _plain(np.less),
    "le": _plain(np.less_equal),
    "gt": _plain(np.greater),
    "ge": _plain(np.greater_equal),
    "and": _plain(np.bitwise_and),
    "or": _plain(np.bitwise_or),
    "xor": _plain(np.bitwise_xor),
    "not": _plain(np.invert),
    "select_n": _plain(select_n),
    "clamp": _plain(clamp),
    "stop_gradient": _plain(lambda x: x),
    "copy": _plain(lambda x: x),
    "convert_element_type": (convert, ("new_dtype",)),
    "broadcast_in_dim": (broadcast_in_dim, ("shape", "broadcast_dimensions")),
    "reshape": (
        lambda x, new_sizes, dimensions: np.reshape(x if dimensions is None else x.transpose(dimensions), new_sizes),
        ("new_sizes", "dimensions"),
    ),
    "transpose": (lambda x, permutation: np.transpose(x, permutation), ("permutation",)),
    "squeeze": (lambda x, dimensions: np.squeeze(x, tuple(dimensions)), ("dimensions",)),
    "rev": (lambda x, dimensions: np.flip(x, tuple(dimensions)), ("dimensions",)),
    "concatenate": (lambda *x, dimension: np.concatenate(x, dimension), ("dimension",)),
    "stack": (lambda *x, axis: np.stack(x, axis), ("axis",)),
    "tile": (lambda x, reps: np.tile(x, reps), ("reps",)),
    "split": (split, ("sizes", "axis")),
    "slice": (slice_, ("start_indices", "limit_indices", "strides")),
    "pad": (pad, ("padding_config",)),
    "empty": (lambda shape, dtype: np.zeros(shape, dtype), ("shape", "dtype")),
    "empty2": (lambda dtype: np.zeros((), dtype), ("dtype",)),
    "iota": (iota, ("dtype", "shape", "dimension")),
    "dot_general": (dot_general, ("dimension_numbers", "preferred_element_type")),
    "conv_general_dilated": (
        conv_general_dilated,
        (
            *("window_strides", "padding", "lhs_dilation", "rhs_dilation", "dimension_numbers"),
            *("feature_group_count", "batch_group_count", "preferred_element_type"),
        ),
    ),
    "gather": (gather, ("dimension_numbers", "slice_sizes", "mode", "fill_value")),
    "scatter": (scattering(add=False), ("dimension_numbers", "mode")),
    "scatter-add": (scattering(add=True), ("dimension_numbers", "mode")),
    "sort": (sort, ("dimension", "num_keys")),
    "cumsum": (cumulative(np.add), ("axis", "reverse")),
    "cumprod": (cumulative(np.multiply), ("axis", "reverse")),
    "cummax": (cumulative(np.maximum), ("axis", "reverse")),
    "cummin": (cumulative(np.minimum), ("axis", "reverse")),
    "cumlogsumexp": (cumulative(np.logaddexp), ("axis", "reverse")),
    "reduce_sum": (reducing(np.add), ("axes",)),
    "reduce_prod": (reducing(np.multiply), ("axes",)),
    "reduce_max": (reducing(np.maximum), ("axes",)),
    "reduce_min": (reducing(np.minimum), ("axes",)),
    "reduce_and": (reducing(np.logical_and), ("axes",)),
    "reduce_or": (reducing(np.logical_or), ("axes",)),
    "argmax": (extremal(np.argmax), ("axes", "index_dtype")),
    "argmin": (extremal(np.argmin), ("axes", "index_dtype")),
    "unstack": (lambda x, axis: [*np.moveaxis(x, axis, 0)], ("axis",)),
    "lu": (lu, ()),
    "cholesky": (cholesky, ()),
    "eigh": (eigh, ("lower",)),
    "svd": (svd, ("full_matrices", "compute_uv")),
    "qr": (qr, ("full_matrices",)),
    "triangular_solve": (triangular_solve, ("left_side", "lower", "transpose_a", "conjugate_a", "unit_diagonal")),
}
"""By the name of the primitive, what it does and which of its parameters that takes."""

_INDIFFERENT = frozenset(
    (
        *("sharding", "out_sharding", "memory_space", "accuracy", "precision", "weak_type", "algorithm", "use_magma"),
        *("indices_are_sorted", "unique_indices", "update_jaxpr", "is_stable", "sort_eigenvalues", "input_dtype"),
    )
)
"""Parameters that change where and how quickly something is computed, and not what."""

_REAL = frozenset(("exp2", "cumlogsumexp", "atan2"))
"""Operations that NumPy has for real numbers only."""

_KINDS = "biufc"
"""Of the dtypes that are NumPy's own. For others, as bfloat16, it has some functions, and those round as they like."""


def known(name: str, parameters: Mapping[str, Any], dtypes: Sequence[Any]) -> bool:
    """Whether NumPy has an operation with these parameters, which JAX's versions change, on arrays of these dtypes."""
    if name not in TABLE or any(parameter not in parameters for parameter in TABLE[name][1]):
        return False
    kinds = _KINDS.replace("c", "") if name in _REAL else _KINDS
    if not all(isinstance(dtype, np.dtype) and dtype.kind in kinds for dtype in dtypes):
        return False
    unread = parameters.keys() - _INDIFFERENT - {*TABLE[name][1]}
    return all(parameters[parameter] in (None, False, ()) for parameter in unread)  # what is told is not left out
