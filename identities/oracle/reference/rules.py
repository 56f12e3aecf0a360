"""Functions without the backward rules that somebody has given to parts of them, which forward mode cannot use."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn

T = TypeVar("T")

_RULED = "custom_vjp_call"


def forwards(mode: Callable[[Callable[..., Any]], T], function: Callable[..., Any]) -> T:
    """What forward mode makes of a function that may have a `jax.custom_vjp` in it.

    What has a rule is differentiated as the function that it is, so that the rule is held against that.
    """
    try:
        return mode(function)
    except TypeError as error:
        if "custom_vjp" not in str(error):
            raise
    return mode(_without_rules(function))


def _without_rules(function: Callable[..., Any]) -> Callable[..., Any]:
    def without(*arguments: Any) -> Any:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shapes), _evaluated(closed, jax.tree.leaves(arguments)))

    return without


def _inner(equation: JaxprEqn) -> dict[str, tuple[ClosedJaxpr, ...]]:
    """The programs among the parameters of an equation."""
    found = {}
    for name, value in equation.params.items():
        several = value if isinstance(value, tuple) else (value,)
        if several and all(isinstance(one, ClosedJaxpr) for one in several):
            found[name] = several
    return found


def _has_rules(closed: ClosedJaxpr) -> bool:
    return any(
        equation.primitive.name == _RULED
        or any(map(_has_rules, (one for of in _inner(equation).values() for one in of)))
        for equation in closed.jaxpr.eqns
    )


def _evaluated(closed: ClosedJaxpr, arguments: Sequence[Any]) -> list[Any]:
    """The results, with every rule left out."""
    known = dict(zip((*closed.jaxpr.constvars, *closed.jaxpr.invars), (*closed.consts, *arguments), strict=True))

    def value(variable: Any) -> Any:
        return variable.val if hasattr(variable, "val") else known[variable]

    for equation in closed.jaxpr.eqns:
        takes = [value(v) for v in equation.invars]
        if equation.primitive.name == _RULED:
            made = _evaluated(equation.params["call_jaxpr"], takes)
        else:
            given = {
                name: tuple(map(_without, of)) if isinstance(equation.params[name], tuple) else _without(of[0])
                for name, of in _inner(equation).items()
            }
            found = equation.primitive.bind(*takes, **equation.primitive.get_bind_params({**equation.params, **given}))
            made = found if equation.primitive.multiple_results else [found]
        known.update(zip(equation.outvars, made, strict=True))
    return [value(v) for v in closed.jaxpr.outvars]


def _without(closed: ClosedJaxpr) -> ClosedJaxpr:
    if not _has_rules(closed):
        return closed
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in closed.jaxpr.invars]
    return jax.make_jaxpr(lambda *arguments: _evaluated(closed, arguments))(*shapes)
