"""Options: arguments that are known while tracing, and which of their values are tried.

What they may be rides along as metadata, `Annotated[float, Tried(1e-5)]`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from types import MappingProxyType
from typing import Any

import numpy as np

from identities.caching import cached


@dataclass(frozen=True)
class Static:
    """Metadata of an integer that is known while tracing, such as a power: `Annotated[int, Static(0, 4)]`.

    `least` is the smallest that is allowed, `most` the largest that is drawn; `first` the smallest that is drawn,
    unless that is `least`.
    """

    least: int
    most: int
    first: int | None = None

    @property
    def values(self) -> tuple[int, ...]:
        """Those that are drawn, in an order in which neighbours differ."""
        first = self.least if self.first is None else self.first
        return tuple(sorted(range(first, self.most + 1), key=lambda value: (3 * value + 1) % 5))

    def complaint(self, value: Any) -> str | None:
        """What is asked of a value that is not allowed."""
        if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= self.least:
            return None
        return f"must be an integer, at least {self.least}, known outside jit"


@dataclass(frozen=True)
class PerAxis(Static):
    """Metadata of an integer, or of a tuple of one for each axis of space: `Annotated[int, PerAxis(1, 2)]`.

    In dimensions, `stride[0]` is what the option `stride` is along the first of these axes. It may be one of some
    `words` instead, as `padding="same"`: then dimensions do not speak of it, and `FormOf` says what they are.
    """

    words: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[Any, ...]:
        """Those that are drawn."""
        return (*super().values, *self.words)

    def complaint(self, value: Any) -> str | None:
        """What is asked of a value that is not allowed."""
        along = value if isinstance(value, (tuple, list)) and value else [value]
        if value in self.words or all(super(PerAxis, self).complaint(number) is None for number in along):
            return None
        words = "".join(f", or {word!r}" for word in self.words)
        return f"must be an integer, at least {self.least}, or a tuple of one for each axis{words}, known outside jit"


@dataclass(frozen=True)
class Choice:
    """Metadata of an option that is known while tracing: `Annotated[bool, Choice(False, True)]`.

    Every combination of the values of all such options is tried.
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any):
        object.__setattr__(self, "values", values)

    def complaint(self, value: Any) -> str | None:
        """What is asked of a value that is not allowed: where only two are tried, true and false, there is no other."""
        if set(map(type, self.values)) == {bool} and not isinstance(value, (bool, np.bool_)):
            return "must be True or False, known outside jit"
        return None


class Tried(Choice):
    """Metadata of an option of which some values are tried, each at least once, as those of an epsilon."""


class OneOf(Tried):
    """Metadata of an option that has these values and no other."""

    def complaint(self, value: Any) -> str | None:
        """What is asked of a value that is not allowed."""
        return None if value in self.values else f"must be one of {', '.join(map(repr, self.values))}"


@dataclass(frozen=True)
class FormOf:
    """Metadata of a result of several shapes, that says which of them each value of an option gives, counted from 0.

    `Annotated[Float[Array, ""] | Float[Array, "n"], FormOf("reduction", mean=0, sum=0, none=1)]`; values that are no
    words are given as a mapping, `FormOf("keepdim", {False: 0, True: 1})`. Those that are not named give the first.
    Where arguments have several forms, each of these shapes is as many, in their order.
    """

    option: str
    alternatives: Mapping[Any, int]

    def __init__(self, option: str, values: Mapping[Any, int] = MappingProxyType({}), /, **named: int):
        object.__setattr__(self, "option", option)
        object.__setattr__(self, "alternatives", {**values, **named})

    @property
    def count(self) -> int:
        """How many shapes there are."""
        return max(self.alternatives.values()) + 1

    def chosen(self, value: Any) -> int:
        """Which of them a value of the option gives."""
        return next((number for known, number in self.alternatives.items() if known == value), 0)


@dataclass(frozen=True)
class Option:
    """A static argument of a function and the values that are tried, in every combination or at least once each.

    `others` are values that are not tried, and that somebody may have meant. With `per_axis`, each axis of an array
    has another one of the values, if there are several.
    """

    name: str
    values: tuple[Any, ...]
    every: bool = True
    others: tuple[Any, ...] = ()
    per_axis: bool = False


def drawn(static: Mapping[str, Static | Choice]) -> tuple[Option, ...]:
    """Static arguments as options: every combination is tried, or each value at least once."""
    return tuple(
        Option(name, metadata.values, type(metadata) is Choice, per_axis=isinstance(metadata, PerAxis))
        for name, metadata in static.items()
    )


@cached
def defaults(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the static arguments of an annotated function are where they are left out."""
    parameters = inspect.signature(function).parameters
    return {name: p.default for name in statics(function) if (p := parameters[name]).default is not p.empty}


@cached
def statics(function: Callable[..., Any]) -> Mapping[str, Static | Choice]:
    """The static arguments of an annotated function, by name."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    metadata = {p.name: getattr(p.annotation, "__metadata__", ()) for p in parameters}
    return {name: m for name, of_it in metadata.items() for m in of_it if isinstance(m, (Static, Choice))}
