"""The catalog, and the decorators that fill it: one for each kind of identity.

    @jacobian(matvec, wrt="x", states=r"\\frac{\\partial Wx}{\\partial x} = W", source=notes(1))
    def matvec_jacobian_x(W, x):
        return W

reads: the Jacobian of `matvec` with respect to `x` is `W`, by the notes' equation (1). The claim goes
into the catalog, where the oracle finds it; the function stays a plain function on arrays.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from identities.signature import Argument, arguments, checked, restrict, result, statics

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["jacobian", "vjp", "jvp", "hessian", "value"]


@dataclass(frozen=True)
class Source:
    """Where a claim stands in print.

    `equation` is the number there; `erratum` says what is printed wrongly, or is None.
    """

    document: str
    equation: str
    erratum: str | None = None

    def __str__(self) -> str:
        return f"{self.document} ({self.equation})"


@dataclass(frozen=True, eq=False)
class Identity:
    """A claim: *this* derivative of *that* function is *this* closed form.

    **Fields:**

    - `name`: of the identity and of its closed form.
    - `kind`: `"jacobian"`, of shape output + input; `"hessian"`, of shape output + input + input;
      `"vjp"`, a cotangent pulled back; `"jvp"`, tangents pushed forward.
    - `function`: the function that is differentiated.
    - `closed_form`: the hand-derived derivative. It takes the function's arguments, after the
      cotangent (vjp) or before the tangents (jvp).
    - `wrt`: the name of the argument that it is the derivative with respect to; for a jvp along
      several arguments, their names.
    - `statement`: the formula, in LaTeX.
    - `sources`: where it is from.
    - `exact`: whether it is a polynomial with integer coefficients, of degree four at most, so that it
      holds without any rounding on small integers.
    - `arguments`: those of the closed form, with their dimensions and domains.
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    closed_form: Callable[..., Any]
    wrt: str | tuple[str, ...]
    statement: str
    sources: tuple[Source, ...]
    exact: bool
    arguments: tuple[Argument, ...]

    @property
    def along(self) -> tuple[str, ...]:
        """The names in `wrt`, one or several, as a tuple."""
        return (self.wrt,) if isinstance(self.wrt, str) else self.wrt

    @property
    def static(self) -> tuple[str, ...]:
        """The names of arguments that are integers known while tracing, such as a power."""
        return tuple(statics(self.function))

    @property
    def preconditions(self) -> tuple[str, ...]:
        """What the arguments must obey for the claim to hold, in words."""
        return tuple(f"{a.name}: {a.domain.requires}" for a in self.arguments if a.domain.requires)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Identities of the catalog travel between processes by their names."""
        return (find, (self.name,)) if _catalog.get(self.name) is self else super().__reduce__()

    def __str__(self) -> str:
        return self.name

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.statement}$"


_SHORTHANDS = {r"\\D\{(\w+)\}": r"\\frac{\\partial}{\\partial \1}", r"\\Tr\b": r"\\operatorname{Tr}"}
"""What statements may say for short, each with the LaTeX that it stands for."""

_catalog: dict[str, Identity] = {}
catalog: Mapping[str, Identity] = MappingProxyType(_catalog)
"""Every identity by its name, read-only; declaring an identity adds it."""


def find(identity: Identity | str) -> Identity:
    """The identity of that name; or the identity itself, so that functions may take either.

    **Raises:** `LookupError`, with the names that come near.
    """
    if isinstance(identity, Identity):
        return identity
    if not isinstance(identity, str):
        raise TypeError(f"an identity is meant by its name, got a {type(identity).__name__}")
    if identity in _catalog:
        return _catalog[identity]
    near = difflib.get_close_matches(identity, _catalog, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`identities list` prints the names"
    raise LookupError(f"the catalog has no identity {identity!r}; {hint}")


def jacobian(
    function: Callable[..., Any],
    *,
    wrt: str | None = None,
    states: str,
    source: Source | tuple[Source, ...],
    exact: bool = False,
) -> Callable[[F], F]:
    """Declare that the decorated function is the Jacobian of `function`.

    It takes the arguments of `function` and returns the derivative in numerator layout, of shape output
    + input, where axes of fixed size 1 (those of row vectors) are dropped.

    **Arguments:**

    - `wrt`: the argument to differentiate by; may be left out where there is one only.
    - `states`, `source`, `exact`: see `Identity`. A statement may say `\\D{X}` for the derivative by X, and `\\Tr`.
    """
    return _declare("jacobian", function, wrt, states, source, exact)


def hessian(
    function: Callable[..., Any],
    *,
    wrt: str | None = None,
    states: str,
    source: Source | tuple[Source, ...],
    exact: bool = False,
) -> Callable[[F], F]:
    """Declare that the decorated function is the second derivative of `function`, in one argument.

    As `jacobian`, with a result of shape output + input + input.
    """
    return _declare("hessian", function, wrt, states, source, exact)


def vjp(
    function: Callable[..., Any],
    *,
    wrt: str | None = None,
    states: str,
    source: Source | tuple[Source, ...],
    exact: bool = False,
) -> Callable[[F], F]:
    """Declare that the decorated function pulls a cotangent back through `function`.

    It takes the cotangent, of the shape of the function's result, and then the function's arguments;
    it returns an array of the shape of the argument `wrt`. Otherwise as `jacobian`.
    """
    return _declare("vjp", function, wrt, states, source, exact)


def jvp(
    function: Callable[..., Any],
    *,
    wrt: str | tuple[str, ...] | None = None,
    states: str,
    source: Source | tuple[Source, ...],
    exact: bool = False,
) -> Callable[[F], F]:
    """Declare that the decorated function pushes tangents forward through `function`.

    It takes the function's arguments and then a tangent for each argument named in `wrt`; it returns
    an array of the shape of the function's result. Otherwise as `jacobian`.
    """
    return _declare("jvp", function, wrt, states, source, exact)


def _declare(
    kind: Kind,
    function: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    states: str,
    source: Source | tuple[Source, ...],
    exact: bool,
) -> Callable[[F], F]:
    if wrt is None:
        (wrt,) = (a.name for a in arguments(function))
    takes = derivative_arguments(kind, function, wrt)
    for shorthand, latex in _SHORTHANDS.items():
        states = re.sub(shorthand, latex, states)

    def declare(closed_form: F) -> F:
        name = closed_form.__name__
        if name in _catalog:
            raise ValueError(f"the catalog has an identity {name} already")
        static = statics(function)
        specification = restrict(takes, closed_form, static)
        public = checked(closed_form, specification, static)
        sources = (source,) if isinstance(source, Source) else source
        _catalog[name] = Identity(name, kind, function, public, wrt, states, sources, exact, specification)
        return public

    return declare


def derivative_arguments(kind: Kind, function: Callable[..., Any], wrt: str | tuple[str, ...]) -> tuple[Argument, ...]:
    """What a derivative of that kind takes: cotangents and tangents have no name yet."""
    primals = {a.name: a for a in arguments(function)}
    along = (wrt,) if isinstance(wrt, str) else wrt
    if unknown := [name for name in along if name not in primals]:
        raise ValueError(f"{function.__name__} has no argument {unknown[0]!r} to differentiate by")
    # Cotangents and tangents have the shape of what they belong to, but not its domain.
    before = [replace(result(function), name="")] if kind == "vjp" else []
    after = [Argument("", primals[name].forms) for name in along] if kind == "jvp" else []
    return (*before, *primals.values(), *after)
