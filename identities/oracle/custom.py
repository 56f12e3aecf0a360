"""Functions in JAX with a rule of their own, put to the test: what they compute, and their rule."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax

from identities.claim import Claim
from identities.oracle.asking import claim, inquiry, parted, written_as
from identities.oracle.candidates.adapters import name_of
from identities.oracle.candidates.autodiff import BackwardOf, Compiled, as_compiled, restricted
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.reference.described import structures
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
    by_rule = _named(function, claim(kind, reference or body, wrt, **of_function))
    value = _named(function, claim("value", reference or body, **of_function))
    if reference is None:
        _check_differentiable(by_rule)
    places = [i for i, p in enumerate(by_rule.signature.parameters) if p.name in by_rule.wrt]
    given = f", {name_of(reference)}" * (reference is not None) + f", wrt={wrt!r}" * (wrt is not None)
    repeat = f"identities.adapt.check_custom({name_of(function)}{given}{written_as(asked)})"

    def verdict(claimed: Claim, candidate: Callable[..., Any]) -> Verification:
        return judge(inquiry(claimed, candidate, "check_custom", options), repeat)

    if reference is not None:
        verdict(value, as_compiled(function))
    rule = BackwardOf(function) if kind == "vjp" else Compiled(functools.partial(_pushed, function, places))
    value_by_rule = replace(value, name=f"{value.name}, by its rule,")
    with_rule = Compiled(functools.partial(_value_with_rule, function, places))
    return verdict(value_by_rule, with_rule), verdict(by_rule, rule)


def _named(function: Callable[..., Any], claimed: Claim) -> Claim:
    return replace(claimed, name="_".join([name_of(function), claimed.kind.name, *claimed.wrt]))


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


def _check_differentiable(claimed: Claim) -> None:
    """Raise `TypeError` for a body that has no derivative but by its rule, as a Pallas kernel."""
    (shape, *_) = draw_shapes(claimed, 1, 0)
    flat = claimed.flat(shape.static(claimed))
    given = structures(claimed.primals, shape)
    jax.eval_shape(flat, *given)  # by itself first: what is wrong with the body or its signature is said as it is
    try:
        jax.eval_shape(lambda *primals: jax.linearize(flat, *primals)[0], *given)
    except Exception as error:  # what a primitive without a rule raises is its own affair; here it is the cause
        said = f"{type(error).__name__}: {error}"
        name = name_of(claimed.function)
        raise TypeError(f"JAX cannot differentiate the body of {name}: give a reference in JAX ({said})") from error


def _value_with_rule(function: Callable[..., Any], places: Sequence[int], *arguments: Any, **options: Any) -> Any:
    """What the function computes where it is differentiated, which is what its rule says."""
    along, at = restricted(function, arguments, places, options)
    return jax.linearize(along, *at)[0]


def _pushed(function: Callable[..., Any], places: Sequence[int], *given: Any, **options: Any) -> Any:
    """Its forward derivative, of arguments and then tangents."""
    count = len(given) - len(places)
    along, at = restricted(function, given[:count], places, options)
    return jax.jvp(along, at, given[count:])[1]
