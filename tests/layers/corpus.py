"""Forward passes with one right backward pass each, and wrong ones, which are edits of its source text."""

import inspect
import linecache
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from identities import Diagnosis, Verification, check_vjp


@dataclass
class Layer:
    """A forward pass in JAX, how it is described to the oracle, and its backward pass in NumPy.

    **Fields:**

    - `function`: the forward pass.
    - `signature`, `domains`, `static`, `wrt`: as `check_vjp` takes them.
    - `right`: the backward pass.
    """

    function: Callable[..., Any]
    signature: str
    domains: Mapping[str, Any]
    static: Mapping[str, Any] | None
    wrt: str | tuple[str, ...] | None
    right: Callable[..., Any] = field(init=False)

    @property
    def name(self) -> str:
        return self.function.__name__

    def __str__(self) -> str:
        return self.name

    def backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the right backward pass."""
        self.right = function
        return function

    def wrong(self, kinds: str, says: str, *edits: tuple[str, str]) -> None:
        """Declare a wrong backward pass: what is replaced in the right one, each text occurring once.

        `kinds` has what an explanation that is true may be called, with bars between, the most telling one first; an
        explanation of that first kind has to match `says` too.
        """
        WRONG.append(Wrong(self, tuple(kinds.split("|")), says, edits, _edited(self, edits)))

    def judge(self, candidate: Callable[..., Any], **options: Any) -> Verification:
        """Put a candidate for the backward pass to the oracle."""
        described = {"signature": self.signature, "domains": self.domains, "static": self.static}
        return check_vjp(self.function, candidate, self.wrt, **described, **options)


@dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong backward pass, and what is true of the mistake in it."""

    layer: Layer
    kinds: tuple[str, ...]
    says: str
    edits: tuple[tuple[str, str], ...]
    candidate: Callable[..., Any]

    def judge(self, **options: Any) -> Verification:
        return self.layer.judge(self.candidate, **options)

    def is_true(self, diagnosis: Diagnosis) -> bool:
        """Whether an explanation is a true one."""
        if diagnosis.kind != self.kinds[0]:
            return diagnosis.kind in self.kinds
        return bool(re.search(self.says, diagnosis.sentence))

    def __str__(self) -> str:
        changes = (f"{_short(old)} -> {_short(new) or repr('')}" for old, new in self.edits)
        return f"{self.layer}: {'; '.join(changes)}"


LAYERS: list[Layer] = []
WRONG: list[Wrong] = []


def layer(
    signature: str, wrt: str | tuple[str, ...] | None = None, static: Mapping[str, Any] | None = None, **domains: Any
) -> Callable[[Callable[..., Any]], Layer]:
    """Declare a forward pass."""

    def declare(function: Callable[..., Any]) -> Layer:
        LAYERS.append(Layer(function, signature, domains, static, wrt))
        return LAYERS[-1]

    return declare


def _edited(layer: Layer, edits: tuple[tuple[str, str], ...]) -> Callable[..., Any]:
    source = inspect.getsource(layer.right)
    source = source[source.index("def ") :]  # without the decorator
    for old, new in edits:
        if source.count(old) != 1:
            raise ValueError(f"{old!r} occurs {source.count(old)} times in the backward pass of {layer}, not once")
        source = source.replace(old, new)
    filename = f"<{layer}, wrong backward pass {len(WRONG)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {}
    exec(compile(source, filename, "exec"), layer.right.__globals__, namespace)
    return namespace[layer.right.__name__]


def _short(text: str) -> str:
    return " ".join(text.split())
