"""Functions in JAX with a rule of their own, put to the test: what they compute, and their rule."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from identities.claim import Claim
from identities.oracle.candidates.adapters import applied, name_of
from identities.oracle.candidates.autodiff import BackwardOf, restricted
from identities.oracle.check import claim, inquiry, parted, written_as
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.verification import Verification

_KINDS = {jax.custom_vjp: "vjp", jax.custom_jvp: "jvp"}


def judged_with_rule(
    function: Callable[..., Any],
    reference: Callable[..., Any] | None,
    wrt: str | Sequence[str] | None,
    asked: Mapping[str, Any],
) -> tuple[Verification, Verification]:
    """The verdicts on value and rule; `identities.adapt.check_custom` says the rest."""
    kind, body = _taken_apart(function, asked.get("static") or {})
    of_function, options = parted(asked, "check_custom")
    options = {"arrays": "jax", **options}
    by_rule = claim(kind, reference or body, wrt, **of_function)
    value = claim("value", reference or body, **of_function)
    places = [i for i, p in enumerate(by_rule.signature.parameters) if p.name in by_rule.wrt]
    given = f", {name_of(reference)}" * (reference is not None) + f", wrt={wrt!r}" * (wrt is not None)
    repeat = f"identities.adapt.check_custom({name_of(function)}{given}{written_as(asked)})"

    def verdict(claimed: Claim, candidate: Callable[..., Any]) -> Verification:
        return judge(inquiry(claimed, candidate, "check_custom", options), repeat)

    if reference is not None:
        verdict(value, _ByItself(function))
    rule = BackwardOf(function) if kind == "vjp" else _Pushed(function, places)
    value_by_rule = replace(value, name=f"{value.name}, by its rule,")
    return verdict(value_by_rule, _WithRule(function, places)), verdict(by_rule, rule)


def _taken_apart(function: Callable[..., Any], static: Mapping[str, Any]) -> tuple[str, Callable[..., Any]]:
    """The kind of the rule, and the function without it."""
    custom = inspect.unwrap(function, stop=lambda f: isinstance(f, tuple(_KINDS)))
    kind = next((kind for type_, kind in _KINDS.items() if isinstance(custom, type_)), None)
    if kind is None:
        raise TypeError(
            f"{name_of(function)} is no jax.custom_vjp or jax.custom_jvp; adapt.backward_of takes any function"
        )
    body = custom.__wrapped__
    parameters = list(inspect.signature(body).parameters.values())
    options = [parameters[i] for i in getattr(custom, "nondiff_argnums", ())]
    if missing := [p.name for p in options if p.name not in static and p.default is p.empty]:
        raise ValueError(
            f"{missing[0]} is in nondiff_argnums of {name_of(function)}: say which values it takes, "
            f"as in static={{{missing[0]!r}: ...}}"
        )
    return kind, body


@dataclass(frozen=True)
class _ByItself:
    """The function, where nobody differentiates."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return applied(self.function, arguments, options)


@dataclass(frozen=True)
class _WithRule:
    """What the function computes where it is differentiated, by its rule."""

    function: Callable[..., Any]
    places: Sequence[int]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        along, at = restricted(self.function, arguments, self.places, options)
        return jax.linearize(along, *at)[0]


@dataclass(frozen=True)
class _Pushed:
    """Its forward derivative."""

    function: Callable[..., Any]
    places: Sequence[int]

    def __call__(self, *given: Any, **options: Any) -> Any:
        count = len(given) - len(self.places)
        along, at = restricted(self.function, given[:count], self.places, options)
        return jax.jvp(along, at, jax.tree.map(jax.numpy.asarray, given[count:]))[1]
