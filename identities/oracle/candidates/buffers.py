"""Functions that write their results into arrays that they are given, as those of C and CUDA do.

They are called with memory of known content: results that are never written stay NaN; what is written beyond the ends
of an array is seen, and so is what overwrites a result that it is to add to; what is read there is NaN.
"""

import ctypes
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from identities.dimensions import shape_of
from identities.oracle.candidates.adapters import name_of
from identities.oracle.candidates.calling import AdapterError, Fault, as_array
from identities.oracle.candidates.prototypes import Place, sizes_of

_GUARD = 1024
"""How many entries of known content lie before and behind every array."""

_MARK = 77
"""What they hold beside a result: a number that every dtype has. Beside an argument it is NaN, or zero."""

_NOTHING = object()
"""The content of an array that is to be written wholly."""


@dataclass(frozen=True)
class IntoBuffers:
    """A function that writes into arrays, as one that returns them; `identities.adapt.into_buffers` makes it.

    **Fields:**

    - `prototype`: what the function takes, in order.
    - `takes`: the names of what it is called with by the oracle, in order.
    - `gives`: the names of what it returns to the oracle, in order.
    - `after`: the forward pass, whose arrays it may take too.
    - `accumulates`: whether it adds to the arrays that it gives.
    - `pointers`: whether it takes pointers and not arrays.
    """

    function: Callable[..., Any]
    prototype: tuple[Place, ...]
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    after: "IntoBuffers | None"
    accumulates: bool
    pointers: bool

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if len(arguments) != len(self.takes):
            takes = ", ".join(self.takes)
            raise AdapterError(f"{self.__name__} takes {takes}; it is called with {len(arguments)} arrays")
        found = self.run(dict(zip(self.takes, arguments, strict=True)), options)
        results = tuple(found[name] for name in self.gives)
        return results[0] if len(results) == 1 else results

    @property
    def inner(self) -> Callable[..., Any]:
        """The function whose lines an error is told by."""
        return self.function

    @property
    def __name__(self) -> str:
        return f"into_buffers({name_of(self.function)})"

    def run(self, given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """All arrays of a call, by name; a fault in the place of one whose memory was misused."""
        given = {**self._left_by_forward(given, options), **given}
        sizes = sizes_of(self.prototype, given, options)
        found = self._call(given, sizes, dict.fromkeys(self._written(given), 0.0 if self.accumulates else _NOTHING))
        if self.accumulates:
            found |= self._added(given, sizes, found)
        return {**given, **found}

    def _left_by_forward(self, given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        if self.after is None:
            return {}
        found = self.after.run({name: given[name] for name in self.after.takes}, options)
        if fault := next((value for value in found.values() if isinstance(value, Fault)), None):
            raise AdapterError(f"{self.after.__name__} {fault.sentence}")
        return found

    def _written(self, given: Mapping[str, Any]) -> list[str]:
        return [place.name for place in self.prototype if place.dims is not None and place.name not in given]

    def _added(self, given: Mapping[str, Any], sizes: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        """The results once more, each with a fault in its place if it does not add to what is there already."""
        right = [name for name in self.gives if not isinstance(found[name], Fault)]
        held = {name: _held(as_array(found[name])) for name in right}
        again = self._call(given, sizes, dict.fromkeys(self._written(given), 0.0) | held)
        return {name: _unless_lost(name, found[name], held[name], again[name]) for name in right}

    def _call(self, given: Mapping[str, Any], sizes: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays that one call has written, by name; `content` is what they hold before."""
        like = max(given.values(), key=lambda array: _has_nan(_dtype(array)))  # the first that is no index
        arrays: dict[str, Any] = {}
        written: dict[str, _Guarded] = {}
        for place in self.prototype:
            if place.name in content:
                shape, dtype = shape_of(place.dims or (), sizes), place.dtype or _dtype(like)
                written[place.name] = _Guarded.make(shape, dtype, like, _MARK)
                arrays[place.name] = written[place.name].array
                _fill(arrays[place.name], _nothing(dtype) if content[place.name] is _NOTHING else content[place.name])
            elif place.dims is not None:
                arrays[place.name] = self._taken(place, given[place.name])
        self.function(*[self._passed(place, arrays, sizes) for place in self.prototype])
        for name in arrays.keys() - content.keys():
            if arrays[name] is not given[name] and _dtype(arrays[name]) == _dtype(given[name]):
                _fill(given[name], arrays[name])  # whoever writes to the copy of an argument writes to the argument
        return {name: guarded.outcome(name) for name, guarded in written.items()}

    def _taken(self, place: Place, given: Any) -> Any:
        """An argument as the function takes it: side by side in memory, if it is to be found by a pointer."""
        dtype = _dtype(given)
        if not isinstance(given, np.ndarray) and not _is_tensor(given):
            raise AdapterError(f"{self.__name__} takes arrays of NumPy or torch, not a {type(given).__name__}")
        if "float" in dtype and place.dtype and place.dtype != dtype:
            raise AdapterError(
                f"{self.__name__}: {place.name} is {place.dtype} in the prototype, and the arguments are {dtype}: "
                f'ask for dtypes=("{place.dtype}",)'
            )
        if not self.pointers:
            return given
        guarded = _Guarded.make(tuple(given.shape), place.dtype or dtype, given, _nothing(dtype))
        _fill(guarded.array, given)
        return guarded.array

    def _passed(self, place: Place, arrays: Mapping[str, Any], sizes: Mapping[str, Any]) -> Any:
        if place.dims is not None:
            return _pointer(arrays[place.name]) if self.pointers else arrays[place.name]
        if place.name not in sizes:
            raise AdapterError(f"{self.__name__}: {place.name} is neither a dimension nor an option")
        typed = self.pointers and place.dtype
        return np.ctypeslib.as_ctypes_type(place.dtype)(sizes[place.name]) if typed else sizes[place.name]


@dataclass(frozen=True)
class _Guarded:
    """An array in the middle of memory of known content."""

    memory: Any
    array: Any

    @classmethod
    def make(cls, shape: tuple[int, ...], dtype: str, like: Any, guard: float) -> "_Guarded":
        size = math.prod(shape)
        if _is_tensor(like):
            torch = sys.modules["torch"]
            memory = torch.full((size + 2 * _GUARD,), guard, dtype=getattr(torch, dtype), device=like.device)
        else:
            memory = np.full(size + 2 * _GUARD, guard, dtype)
        return cls(memory, memory[_GUARD : _GUARD + size].reshape(shape))

    def outcome(self, name: str) -> Any:
        """The array, or a fault for what is written beside it."""
        beside = {"beginning": self.memory[:_GUARD], "end": self.memory[-_GUARD:]}
        if where := next((where for where, entries in beside.items() if not bool((entries == _MARK).all())), None):
            return Fault("memory", f"writes beyond the {where} of the array {name}")
        return self.array


def _nothing(dtype: str) -> float:
    """What an array holds where nobody has written."""
    return math.nan if _has_nan(dtype) else 0


def _has_nan(dtype: str) -> bool:
    return "float" in dtype or "complex" in dtype


def _is_tensor(array: Any) -> bool:
    return hasattr(array, "data_ptr")


def _dtype(array: Any) -> str:
    return str(array.dtype).removeprefix("torch.")


def _fill(array: Any, content: Any) -> None:
    if _is_tensor(array):
        array.copy_(content if _is_tensor(content) else sys.modules["torch"].as_tensor(content))
    else:
        array[...] = content


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.data_ptr() if _is_tensor(array) else array.ctypes.data)


def _held(result: np.ndarray) -> np.ndarray:
    """What a result is to be added to: much larger than it, so that nobody's rounding hides it."""
    finite = np.abs(result.astype(np.complex128))
    largest = finite[np.isfinite(finite)].max(initial=1)
    scale = 2.0 ** min(math.ceil(math.log2(largest)) + 6, 12 if result.dtype == np.float16 else 100)
    return (scale * (1 + np.arange(result.size) % 7 / 8)).reshape(result.shape)


def _unless_lost(name: str, result: Any, held: np.ndarray, again: Any) -> Any:
    """The result; or a fault if what was held is not there, once, in what came of adding to it."""
    if isinstance(again, Fault):
        return again
    first, second = (as_array(array).astype(np.complex128) for array in (result, again))
    kept = (second - first) / held
    wrong = np.isfinite(kept) & (np.abs(kept - 1) > 0.5)
    if not wrong.any():
        return result
    if (np.abs(kept[wrong]) < 0.5).all():
        return Fault("reduction", f"overwrites what {name} holds, where it is to add to it: `=` in place of `+=`")
    return Fault("reduction", f"does not add once to what {name} holds: {kept[wrong][0].real:.3g} times that is in it")
