"""The catalog, and the decorators that fill it: one for each kind of identity.

    @jacobian(matvec, wrt="x", states=r"\\frac{\\partial Wx}{\\partial x} = W", source=notes(1))
    def matvec_jacobian_x(W, x):
        return W

reads: the Jacobian of `matvec` with respect to `x` is `W`, by the notes' equation (1). The claim goes
into the catalog, where the oracle finds it; the function stays a plain function on arrays.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from jaxtyping import Array

from identities.checking import checked
from identities.claim import Claim, make
from identities.kinds import KINDS
from identities.latex import is_equation, symbol
from identities.narrowing import as_taken, check_options
from identities.options import Option, defaults, statics
from identities.signature import signature_of

ClosedForm: TypeAlias = Callable[..., Array]
ClosedForms: TypeAlias = Callable[..., tuple[Array, ...]]
F = TypeVar("F", ClosedForm, ClosedForms)
"""A closed form gives an array; one of several gradients a tuple of them."""


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


@dataclass(frozen=True, eq=False, repr=False)
class Identity(Claim):
    """A claim with a closed form: *this* derivative of *that* function is *this* formula.

    **Fields:** those of a claim, `name`, `kind`, `function`, `wrt` and more, and

    - `closed_form`: the hand-derived derivative. It takes the function's arguments, after the
      cotangents (vjp) or before the tangents (jvp), and returns a tuple where there are several gradients.
    - `statements`: the formula, in LaTeX; for several gradients the right side of each, in the order of `wrt`.
    - `sources`: where it is from.
    - `exact`: whether it is a polynomial with integer coefficients, of degree four at most, so that it
      holds without any rounding on small integers.
    - `saves`: what a kernel may keep from the forward pass to have it at hand, in LaTeX; nothing but the arguments if
      it is empty.
    """

    closed_form: Callable[..., Any]
    statements: tuple[str, ...]
    sources: tuple[Source, ...]
    exact: bool
    saves: str = ""

    @property
    def statement(self) -> str:
        """The formula, in LaTeX."""
        return r",\quad ".join(self.equations)

    @property
    def equations(self) -> tuple[str, ...]:
        """One formula for each gradient, in LaTeX; what states a right side only gets its left side."""
        if len(self.statements) < len(self.wrt) or is_equation(self.statements[0]):
            return self.statements
        return tuple(
            f"{self.kind.left_side(symbol(by))} = {s}" for by, s in zip(self.wrt, self.statements, strict=True)
        )

    @property
    def topic(self) -> str:
        """Where it stands, as in `layers.normalisation`."""
        return self.closed_form.__module__.removeprefix("identities.")

    @property
    def static(self) -> tuple[str, ...]:
        """The names of arguments that are known while tracing, such as a power."""
        return tuple(statics(self.function))

    @property
    def positional(self) -> tuple[str, ...]:
        """What a candidate is called with by position: the closed form's parameters, but for options with a default."""
        optional = defaults(self.function)
        return tuple(name for name in inspect.signature(self.closed_form).parameters if name not in optional)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Identities of the catalog travel between processes by their names."""
        return (find, (self.name,)) if _catalog.get(self.name) is self else super().__reduce__()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.statement}$"


def at_defaults(identity: Identity, taken: Collection[str] | None) -> Identity:
    """What is asked of somebody who takes these parameters only: options that are not among them have their default."""
    usual = defaults(identity.function)
    left = usual.keys() - (usual if taken is None else taken)
    if not left:
        return identity

    def at_default(option: Option) -> Option:
        if option.name not in left:
            return option
        others = tuple(value for value in option.values if value != usual[option.name])
        return replace(option, values=(usual[option.name],), others=others)

    options = tuple(map(at_default, identity.options))
    return replace(identity, signature=replace(identity.signature, options=options))


_SHORTHANDS = {r"\\D\{(\w+)\}": r"\\frac{\\partial}{\\partial \1}", r"\\Tr\b": r"\\operatorname{Tr}"}
"""What statements may say for short, each with the LaTeX that it stands for."""

_catalog: dict[str, Identity] = {}
catalog: Mapping[str, Identity] = MappingProxyType(_catalog)
"""Every identity by its name, read-only; declaring an identity adds it."""


class UnknownNameError(LookupError):
    """Nothing has the name that was asked for; which names there are, in words."""


def find(identity: Identity | Callable[..., Any] | str) -> Identity:
    """The identity of that name, or of that closed form; or the identity itself, so that functions may take either.

    **Raises:** `UnknownNameError`, a `LookupError`, with the names that come near.
    """
    if isinstance(identity, Identity):
        return identity
    if not isinstance(identity, str):
        if found := next((own for own in _catalog.values() if own.closed_form is identity), None):
            return found
        raise TypeError(f"an identity is meant by its name, got a {type(identity).__name__}")
    if identity in _catalog:
        return _catalog[identity]
    near = difflib.get_close_matches(identity, _catalog, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`identities list` prints the names"
    raise UnknownNameError(f"the catalog has no identity {identity!r}; {hint}")


def jacobian(
    function: Callable[..., Any],
    *,
    wrt: str | tuple[str, ...] | None = None,
    states: str | tuple[str, ...],
    source: Source | tuple[Source, ...],
    exact: bool = False,
) -> Callable[[F], F]:
    """Declare that the decorated function is the Jacobian of `function`.

    It takes the arguments of `function` and returns the derivative in numerator layout, of shape output
    + input, where axes of fixed size 1 (those of row vectors) are dropped.

    **Arguments:**

    - `wrt`: the argument to differentiate by; may be left out where there is one only. With several, the closed
      form returns a tuple in that order.
    - `states`, `source`, `exact`: see `Identity`. A statement may say `\\D{X}` for the derivative by X, and `\\Tr`;
      for several arguments there is one each.
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
    wrt: str | tuple[str, ...] | None = None,
    states: str | tuple[str, ...],
    source: Source | tuple[Source, ...],
    exact: bool = False,
    saves: str = "",
) -> Callable[[F], F]:
    """Declare that the decorated function pulls a cotangent back through `function`.

    It takes the cotangent, of the shape of the function's result, or one for each of several results, and then the
    function's arguments; it returns an array of the shape of the argument `wrt`, or a tuple of them. Otherwise as
    `jacobian`.

    **Arguments:**

    - `saves`: what of the formula a kernel may keep from the forward pass, in LaTeX.
    """
    return _declare("vjp", function, wrt, states, source, exact, saves)


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
    what has the shape of the function's result. Otherwise as `jacobian`.
    """
    return _declare("jvp", function, wrt, states, source, exact)


def _declare(
    kind: str,
    function: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    states: str | tuple[str, ...],
    source: Source | tuple[Source, ...],
    exact: bool,
    saves: str = "",
) -> Callable[[F], F]:
    signature = signature_of(function)
    if wrt is None:
        (wrt,) = (parameter.name for parameter in signature.parameters)
    claimed = make(function.__name__, KINDS[kind], function, signature, wrt)
    statements = tuple(map(in_full, (states,) if isinstance(states, str) else states))
    if len(statements) not in (1, len(claimed.wrt)):
        raise ValueError(f"{function.__name__}: {len(statements)} statements for {len(claimed.wrt)} arguments in wrt")

    def declare(closed_form: F) -> F:
        name = closed_form.__name__
        if name in _catalog:
            raise ValueError(f"the catalog has an identity {name} already")
        check_options(claimed, closed_form)
        claim = replace(as_taken(claimed, closed_form), name=name)
        public = checked(closed_form, claim.parameters, of=function)
        sources = (source,) if isinstance(source, Source) else source
        of_claim = {f.name: getattr(claim, f.name) for f in fields(Claim)}
        formula = {"statements": statements, "sources": sources, "exact": exact, "saves": saves}
        _catalog[name] = Identity(**of_claim, closed_form=public, **formula)
        return public

    return declare


def restricted(identity: Identity, function: Callable[..., Any]) -> Identity:
    """What an identity says where a function of the closed form's parameters may speak of it.

    That is for the shapes and values that the annotations of the function name, and with options that it has no
    parameter for at their default; the identity itself, for a function without annotations that takes every option.

    **Raises:** `TypeError` for a function with other parameters.
    """
    parameters = inspect.signature(function).parameters
    usual = at_defaults(identity, parameters)
    claim = make(identity.name, identity.kind, identity.function, usual.signature, identity.wrt)
    taken = as_taken(claim, function)
    if all(p.annotation is p.empty for p in parameters.values()):
        return usual
    return replace(usual, **{f.name: getattr(taken, f.name) for f in fields(Claim)})


def in_full(statement: str) -> str:
    """LaTeX without the shorthands that statements have."""
    for shorthand, latex in _SHORTHANDS.items():
        statement = re.sub(shorthand, latex, statement)
    return statement
