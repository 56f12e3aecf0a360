"""Adapters that also run in a candidate's own process, which loads this file by its path: it imports nothing of ours."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Description:
    """An adapter by the names of functions, which a file of candidates has."""

    adapter: str
    names: tuple[str, ...]

    def plain(self) -> list[str]:
        """The description as JSON has it."""
        return [self.adapter, *self.names]


def with_cache(forward: Any, backward: Any) -> Any:
    """The backward pass of `out, cache = forward(*arguments)` and `backward(*cotangents, cache)`."""
    if isinstance(forward, str):
        return Description("with_cache", (forward, backward))

    def adapter(*given, **options):
        parameters = inspect.signature(forward).parameters
        takes = len([p for p in parameters.values() if p.default is p.empty])
        *_, cache = forward(*given[-takes:], **{k: v for k, v in options.items() if k in parameters})
        return backward(*given[:-takes], cache)

    return adapter


def from_loss_and_gradients(function: Any) -> Any:
    """The backward pass of `loss, dx = function(*arguments)`."""
    if isinstance(function, str):
        return Description("from_loss_and_gradients", (function,))

    def adapter(delta, *arguments, **options):
        _, *gradients = function(*arguments, **options)
        scaled = tuple(delta * gradient for gradient in gradients)
        return scaled if len(scaled) > 1 else scaled[0]

    return adapter


def resolve(plain: Sequence[str], functions: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The callable that a description means, of the functions of a file."""
    adapter, *names = plain
    return {"with_cache": with_cache, "from_loss_and_gradients": from_loss_and_gradients}[adapter](
        *[functions[name] for name in names]
    )
