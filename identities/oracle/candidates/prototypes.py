"""Prototypes of functions that write into arrays: parameters as C writes them, with their dimensions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from identities.dimensions import describe, names_in, shape_of, solved
from identities.oracle.candidates.calling import AdapterError

_C = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "char": "int8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "size_t": "uint64",
}
"""What C calls dtypes, where NumPy calls them otherwise."""


@dataclass(frozen=True)
class Place:
    """One parameter: an array, if it has dimensions, else a size or an option.

    **Fields:**

    - `dtype`: by the name that NumPy has for it; empty if nothing is said.
    """

    name: str
    dims: tuple[str, ...] | None
    dtype: str


def read_prototype(prototype: str) -> tuple[Place, ...]:
    """Parameters in writing, as in `"float* dx(t,c), const float* x(t,c), int t, int c"`.

    **Raises:** `ValueError` for what cannot be read.
    """
    return tuple(_place(written) for written in _split(prototype))


def _split(text: str) -> Iterator[str]:
    """What stands between commas that are in no parentheses."""
    start = depth = 0
    for at, letter in enumerate(text + ","):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1


def _place(written: str) -> Place:
    found = re.fullmatch(r"(?:const\s+)?(?:(\w+)[\s*]+)?(\w+)\s*(?:\((.*)\))?", written)
    if not found:
        raise ValueError(
            f'{written!r} is no parameter; write one like "float* dx(n,m)", "const float* x(n,m)" or "int n"'
        )
    said, name, dims = found.groups()
    dtype = _C.get(said, said) or ""
    try:
        jnp.dtype(dtype or "float64")
    except TypeError:
        raise ValueError(f"{written!r}: {said} is no dtype; there are {', '.join(_C)} and those of NumPy") from None
    if dims is None:
        return Place(name, None, dtype)
    dimensions = tuple(dim for dim in _split(dims) if dim)
    for dim in dimensions:
        names_in(dim)
    return Place(name, dimensions, dtype)


def sizes_of(prototype: Sequence[Place], given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes of dimensions, by the arrays that are given, beside the options, which dimensions may name too.

    **Raises:** `AdapterError` for an array of another shape than the prototype has.
    """
    arrays = {place.name: place.dims for place in prototype if place.dims is not None and place.name in given}
    shapes = {name: tuple(given[name].shape) for name in arrays}
    met = [pair for name, dims in arrays.items() for pair in zip(dims, shapes[name], strict=False)]
    sizes = dict(options)
    for dim, size in sorted(met, key=lambda pair: not pair[0].isidentifier()):
        sizes |= solved(dim, size, sizes)
    for name, dims in arrays.items():
        known = all(part in sizes for dim in dims for part in names_in(dim))
        wanted = shape_of(dims, sizes) if known else None
        if shapes[name] != wanted:
            said = describe(dims) + f" = {wanted}" * known
            raise AdapterError(f"{name} has shape {shapes[name]}, {said} in the prototype")
    return sizes
