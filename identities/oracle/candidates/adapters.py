"""Backward passes as they are written, as the oracle calls them: `adapter(*cotangents, *arguments, **options)`.

An adapter is given functions, or the names of functions of a file that it has not seen: then it is a description, and
`resolve` makes an adapter of it where the file is loaded, in a stranger's process. That loads this file too, see
`start`: it imports nothing of the package but `calling`.
"""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from identities.oracle.candidates import calling

Settings = Mapping[str, Mapping[str, Any]]
"""By the name of a parameter, the dict that it gets: with what stands here, and all options besides."""


@dataclass(frozen=True)
class WithCache:
    """A pair of functions: `*results, cache = forward(*arguments)`, `gradients = backward(*cotangents, cache)`."""

    forward: Callable[..., Any] | str
    backward: Callable[..., Any] | str
    settings: Settings = field(default_factory=dict)
    cotangents: int = 1

    def __call__(self, *given: Any, **options: Any) -> Any:
        *_, cache = self._run(given[self.cotangents :], options)
        return applied(self.backward, (*given[: self.cotangents], cache), options, self.settings)

    @property
    def inner(self) -> Callable[..., Any] | str:
        """The function whose lines an error is told by."""
        return self.backward

    @property
    def value(self) -> "Value":
        """The forward pass alone, without the cache, for `check_value`."""
        return Value(self)

    @property
    def __name__(self) -> str:
        return f"with_cache({name_of(self.forward)}, {name_of(self.backward)})"

    def asked(self, cotangents: int, places: Sequence[int | None]) -> "WithCache":
        """The same, called with so many cotangents."""
        return replace(self, cotangents=cotangents)

    def result(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """What the forward pass computes: one result, or a tuple of several."""
        *results, _ = self._run(arguments, options)
        return results[0] if len(results) == 1 else tuple(results)

    def plain(self) -> dict[str, Any]:
        """The description as JSON has it.

        **Raises:** `TypeError` for functions that have no name there.
        """
        names = {"forward": _named(self.forward), "backward": _named(self.backward)}
        return {"adapter": "with_cache", **names, "settings": {name: dict(v) for name, v in self.settings.items()}}

    def _run(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> tuple[Any, ...]:
        found = applied(self.forward, arguments, options, self.settings)
        if isinstance(found, (tuple, list)) and len(found) > 1:
            return tuple(found)
        raise TypeError(f"{name_of(self.forward)} returns {_a(found)}, where (result, cache) is due")


@dataclass(frozen=True)
class LossAndGradients:
    """A function that returns a loss and its gradients: one, several, a tuple or a dict of them."""

    function: Callable[..., Any] | str
    settings: Settings = field(default_factory=dict)
    cotangents: int = 0

    def __call__(self, *given: Any, **options: Any) -> Any:
        _, *gradients = self._run(given[self.cotangents :], options)
        found = gradients[0] if len(gradients) == 1 else tuple(gradients)
        return _times(given[0], found) if self.cotangents else found

    @property
    def inner(self) -> Callable[..., Any] | str:
        """The function whose lines an error is told by."""
        return self.function

    @property
    def value(self) -> "Value":
        """The loss alone, for `check_value`."""
        return Value(self)

    @property
    def __name__(self) -> str:
        return f"from_loss_and_gradients({name_of(self.function)})"

    def asked(self, cotangents: int, places: Sequence[int | None]) -> "LossAndGradients":
        """The same, called with the cotangent of the loss or without one."""
        return replace(self, cotangents=cotangents)

    def result(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The loss."""
        return self._run(arguments, options)[0]

    def plain(self) -> dict[str, Any]:
        """The description as JSON has it.

        **Raises:** `TypeError` for a function that has no name there.
        """
        settings = {name: dict(v) for name, v in self.settings.items()}
        return {"adapter": "from_loss_and_gradients", "function": _named(self.function), "settings": settings}

    def _run(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> tuple[Any, ...]:
        found = applied(self.function, arguments, options, self.settings)
        if isinstance(found, (tuple, list)) and len(found) > 1:
            return tuple(found)
        raise TypeError(f"{name_of(self.function)} returns {_a(found)}, where (loss, gradients) is due")


@dataclass(frozen=True)
class Value:
    """The forward pass of an adapter alone."""

    of: Any

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.of.result(arguments, options)

    @property
    def __name__(self) -> str:
        return f"{name_of(self.of)}.value"

    def plain(self) -> dict[str, Any]:
        """The description as JSON has it."""
        return {"adapter": "value", "of": self.of.plain()}


def resolve(plain: str | Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The function of that name, or the adapter of that description, with the functions of a file.

    **Raises:** `LookupError` for a function that the file does not have.
    """
    if isinstance(plain, str):
        if plain not in functions:
            raise LookupError(f"there is no function {plain}")
        return functions[plain]
    return _RESOLVED[plain["adapter"]](plain, lambda name: resolve(plain[name], functions))


_RESOLVED: Mapping[str, Callable[[Mapping[str, Any], Callable[[str], Any]], Callable[..., Any]]] = {
    "with_cache": lambda plain, of: WithCache(of("forward"), of("backward"), plain["settings"]),
    "from_loss_and_gradients": lambda plain, of: LossAndGradients(of("function"), plain["settings"]),
    "value": lambda plain, of: Value(of("of")),
}


def applied(
    function: Callable[..., Any] | str,
    values: Sequence[Any],
    options: Mapping[str, Any],
    settings: Settings | None = None,
) -> Any:
    """What a function returns for arrays and options, of which it gets those that it has parameters for."""
    if isinstance(function, str):
        raise calling.AdapterError(f"{function!r} is only the name of a function: it is for files, in a table")
    dicts = {name: {**copy.deepcopy(dict(fixed)), **options} for name, fixed in (settings or {}).items()}
    named = calling.accepted(function, options) | calling.accepted(function, dicts)
    if order := _by_name(function, named):
        return function(**dict(zip(order, values, strict=False)), **named)
    return function(*values, **named)


def _by_name(function: Callable[..., Any], named: Mapping[str, Any]) -> list[str]:
    """The names of the arrays, where an option stands before one of them; else nothing."""
    if not named:
        return []
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return []
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    arrays = [name for name in positional if name not in named]
    return arrays if positional[: len(arrays)] != arrays else []


def _times(delta: Any, gradients: Any) -> Any:
    """Gradients of the loss times its cotangent; that of integers, None, stays None."""
    if gradients is None:
        return None
    if isinstance(gradients, (tuple, list)):
        return tuple(_times(delta, part) for part in gradients)
    if isinstance(gradients, Mapping):
        return {name: _times(delta, part) for name, part in gradients.items()}
    return delta * gradients


def name_of(function: Any) -> str:
    """What a function is called, or the name that stands for one."""
    return function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)


def _named(function: Callable[..., Any] | str) -> str:
    if isinstance(function, str):
        return function
    raise TypeError(f"a table for other people's files has the names of functions; got {_a(function)}")


def _a(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
