"""What a function's annotations, or a signature in writing, say of its arguments and results.

The shapes of an argument are written once, as a jaxtyping annotation; its domain rides along as
`Annotated` metadata. Everything that needs either reads them here.
"""

import dataclasses
import functools
import inspect
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from identities.dimensions import Dims, describe, expanded, names_in
from identities.domains import Domain, Drawn, Values, real
from identities.trees import Node, Tree, count, pruned


@dataclass(frozen=True)
class Argument:
    """One array: its name, its dimensions, and the values that it may take.

    `forms` holds more than one `Dims` where the array may come in several shapes, as a vector and
    as a row vector do, or with leading axes; arrays with several forms take the same one together.
    """

    name: str
    forms: tuple[Dims, ...]
    domain: Domain = real
    values: Values = "floating"

    def dims(self, form: int) -> Dims:
        return self.forms[form if len(self.forms) > 1 else 0]

    @property
    def moves(self) -> bool:
        """Whether it has derivatives, as integers and booleans have not."""
        return self.values in ("floating", "complex")

    def __str__(self) -> str:
        shapes = " or ".join(describe(dims) for dims in self.forms)
        return f"{self.name} {shapes}" + (f", {self.domain.requires}" * bool(self.domain.requires))


@dataclass(frozen=True)
class Parameter:
    """What a function takes or returns under one name: an array, or a tree of arrays with names of their own."""

    name: str
    tree: Node
    leaves: tuple[Argument, ...]

    def prefixed(self, name: str) -> "Parameter":
        """The same under another name, its values free of any domain, as a cotangent or a tangent is."""
        renamed = [
            replace(leaf, name=name + leaf.name[len(self.name) :], domain=real) for leaf in self.leaves if leaf.moves
        ]
        tree = self.tree and pruned(self.tree, iter([leaf.moves for leaf in self.leaves]))
        return Parameter(name, tree, tuple(renamed))


@dataclass(frozen=True)
class Static:
    """Metadata of an integer that is known while tracing, such as a power: `Annotated[int, Static(0, 4)]`.

    `least` is the smallest that is allowed, `most` the largest that is drawn.
    """

    least: int
    most: int

    @property
    def values(self) -> tuple[int, ...]:
        """Those that are drawn, in an order in which neighbours differ."""
        return tuple(sorted(range(self.least, self.most + 1), key=lambda value: (3 * value + 1) % 5))

    def complaint(self, value: Any) -> str | None:
        """What is asked of a value that is not allowed."""
        if isinstance(value, int) and value >= self.least:
            return None
        return f"must be an integer, at least {self.least}, known outside jit"


@dataclass(frozen=True)
class Choice:
    """Metadata of an option that is known while tracing: `Annotated[bool, Choice(False, True)]`; all are drawn."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any):
        object.__setattr__(self, "values", values)

    def complaint(self, value: Any) -> str | None:
        return None


@dataclass(frozen=True)
class Option:
    """A static argument of a function and the values that are tried: every one, or as many as there are shapes."""

    name: str
    values: tuple[Any, ...]
    every: bool = True


@dataclass(frozen=True)
class Signature:
    """What a function takes and returns; a tuple of results has one parameter for each."""

    parameters: tuple[Parameter, ...]
    returns: Parameter
    options: tuple[Option, ...] = ()

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All arrays that it takes, in order."""
        return tuple(leaf for parameter in self.parameters for leaf in parameter.leaves)

    @property
    def results(self) -> tuple[Parameter, ...]:
        """What it returns; of a tuple, every part."""
        tree = self.returns.tree
        if tree is None or tree.type is not tuple:
            return (self.returns,)
        leaves = iter(self.returns.leaves)
        parts = [tuple(itertools.islice(leaves, count(child))) for child in tree.children]
        keyed = zip(tree.keys, tree.children, parts, strict=True)
        return tuple(Parameter(f"{self.returns.name}.{key}", child, part) for key, child, part in keyed)

    def parameter(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)


_JAXTYPING: dict[str, Values] = {"bool": "boolean", "int": "integer", "uint": "integer", "complex": "complex"}


def _values_of(annotation: Any) -> Values:
    kinds: set[Values] = {_JAXTYPING.get(str(dtype).rstrip("0123456789_"), "floating") for dtype in annotation.dtypes}
    return kinds.pop() if len(kinds) == 1 else "floating"


def read_annotation(name: str, annotation: Any, domain: Domain | None = None) -> Parameter:
    """What an annotation says: a jaxtyping one of an array, or a tuple, named tuple, dataclass or typed dict of them.

    **Raises:** `TypeError` for what says nothing of shapes, `ValueError` for dimensions that cannot be read.
    """
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        domain = domain or next((m for m in metadata if isinstance(m, Domain)), None)
        for drawn in (m for m in metadata if isinstance(m, Drawn)):
            domain = (domain or real).drawn_so(drawn)
    union = get_origin(annotation) in (Union, UnionType)
    alternatives = get_args(annotation) if union else (annotation,)
    if all(hasattr(alternative, "dim_str") for alternative in alternatives):
        forms = tuple(form for a in alternatives for form in expanded(tuple(a.dim_str.split())))
        return Parameter(name, None, (_array(name, forms, domain or real, _values_of(alternatives[0])),))
    fields = _fields(annotation)
    if fields is None:
        raise TypeError(f"argument {name}: annotate it with its shape, as in Float[Array, 'n m']; got {annotation!r}")
    type_, children = fields
    return _branch(name, type_, {key: read_annotation(f"{name}.{key}", a, domain) for key, a in children.items()})


def _fields(annotation: Any) -> tuple[type, dict[str, Any]] | None:
    if get_origin(annotation) is tuple and Ellipsis not in get_args(annotation):
        return tuple, {str(i): a for i, a in enumerate(get_args(annotation))}
    named = hasattr(annotation, "_fields") or typing.is_typeddict(annotation) or dataclasses.is_dataclass(annotation)
    if not named:
        return None
    hints = typing.get_type_hints(annotation, include_extras=True)
    type_: Any = dict if typing.is_typeddict(annotation) else annotation
    return type_, hints


def _branch(name: str, type_: type, children: Mapping[str, Parameter]) -> Parameter:
    tree = Tree(type_, tuple(children), tuple(child.tree for child in children.values()))
    return Parameter(name, tree, tuple(leaf for child in children.values() for leaf in child.leaves))


def _array(name: str, forms: tuple[Dims, ...], domain: Domain, values: Values = "floating") -> Argument:
    return Argument(name, forms, domain, domain.values or values)


def _left_at_its_default(p: inspect.Parameter) -> bool:
    return p.annotation is p.empty and p.default is not p.empty


@functools.cache
def signature_of(function: Callable[..., Any]) -> Signature:
    """What the annotations of a function say.

    **Raises:** `TypeError` for an argument without a shape.
    """
    own = inspect.signature(function, eval_str=True)
    static = statics(function)
    arrays = [p for p in own.parameters.values() if p.name not in static and not _left_at_its_default(p)]
    return Signature(
        tuple(read_annotation(p.name, p.annotation) for p in arrays),
        read_annotation("result", own.return_annotation),
        _drawn(static),
    )


def _drawn(static: "Mapping[str, Static | Choice]") -> tuple[Option, ...]:
    return tuple(Option(name, metadata.values, isinstance(metadata, Choice)) for name, metadata in static.items())


@functools.cache
def statics(function: Callable[..., Any]) -> Mapping[str, Static | Choice]:
    """The static arguments of an annotated function, by name."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    metadata = {p.name: getattr(p.annotation, "__metadata__", ()) for p in parameters}
    return {name: m for name, of_it in metadata.items() for m in of_it if isinstance(m, (Static, Choice))}


Spelled = str | tuple[Any, Any]
"""A signature in writing: `"(n,m),(m)->(n)"`; or a pair of arguments and results, with dimensions as leaves."""


def described(
    function: Callable[..., Any],
    signature: Spelled | None = None,
    domains: Mapping[str, Any] | None = None,
    static: Mapping[str, Any] | None = None,
) -> Signature:
    """The signature of somebody's function: as spelled, or else by its annotations, with domains and options by name.

    **Raises:** `TypeError` for a function that has neither; `ValueError` for a signature that cannot be read
    or does not fit the function, and for the domain of an argument that does not exist.
    """
    options = tuple(Option(name, tuple(v) if isinstance(v, list) else (v,)) for name, v in (static or {}).items())
    if empty := next((option.name for option in options if not option.values), None):
        raise ValueError(f"static: {empty} has no value to try")
    takes = _parameters(function)
    if takes and (unknown := [o.name for o in options if o.name not in takes and not _takes_anything(function)]):
        raise ValueError(
            f"{_name(function)} has no argument {unknown[0]!r} to be static; it takes ({', '.join(takes)})"
        )
    if signature is None:
        own = _annotated(function, tuple(option.name for option in options))
    else:
        names = [name for name, p in takes.items() if p.default is p.empty and name not in (static or {})]
        own = read_signature(signature, names)
    own = replace(own, options=own.options + options)
    return _with_domains(own, dict(domains or {}))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return {}
    return {name: p for name, p in parameters.items() if p.kind in named}


def _takes_anything(function: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def _annotated(function: Callable[..., Any], static: tuple[str, ...]) -> Signature:
    own = inspect.signature(function, eval_str=True)
    fixed = {name: metadata for name, metadata in statics(function).items() if name not in static}
    arrays = [
        p
        for p in own.parameters.values()
        if p.name not in static and p.name not in fixed and not _left_at_its_default(p)
    ]
    return Signature(
        tuple(read_annotation(p.name, p.annotation) for p in arrays),
        read_annotation("result", own.return_annotation),
        _drawn(fixed),
    )


def read_signature(signature: Spelled, names: Sequence[str]) -> Signature:
    """A signature in writing, for a function whose arguments have those names.

    **Raises:** `ValueError`, with the place that cannot be read.
    """
    if isinstance(signature, str):
        before, after = _groups_of(signature)
        arguments: Sequence[Any] = before
        results = after[0] if len(after) == 1 else tuple(after)
    elif isinstance(signature, tuple) and len(signature) == 2:
        arguments, results = signature
        if not isinstance(arguments, (tuple, list)):
            arguments = (arguments,)
    else:
        raise ValueError(f"signature {signature!r} is neither text nor a pair of arguments and results")
    if names and len(arguments) != len(names):
        raise ValueError(
            f"signature {signature!r} has {len(arguments)} arguments; the function takes ({', '.join(names)})"
        )
    names = names or [f"x{i}" for i in range(len(arguments))]
    try:
        parameters = tuple(_spelled(name, dims) for name, dims in zip(names, arguments, strict=True))
        return Signature(parameters, _spelled("result", results))
    except ValueError as error:
        raise ValueError(f"signature {signature!r} cannot be read: {error}") from None


class _Group(tuple):
    """Dimensions that have been read, as distinct from a tuple of arrays."""


def _spelled(name: str, dims: Any) -> Parameter:
    if isinstance(dims, _Group):
        return Parameter(name, None, (Argument(name, expanded(tuple(dims))),))
    if isinstance(dims, str):
        return _spelled(name, _Group(dims.split()))
    if isinstance(dims, Mapping):
        return _branch(name, dict, {str(k): _spelled(f"{name}.{k}", d) for k, d in dims.items()})
    if isinstance(dims, (tuple, list)):
        fields = getattr(dims, "_fields", range(len(dims)))
        children = {str(k): _spelled(f"{name}.{k}", d) for k, d in zip(fields, dims, strict=True)}
        return _branch(name, type(dims), children)
    if dataclasses.is_dataclass(dims) and not isinstance(dims, type):
        children = {f.name: _spelled(f"{name}.{f.name}", getattr(dims, f.name)) for f in dataclasses.fields(dims)}
        return _branch(name, type(dims), children)
    return read_annotation(name, dims)


_EXAMPLE = 'write it like "(n,m),(m)->(n)"'


def _groups_of(signature: str) -> tuple[list[_Group], list[_Group]]:
    """The groups before and after the arrow of a signature."""
    arrow = signature.find("->")
    if arrow < 0 or "->" in signature[arrow + 2 :]:
        raise ValueError(f"signature {signature!r} cannot be read: it has no single ->; {_EXAMPLE}")
    before = list(_groups(signature, 0, arrow))
    after = list(_groups(signature, arrow + 2, len(signature)))
    return before, after


def _groups(signature: str, start: int, end: int) -> Iterator[_Group]:
    """The parenthesised groups of a part of a signature."""

    def complain(at: int, what: str) -> ValueError:
        pointer = f"{signature}\n  {' ' * at}^"
        return ValueError(f"signature {signature!r} cannot be read: {what}; {_EXAMPLE}\n  {pointer}")

    at, first = start, True
    while at < end:
        if signature[at].isspace():
            at += 1
            continue
        if not first:
            if signature[at] != ",":
                raise complain(at, "a comma separates arrays")
            at = at + 1 + len(signature[at + 1 :]) - len(signature[at + 1 :].lstrip())
        if at >= end or signature[at] != "(":
            raise complain(min(at, len(signature)), "the dimensions of an array stand in parentheses")
        close, commas = _closing(signature, at, end)
        if close is None:
            raise complain(at, "this parenthesis is not closed")
        cuts = [at, *commas, close]
        dims = [signature[a + 1 : b].strip() for a, b in itertools.pairwise(cuts)]
        if dims == [""]:
            dims = []
        elif dims[-1] == "":  # (n,) is how Python writes it
            dims.pop()
        for dim, position in zip(dims, cuts, strict=False):
            try:
                if dim != "...":
                    names_in(dim)
            except ValueError as error:
                raise complain(position + 1, str(error)) from None
        yield _Group(dims)
        at, first = close + 1, False
    if first:
        raise complain(start, "there is no array")


def _closing(signature: str, start: int, end: int) -> tuple[int | None, list[int]]:
    """Where the parenthesis closes that opens at the start, and the commas at its level."""
    depth, commas = 0, []
    for at in range(start, end):
        depth += {"(": 1, ")": -1}.get(signature[at], 0)
        if depth == 0:
            return at, commas
        if depth == 1 and signature[at] == ",":
            commas.append(at)
    return None, commas


def _with_domains(signature: Signature, domains: Mapping[str, Any]) -> Signature:
    """The signature with domains in place, by the name of a parameter, or of one array within it.

    Names that no argument has may belong to cotangents and tangents, and are left for whoever makes those.
    """
    for name, domain in domains.items():
        _check_domain(name, domain)

    def domain_of(leaf: Argument, parameter: str) -> Argument:
        wanted = domains.get(leaf.name, domains.get(parameter))
        for key in leaf.name.split(".")[1:]:
            wanted = wanted.get(key) if isinstance(wanted, Mapping) else wanted
        if not isinstance(wanted, Domain):
            return leaf
        return _array(leaf.name, leaf.forms, wanted, leaf.values)

    parameters = tuple(replace(p, leaves=tuple(domain_of(a, p.name) for a in p.leaves)) for p in signature.parameters)
    return replace(signature, parameters=parameters)


def _check_domain(name: str, domain: Any) -> None:
    if isinstance(domain, Mapping):
        for key, inner in domain.items():
            _check_domain(f"{name}.{key}", inner)
    elif not isinstance(domain, Domain):
        raise TypeError(f"the domain of {name} must be one of identities.domains, as in domains.positive")


def names(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """The dimension names in their order of appearance."""
    dims = (dim for a in arguments for form in a.forms for dim in form)
    return tuple(dict.fromkeys(name for dim in dims for name in names_in(dim)))
