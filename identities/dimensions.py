"""Dimensions: names, sizes, and expressions of both, as in `n`, `3`, `2*n`, `n-k+1`, `(n+1)//2` or `min(n,m)`.

Where an option has a number for each axis, `stride[0]` is the first of them.
"""

import ast
import functools
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from types import CodeType
from typing import Any

Dims = tuple[str, ...]
"""The dimensions of an array, each spelled as its owner wrote it."""

BATCH = "..."
"""In front of other dimensions: any number of leading axes, the same for all arrays that have it."""

BATCH_AXES = ("batch1", "batch2")
"""The names of the leading axes that `...` stands for; up to two are drawn."""

_FUNCTIONS = {"min": min, "max": max}
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.FloorDiv,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Call,
)


_KEYWORDS, _MARK = re.compile(rf"\b({'|'.join(word for word in keyword.kwlist if word.islower())})\b"), "__keyword"
"""Python's own words, as `in` is, which dimensions may be called nevertheless; and what makes a name of one."""


@functools.cache
def _parsed(dim: str) -> ast.Expression:
    try:
        tree = ast.parse(_KEYWORDS.sub(lambda word: word[0] + _MARK, dim.strip()), mode="eval")
    except SyntaxError:
        raise ValueError(f"{dim!r} is no dimension") from None
    tree = _Entries().visit(tree)
    for node in ast.walk(tree):
        whole = not isinstance(node, ast.Constant) or (type(node.value) is int)
        if not isinstance(node, _NODES) or not whole or (isinstance(node, ast.Call) and not _is_known(node)):
            raise ValueError(
                f"{dim!r} is no dimension: names, whole numbers, +, -, *, //, min, max and parentheses make one"
            )
    return tree


class _Entries(ast.NodeTransformer):
    """Puts a name of its own, spelled like it, in the place of each entry, as in `stride[0]`, and of each keyword."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(node.id.removesuffix(_MARK), ast.Load()), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        axis = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if not (isinstance(node.value, ast.Name) and type(axis) is int):
            return node
        return ast.copy_location(ast.Name(entry_of(node.value.id, axis), ast.Load()), node)


def entry_of(option: str, axis: int) -> str:
    """The name in dimensions of what an option is along an axis."""
    return f"{option}[{axis}]"


def owner_of(name: str) -> str:
    """The option that a name in dimensions is an entry of, if it is; or else the name."""
    return name.partition("[")[0]


_AXES = 6
"""More than arrays have axes of space."""


def axes_in(names: Iterable[str], option: str) -> int:
    """For how many axes names in dimensions speak of an option: up to the last that they name."""
    return max((axis + 1 for axis in range(_AXES) if entry_of(option, axis) in names), default=0)


def numbers_in(options: Mapping[str, Any]) -> dict[str, int]:
    """What dimensions may speak of: options that are whole numbers, and those with one for each axis.

    One number is that along every axis too.
    """
    numbers: dict[str, int] = {}
    for name, value in options.items():
        if isinstance(value, Integral):
            numbers[name] = int(value)
        along = value if isinstance(value, (tuple, list)) else [value] * _AXES
        if all(isinstance(number, Integral) for number in along):
            numbers |= {entry_of(name, axis): int(number) for axis, number in enumerate(along)}
    return numbers


def _is_known(call: ast.Call) -> bool:
    """Whether it is of one of the functions, with arguments by position."""
    named = isinstance(call.func, ast.Name) and call.func.id in _FUNCTIONS
    return named and len(call.args) > 1 and not call.keywords


@functools.cache
def _code(dim: str) -> CodeType:
    return compile(_parsed(dim), "<dimension>", "eval")


@functools.cache
def names_in(dim: str) -> tuple[str, ...]:
    """The names in an expression, in order.

    **Raises:** `ValueError` for what is no expression of dimensions.
    """
    nodes = list(ast.walk(_parsed(dim)))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    found = [node for node in nodes if isinstance(node, ast.Name) and node not in called]
    return tuple(dict.fromkeys(node.id for node in sorted(found, key=lambda node: node.col_offset)))


def size_of(dim: str, sizes: Mapping[str, int]) -> int:
    """The size of a dimension once names have sizes.

    **Raises:** `NameError` for a name that has none; `ValueError` for a division by zero.
    """
    if dim in sizes:
        return sizes[dim]
    try:
        return int(eval(_code(dim), {"__builtins__": {}, **_FUNCTIONS}, dict(sizes)))
    except ZeroDivisionError:
        raise ValueError(f"dimension {dim} divides by zero") from None


def solved(dim: str, size: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """What the one name in a dimension that has no size must be for the dimension to have this one; nothing, if nobody
    can tell: if there is none such name, or more, or no such number.
    """
    unknown = [name for name in names_in(dim) if name not in sizes]
    if len(unknown) != 1:
        return {}
    (name,) = unknown
    return next(({name: n} for n in range(1, size + 1) if size_of(dim, {**sizes, name: n}) == size), {})


def shape_of(dims: Iterable[str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape that dimensions have once their names have sizes."""
    return tuple(size_of(dim, sizes) for dim in dims)


def describe(dims: Sequence[object]) -> str:
    """`("n", "m")` as it is printed everywhere: `(n, m)`; one dimension as `(n,)`."""
    return f"({', '.join(map(str, dims))}{',' * (len(dims) == 1)})"


def expanded(dims: Dims) -> tuple[Dims, ...]:
    """The forms of dimensions that may begin with `...`: with none, one and two leading axes.

    **Raises:** `ValueError` for a `...` that is not in front.
    """
    for dim in dims:
        if dim != BATCH:
            names_in(dim)
    if BATCH not in dims:
        return (dims,)
    if BATCH in dims[1:]:
        raise ValueError(f"{BATCH} stands for leading axes, and comes first in {describe(dims)}")
    return tuple((*BATCH_AXES[:count], *dims[1:]) for count in range(len(BATCH_AXES) + 1))
