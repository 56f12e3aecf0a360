"""What a file of candidates is asked for: the catalog, or the functions of a reference file, by the names of its functions.

Of a function `f(x, w)` of a reference file,

- `f` and `f_forward` are judged as its value,
- `f_backward` as the vjp by every floating-point argument,
- `f_vjp`, `f_jvp`, `f_jacobian` and `f_hessian` as that, by every argument, and with `_x` or `_x_w` behind it by those.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from identities.catalog import UnknownNameError, catalog, find
from identities.claim import Claim
from identities.kinds import KINDS
from identities.latex import plain
from identities.oracle.candidates import written
from identities.oracle.candidates.calling import functions, load, said
from identities.oracle.candidates.written import Source
from identities.oracle.check import claim

TABLE = "CANDIDATES"
"""What a reference file calls the table of those candidates that are no function of the name that is asked for."""


class Question(NamedTuple):
    """What is asked under one name.

    **Fields:**

    - `name`: as a file of candidates and the table of verdicts have it.
    - `claim`: what there is to be right about.
    - `source`: what is called, of the functions of the file.
    - `statement`: the formula, of an identity of the catalog.
    """

    name: str
    claim: Claim
    source: Source
    statement: str = ""


@dataclass(frozen=True)
class Reading:
    """What a file of candidates has, as far as it is asked for.

    **Fields:**

    - `questions`: what is judged, in the order of the assignment or of the file.
    - `near`: names that nothing has, each with the one that may be meant.
    - `missing`: what is asked for and not there.
    """

    questions: tuple[Question, ...]
    near: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class Assignment(Protocol):
    """What may be asked of a file.

    **Fields:**

    - `option`: what a command line says of it.
    - `nowhere`: what is said of a name that it does not know.
    - `nothing`: what is said of a file that has none of its names.
    """

    option: str
    nowhere: str
    nothing: str

    def read(self, names: Sequence[str]) -> Reading:
        """What the names of a file's functions are asked."""
        ...

    def find(self, name: str) -> Claim:
        """What is asked under a name; `LookupError`, with the names that come near, if there is nothing."""
        ...


class Catalog:
    """The identities of the catalog, each under its name."""

    option: str = ""
    nowhere: str = "is not in the catalog"
    nothing: str = "has no function whose name is in the catalog (`identities list`)"

    def read(self, names: Sequence[str]) -> Reading:
        known = {identity.function.__name__ for identity in catalog.values()}
        questions = [
            Question(name, catalog[name], name, plain(catalog[name].statement)) for name in names if name in catalog
        ]
        return Reading(tuple(questions), _near((name for name in names if name not in known), catalog))

    def find(self, name: str) -> Claim:
        return find(name)


class ReferenceFile:
    """The annotated JAX functions of a file, under the names above, and its table `CANDIDATES`.

    **Raises:** `ValueError` for a file that cannot be loaded, for a function that is annotated and cannot be asked
    for, and for a line of the table that makes no sense.
    """

    def __init__(self, path: str):
        self.path: str = path
        self.option: str = f"--reference {path}"
        self.nowhere: str = f"is not asked for by {path}"
        self.nothing: str = f"has no function that {path} asks for"
        module = _loaded(path)
        self._functions = {
            name: function
            for name, function in functions(module).items()
            if getattr(function, "__module__", "") == module.__name__ and _is_annotated(function)
        }
        if not self._functions:
            raise ValueError(f"{path} has no function with jaxtyping annotations to ask for")
        self._claims: dict[str, Claim] = {}
        self._asked = functools.cache(self._parsed)
        for name in self._functions:
            self._check(name)
        self._table: dict[str, Source] = {}
        for name, candidate in dict(getattr(module, TABLE, {})).items():
            self._table[name] = self._source(name, candidate)

    def _check(self, name: str) -> None:
        try:
            self.find(name)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.path}: {name} cannot be asked for: {error}") from None

    def _source(self, name: str, candidate: Any) -> Source:
        try:
            self.find(name)
        except LookupError as error:
            raise ValueError(f"{self.path}: {TABLE}: {error}") from None
        try:
            return candidate if isinstance(candidate, str) else candidate.plain()
        except (AttributeError, TypeError):
            raise ValueError(
                f"{self.path}: {TABLE}: {name} must be the name of a function, or an adapter of names, as in "
                f'adapt.with_cache("layer_forward", "layer_backward"); got {candidate!r}'
            ) from None

    def find(self, name: str) -> Claim:
        if name not in self._claims:
            asked = self._asked(name)
            if asked is None:
                near = difflib.get_close_matches(name, list(self._usual()), n=3, cutoff=0.5)
                hint = f"; did you mean {' or '.join(near)}?" if near else f"; it has {', '.join(self._functions)}"
                raise UnknownNameError(f"{self.path} does not ask for {name!r}{hint}")
            function, kind, by = asked
            self._claims[name] = replace(claim(kind, self._functions[function], by), name=name)
        return self._claims[name]

    def read(self, names: Sequence[str]) -> Reading:
        there = set(names)
        found: dict[str, list[Question]] = {function: [] for function in self._functions}
        missing: list[str] = []
        for name, source in self._table.items():
            if there.issuperset(written.names_in(source)):
                found[self._function(name)].append(Question(name, self.find(name), source))
            else:
                missing.append(name)
        for name in names:
            if name not in self._table and (function := self._function(name)):
                found[function].append(Question(name, self.find(name), self._as_written(name, function, there)))
        for function, questions in found.items():
            asked = {question.name for question in questions}
            if not asked and not any(self._function(name) == function for name in missing):
                missing.append(function)
            elif asked == {f"{function}_forward"} and f"{function}_backward" not in missing:
                missing.append(f"{function}_backward")
        known = there - self._used
        return Reading(
            tuple(question for questions in found.values() for question in questions),
            _near((name for name in names if name in known and self._function(name) is None), self._usual()),
            tuple(missing),
        )

    @functools.cached_property
    def _used(self) -> set[str]:
        """The names of functions that the table is made of."""
        return {name for source in self._table.values() for name in written.names_in(source)}

    def _as_written(self, name: str, function: str, there: set[str]) -> Source:
        """What to call for a function of that name: itself, or what it and the others of its layer make together."""
        claimed = self.find(name)
        results = len(claimed.signature.results)
        forward = next((f for f in (f"{function}_forward", function) if f in there), None)
        backward = f"{function}_backward"
        if name == backward and forward:
            return written.backward_of(name, forward, len(claimed.parameters) - len(claimed.signature.parameters), results)
        if name == forward and (backward in there or name in self._used):
            return written.value_of(name, results)
        return name

    def _function(self, name: str) -> str | None:
        asked = self._asked(name)
        return asked[0] if asked else None

    def _parsed(self, name: str) -> tuple[str, str, tuple[str, ...] | None] | None:
        """The function, the kind, and the arguments to differentiate by, None for all of them."""
        for function in sorted(self._functions, key=len, reverse=True):
            rest = name.removeprefix(function)
            if name.startswith(function) and rest in _SUFFIXES:
                return function, _SUFFIXES[rest], None
            kind, _, by = rest.removeprefix("_").partition("_")
            if name.startswith(f"{function}_") and kind in KINDS and KINDS[kind].order:
                wrt = _split(by, self._moving(function))
                if wrt:
                    return function, kind, wrt
        return None

    def _moving(self, function: str) -> list[str]:
        """The names of a function's arguments that have derivatives."""
        parameters = self.find(function).signature.parameters
        return [parameter.name for parameter in parameters if any(leaf.moves for leaf in parameter.leaves)]

    def _usual(self) -> Iterator[str]:
        """The names that a file is likely to have."""
        for function in self._functions:
            yield from (f"{function}{suffix}" for suffix in _SUFFIXES)
            for kind in KINDS.values():
                if kind.order:
                    yield from (f"{function}_{kind}_{by}" for by in self._moving(function))


_SUFFIXES = {"": "value", "_forward": "value", "_backward": "vjp"} | {
    f"_{kind}": kind for kind in KINDS if KINDS[kind].order
}
"""The kind of what is asked under the name of a function with this behind it, by every argument that has derivatives."""


def _split(joined: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """The names that are joined by underscores, which they may have themselves."""
    if joined in names:
        return (joined,)
    for name in names:
        if joined.startswith(f"{name}_") and (rest := _split(joined.removeprefix(f"{name}_"), names)):
            return (name, *rest)
    return None


def _near(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Those names that nothing has, and that something nearly has."""
    known = list(known)
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.8) for name in names}
    return {name: found[0] for name, found in close.items() if found and name not in known}


def _loaded(path: str) -> Any:
    if not Path(path).is_file():
        raise ValueError(f"--reference: there is no file {path}")
    try:
        return load(path)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be loaded: {said(error, str(Path(path).resolve()))}") from error


def _is_annotated(function: Callable[..., Any]) -> bool:
    """Whether a function says anything of its arguments; one that does not is a helper."""
    try:
        return bool(inspect.get_annotations(inspect.unwrap(function)))
    except TypeError:
        return False


CATALOG = Catalog()
