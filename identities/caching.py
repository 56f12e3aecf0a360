"""What is computed once for the same arguments, without holding on to everything that was ever judged."""

import functools
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 512
"""Of the last arguments the results are kept: a notebook or a long run of tests asks about ever more functions."""


def cached(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with its last results kept; of arguments that cannot be compared it is computed every time."""
    plain: Callable[..., R] = function
    remembered = functools.lru_cache(_MOST)(lambda call: plain(*call.arguments, **call.named))

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            key = told_apart((arguments, named))
        except TypeError:
            return function(*arguments, **named)
        return remembered(_Call(key, arguments, named))

    return call


@dataclass(frozen=True)
class _Call:
    """Arguments, which are the same as others if their keys are."""

    key: Hashable
    arguments: tuple[Any, ...] = field(compare=False)
    named: Mapping[str, Any] = field(compare=False)


def told_apart(value: Any) -> Hashable:
    """A key that tells a value from all that make other programs: equal numbers of another type, zeros of another sign.

    **Raises:** `TypeError` for a value that cannot be compared.
    """
    if isinstance(value, float):
        return type(value), value.hex()
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(told_apart, value))
    if isinstance(value, Mapping):
        return type(value), tuple((name, told_apart(part)) for name, part in value.items())
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return type(value), array.dtype, array.shape, array.tobytes()
    hash(value)
    return type(value), value
