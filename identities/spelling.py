"""Signatures of somebody's function: as they are spelled, or by its annotations, with domains and options by name."""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from identities.dimensions import expanded, names_in
from identities.domains import Domain
from identities.options import Option
from identities.signature import Argument, Parameter, Signature, array, branch, read_annotation, signature_of

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
    for what, given in (("domains", domains), ("static", static)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"{what} is a dict by the names of arguments; got a {type(given).__name__}")
    options = tuple(Option(name, tuple(v) if isinstance(v, list) else (v,)) for name, v in (static or {}).items())
    if empty := next((option.name for option in options if not option.values), None):
        raise ValueError(f"static: {empty} has no value to try")
    takes = _parameters(function)
    if takes and (unknown := [o.name for o in options if o.name not in takes and not _takes_anything(function)]):
        raise ValueError(
            f"{name_of(function)} has no argument {unknown[0]!r} to be static; it takes ({', '.join(takes)})"
        )
    if signature is None:
        own = signature_of(function, tuple(option.name for option in options))
    else:
        names = [name for name, p in takes.items() if p.default is p.empty and name not in (static or {})]
        own = read_signature(signature, names)
    own = replace(own, options=own.options + options)
    return _with_domains(own, dict(domains or {}))


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called in messages."""
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
        if odd := [key for key in dims if not isinstance(key, str)]:
            raise ValueError(f"the arrays of {name} go by names that are text; got the key {odd[0]!r}")
        return branch(name, dict, {k: _spelled(f"{name}.{k}", d) for k, d in dims.items()})
    if isinstance(dims, (tuple, list)):
        fields = getattr(dims, "_fields", range(len(dims)))
        children = {str(k): _spelled(f"{name}.{k}", d) for k, d in zip(fields, dims, strict=True)}
        return branch(name, type(dims), children)
    if dataclasses.is_dataclass(dims) and not isinstance(dims, type):
        children = {f.name: _spelled(f"{name}.{f.name}", getattr(dims, f.name)) for f in dataclasses.fields(dims)}
        return branch(name, type(dims), children)
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
        return array(leaf.name, leaf.forms, wanted, leaf.values)

    parameters = tuple(replace(p, leaves=tuple(domain_of(a, p.name) for a in p.leaves)) for p in signature.parameters)
    return replace(signature, parameters=parameters)


def _check_domain(name: str, domain: Any) -> None:
    if isinstance(domain, Mapping):
        for key, inner in domain.items():
            _check_domain(f"{name}.{key}", inner)
    elif not isinstance(domain, Domain):
        raise TypeError(f"the domain of {name} must be one of identities.domains, as in domains.positive")
