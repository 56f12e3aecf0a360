"""Whether the code that programs are made of is still what was imported.

A program is kept under the names of the functions that it is made of, and is right for whoever has those sources. What
has been made while one of them, or one that it calls, was replaced must not be found under that name.
"""

import operator
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PACKAGE = __name__.partition(".")[0]
_BESIDES = tuple(
    f"{_PACKAGE}.{part}" for part in ("cli", "report", "pytest_plugin", "oracle.verdict", "oracle.diagnosis")
)
"""What makes no programs, but something of their results."""

_NAMESPACES = (
    *("jax", "jax.lax", "jax.lax.linalg", "jax.nn", "jax.numpy", "jax.numpy.linalg", "jax.numpy.fft"),
    *("jax.scipy.linalg", "jax.scipy.special", "numpy", "numpy.linalg"),
)
"""What the package's functions are written in."""


@dataclass(frozen=True)
class _Space:
    """The names of a module or class, and what they stood for when it was first seen."""

    now: Mapping[str, Any]
    names: list[str]
    values: list[Any]
    functions: list[types.FunctionType]
    codes: list[types.CodeType]

    def is_unchanged(self) -> bool:
        return list(map(self.now.get, self.names)) == self.values and list(map(_code, self.functions)) == self.codes


_code = operator.attrgetter("__code__")
_seen: set[str] = set()
_remembered: list[_Space] = []


def is_as_imported() -> bool:
    """Whether no function, class or number of the package has been replaced since it was remembered.

    Nor have those of JAX and NumPy that have public names. What others do to the inside of those is not seen.
    """
    remember()
    return all(space.is_unchanged() for space in _remembered)


def remember() -> None:
    """Take modules that have been imported since the last time for what their sources say."""
    for name in [name for name in sys.modules if name not in _seen]:
        ours = name.partition(".")[0] == _PACKAGE and not name.startswith(_BESIDES)
        if ours or name in _NAMESPACES:
            _remembered.extend(_spaces(name, ours))
        _seen.add(name)


def _spaces(name: str, ours: bool) -> Iterator[_Space]:
    names = vars(sys.modules[name])
    yield _remember(names)
    if ours:
        classes = [value for value in names.values() if isinstance(value, type) and value.__module__ == name]
        yield from (_remember(vars(each)) for each in classes)


def _remember(now: Mapping[str, Any]) -> _Space:
    kept = {name: value for name, value in now.items() if callable(value) or type(value) in (int, float)}
    functions = [layer for value in kept.values() for layer in _layers(value)]
    return _Space(now, list(kept), list(kept.values()), functions, list(map(_code, functions)))


def _layers(value: Any) -> Iterator[types.FunctionType]:
    """A function, and those that it wraps."""
    while isinstance(value, types.FunctionType):
        yield value
        value = getattr(value, "__wrapped__", None)
