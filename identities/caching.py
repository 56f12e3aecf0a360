"""What is computed once for the same arguments, without holding on to everything that was ever judged."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 512
"""Of the last arguments the results are kept: a notebook or a long run of tests asks about ever more functions."""


def cached(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with its last results kept; of arguments that cannot be compared it is computed every time."""
    remembered: Any = functools.lru_cache(_MOST)(function)

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            hash((arguments, *named.values()))
        except TypeError:
            return function(*arguments, **named)
        return remembered(*arguments, **named)

    return call
