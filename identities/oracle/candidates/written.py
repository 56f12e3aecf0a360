"""Functions of a file as they are written: a forward pass with a cache, and the backward pass that takes it.

Public courses write `out, cache = layer_forward(x, w, b)` and `dx, dw, db = layer_backward(dout, cache)`. What is asked for
is the value, and the gradients for cotangents and arguments. Where the one has to be made of the other is seen by how many
arguments a function takes and by how many results it returns, so that nobody has to say it.

`serving` also loads this file by its path, in a process of its own: it imports nothing of the package but `adapters`.
"""

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from identities.oracle.candidates import adapters
else:
    _spec = importlib.util.spec_from_file_location("_adapters", Path(__file__).with_name("adapters.py"))
    assert _spec is not None
    assert _spec.loader is not None
    adapters = importlib.util.module_from_spec(_spec)
    sys.modules["_adapters"] = adapters  # where dataclasses look for their own module
    _spec.loader.exec_module(adapters)

Source = str | Sequence[Any]
"""Where a candidate comes from, as JSON has it: the name of a function, or a description of what is made of several."""

Function = Callable[..., Any]


def value_of(name: str, results: int) -> list[Any]:
    """The function of that name, without the cache or the gradients that it returns after its results."""
    return ["value", [name], results]


def backward_of(name: str, forward: str, cotangents: int, results: int) -> list[Any]:
    """The backward pass of that name, which may take what that forward pass keeps for it."""
    return ["backward", [name, forward], cotangents, results]


def resolve(source: Source, functions: Mapping[str, Function]) -> Function:
    """The candidate that is meant, among the functions of its file.

    **Raises:** what `adapters.resolve` does, of its descriptions.
    """
    if isinstance(source, str):
        return functions[source]
    if source[0] in _MADE:
        kind, names, *counts = source
        return _MADE[kind](*[functions[name] for name in names], *counts)
    return adapters.resolve(source, functions)


def _value(function: Function, results: int) -> Function:
    @functools.wraps(function)
    def value(*arguments: Any, **options: Any) -> Any:
        returned = function(*arguments, **options)
        if not isinstance(returned, tuple) or len(returned) <= results:
            return returned
        return returned[:results] if results > 1 else returned[0]

    return value


def _backward(backward: Function, forward: Function, cotangents: int, results: int) -> Function:
    if _required(backward) != cotangents + 1:
        return backward

    def with_cache(*given: Any, **options: Any) -> Any:
        deltas, arguments = given[:cotangents], given[cotangents:]
        returned = forward(*arguments, **_accepted(forward, options))
        if isinstance(returned, tuple) and len(returned) == results + 1:
            arguments = returned[-1:]
        return backward(*deltas, *arguments, **_accepted(backward, options))

    # It is called like any candidate, with all options, and its errors are told by the lines of the backward pass.
    with_cache.__wrapped__ = backward  # pyright: ignore[reportFunctionMemberAccess]
    with_cache.__signature__ = inspect.signature(with_cache, follow_wrapped=False)  # pyright: ignore[reportFunctionMemberAccess]
    return with_cache


_MADE = {"value": _value, "backward": _backward}


def _required(function: Function) -> int:
    """How many arguments it must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return -1
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _accepted(function: Function, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that the function has a parameter for."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in parameters}
