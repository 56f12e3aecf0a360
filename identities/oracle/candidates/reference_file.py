"""A reference of one's own: a file of annotated functions in JAX, and what the names of candidates ask about them.

Of a function `f(x, w)` of the file,

- `f` and `f_forward` are judged as its value,
- `f_backward` as the vjp by every floating-point argument,
- `f_vjp`, `f_jvp`, `f_jacobian` and `f_hessian` as that, by every argument, and with `_x` or `_x_w` behind it by those.
"""

import difflib
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from identities.catalog import UnknownNameError
from identities.claim import Claim
from identities.kinds import KINDS
from identities.oracle.asking import claim
from identities.oracle.candidates import written
from identities.oracle.candidates.assignment import Question, Reading, nearly
from identities.oracle.candidates.calling import functions, load, said
from identities.oracle.candidates.written import Source

TABLE = "CANDIDATES"
"""What the file calls its table of those candidates that are more than a function of the name that is asked for."""

_DERIVATIVES = tuple(name for name, kind in KINDS.items() if kind.order)

_SUFFIXES = {"": "value", "_forward": "value", "_backward": "vjp", **{f"_{kind}": kind for kind in _DERIVATIVES}}
"""What is asked under the name of a function with this behind it, by every argument that has derivatives."""


class _Asked(NamedTuple):
    """What is asked under a name: about which function, and what."""

    function: str
    claim: Claim


class ReferenceFile:
    """What a file of annotated JAX functions asks for, under the names above, and by its table `CANDIDATES`.

    The table has, by the name that is asked for, the name of the function that is judged, or an adapter of names.

    **Raises:** `ValueError` for a file that cannot be loaded, for a function that is annotated and cannot be asked
    about, and for a line of the table that makes no sense.
    """

    def __init__(self, path: str):
        module = _loaded(path)
        self.reference: str = path
        self.digest: str = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        self.nowhere: str = f"is not asked for by {path}"
        self.nothing: str = f"has no function that {path} asks for"
        self._values: dict[str, Claim] = {name: self._value(name, f) for name, f in _annotated(module).items()}
        if not self._values:
            raise ValueError(f"{path} has no function with jaxtyping annotations, to be asked about")
        self._asked: Callable[[str], _Asked | None] = functools.cache(self._parsed)
        table: Mapping[str, Any] = getattr(module, TABLE, {})
        self._table: dict[str, Source] = {name: self._source(name, given) for name, given in table.items()}
        self._used: set[str] = {name for source in self._table.values() for name in written.names_in(source)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Its functions do not travel between processes; there the file is read anew."""
        return type(self), (self.reference,)

    def read(self, names: Sequence[str]) -> Reading:
        there = set(names)
        by_table = {name for name, source in self._table.items() if there.issuperset(written.names_in(source))}
        by_name = {name: asked for name in names if name not in self._table and (asked := self._asked(name))}
        questions = [Question(name, self.find(name), self._table[name]) for name in by_table]
        questions += [Question(n, asked.claim, self._as_written(n, asked, there)) for n, asked in by_name.items()]
        helpers = self._used | {name for name in names if self._asked(name)}
        return Reading(
            tuple(sorted(questions, key=lambda question: self.place(question.name))),
            nearly([name for name in names if name not in helpers], list(self._usual())),
            tuple(sorted(self._missing({q.name for q in questions}), key=self.place)),
        )

    def find(self, name: str) -> Claim:
        if asked := self._asked(name):
            return asked.claim
        near = difflib.get_close_matches(name, list(self._usual()), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"its functions are {', '.join(self._values)}"
        raise UnknownNameError(f"{self.reference} does not ask for {name!r}; {hint}")

    def place(self, name: str) -> tuple[int, int]:
        asked = self._asked(name)
        assert asked is not None
        behind = name.removeprefix(asked.function)
        number = list(_SUFFIXES).index(behind) if behind in _SUFFIXES else len(_SUFFIXES)
        return list(self._values).index(asked.function), number

    def _missing(self, there: set[str]) -> Iterator[str]:
        """What is asked for and not there: lines of the table, backward passes of forward ones, whole functions."""
        yield from (absent := self._table.keys() - there)
        touched = {asked.function for name in (*there, *absent) if (asked := self._asked(name))}
        for function in self._values:
            backward = f"{function}_backward"
            own = {name for name in there if (asked := self._asked(name)) and asked.function == function}
            if function not in touched:
                yield function
            elif own == {f"{function}_forward"} and backward not in absent and self._asked(backward):
                yield backward

    def _as_written(self, name: str, asked: _Asked, there: set[str]) -> Source:
        """What to call for a function of that name: it, or what it and the other pass of its layer make together."""
        signature = asked.claim.signature
        cotangents, results = len(asked.claim.parameters) - len(signature.parameters), len(signature.results)
        forward = next((f for f in (f"{asked.function}_forward", asked.function) if f in there), None)
        backward = f"{asked.function}_backward"
        if name == backward and forward:
            return written.backward_of(name, forward, cotangents, results)
        alone = name == asked.function and backward not in there and name not in self._used
        if name == forward and not alone:
            return written.value_of(name, results)
        return name

    def _parsed(self, name: str) -> _Asked | None:
        for function in sorted(self._values, key=len, reverse=True):
            if name.startswith(function) and (found := self._about(function, name.removeprefix(function))):
                return _Asked(function, replace(found, name=name))
        return None

    def _about(self, function: str, behind: str) -> Claim | None:
        """What is asked about a function by what stands behind its name; None if nothing can be."""
        kind, by = _SUFFIXES.get(behind), None
        if kind is None:
            kind, _, joined = behind.removeprefix("_").partition("_")
            by = _split(joined, self._moving(function))
            if not behind.startswith("_") or kind not in _DERIVATIVES or not by:
                return None
        try:
            return claim(kind, self._values[function].function, by)
        except ValueError:  # there is no such derivative: all of it is integers, or it is a matrix of complex numbers
            return None

    def _moving(self, function: str) -> list[str]:
        """The names of a function's arguments that have derivatives."""
        parameters = self._values[function].signature.parameters
        return [parameter.name for parameter in parameters if any(leaf.moves for leaf in parameter.leaves)]

    def _usual(self) -> Iterator[str]:
        """The names that a file is likely to have."""
        for function in self._values:
            yield from (f"{function}{behind}" for behind in _SUFFIXES)
            yield from (f"{function}_{kind}_{by}" for kind in _DERIVATIVES for by in self._moving(function))

    def _value(self, name: str, function: Callable[..., Any]) -> Claim:
        try:
            return claim("value", function)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.reference}: {name} cannot be asked about: {error}") from None

    def _source(self, name: str, given: Any) -> Source:
        try:
            self.find(name)
        except UnknownNameError as error:
            raise ValueError(f"{TABLE}: {error}") from None
        try:
            return given if isinstance(given, str) else given.plain()
        except (AttributeError, TypeError):
            raise ValueError(
                f"{self.reference}: {TABLE}: {name} must be the name of a function, or an adapter of names, as in "
                f'adapt.with_cache("layer_forward", "layer_backward"); got {given!r}'
            ) from None


def _split(joined: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """The names that underscores join, which they may have themselves; None if there are others."""
    if joined in names:
        return (joined,)
    for name in names:
        if joined.startswith(f"{name}_") and (rest := _split(joined.removeprefix(f"{name}_"), names)):
            return (name, *rest)
    return None


def _loaded(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    try:
        return load(path)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be loaded: {said(error, str(Path(path).resolve()))}") from error


def _annotated(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The functions of a module itself that say something of their arguments; the others are helpers."""
    return {
        name: function
        for name, function in functions(module).items()
        if getattr(function, "__module__", "") == module.__name__
        and not isinstance(function, type)
        and getattr(inspect.unwrap(function), "__annotations__", {})
    }
