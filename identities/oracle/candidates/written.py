"""Functions of a file as they are written: a forward pass with a cache, and the backward pass that takes it.

Public courses write `out, cache = layer_forward(x, w, b)` and `dx, dw, db = layer_backward(dout, cache)`. What each of
them is to be called with is told by how many arguments it takes and how many results it returns, so that nobody has to
say it. All else is said by `adapters`.

A stranger's process loads this file too, see `start`: it imports nothing of the package but `adapters`.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from identities.oracle.candidates import adapters

Source = str | Mapping[str, Any]
"""Where a candidate comes from, as JSON has it: the name of a function, or a description of what is made of several."""

Function = Callable[..., Any]


def value_of(function: str, results: int) -> Source:
    """The function of that name, without the cache or the gradients that it returns after its results."""
    return {"written": "value", "function": function, "results": results}


def backward_of(backward: str, forward: str, cotangents: int, results: int) -> Source:
    """The backward pass of that name, which may take what that forward pass keeps for it in place of the arguments."""
    counts = {"cotangents": cotangents, "results": results}
    return {"written": "backward", "backward": backward, "forward": forward, **counts}


def names_in(source: Source) -> list[str]:
    """The names of the functions that a candidate is made of."""
    if isinstance(source, str):
        return [source]
    parts = [part for key, part in source.items() if key not in ("written", "adapter", "settings")]
    return [name for part in parts if isinstance(part, (str, Mapping)) for name in names_in(part)]


def resolve(source: Source, functions: Mapping[str, Function]) -> Function:
    """The candidate that is meant, among the functions of its file.

    **Raises:** `LookupError` for a function that the file does not have.
    """
    if isinstance(source, str) or "written" not in source:
        return adapters.resolve(source, functions)
    return _WRITTEN[source["written"]](source, lambda part: adapters.resolve(source[part], functions))


def _value(source: Mapping[str, Any], of: Callable[[str], Function]) -> Function:
    function, results = of("function"), source["results"]

    @functools.wraps(function)
    def value(*arguments: Any, **options: Any) -> Any:
        returned = function(*arguments, **options)
        if not isinstance(returned, tuple) or len(returned) <= results:
            return returned
        return returned[:results] if results > 1 else returned[0]

    return _known_as(value, function)


def _backward(source: Mapping[str, Any], of: Callable[[str], Function]) -> Function:
    forward, backward = of("forward"), of("backward")
    cotangents, results = source["cotangents"], source["results"]
    if _required(backward) != cotangents + 1:
        return backward

    def with_cache(*given: Any, **options: Any) -> Any:
        returned = adapters.applied(forward, given[cotangents:], options)
        kept = isinstance(returned, tuple) and len(returned) == results + 1
        rest = returned[-1:] if kept else given[cotangents:]
        return adapters.applied(backward, (*given[:cotangents], *rest), options)

    return _known_as(with_cache, backward)


_WRITTEN = {"value": _value, "backward": _backward}


def _known_as(made: Any, function: Function) -> Function:
    """The same, whose errors are told by the lines of a function of the file, as those of adapters are."""
    made.inner = function
    return made


def _required(function: Function) -> int:
    """How many arguments it must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return -1
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
