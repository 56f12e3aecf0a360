"""Claims as a closed form takes them: under its names, and for the shapes and values that its annotations name."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from identities.claim import Claim, make
from identities.options import defaults, statics
from identities.signature import Parameter, Signature, read_annotation


def as_taken(claim: Claim, closed_form: Callable[..., Any]) -> Claim:
    """The claim as a closed form takes its arguments: under its names, and as far as its annotations go.

    It may have fewer dimensions than its function, as one for square matrices has, or fewer forms.
    """
    own = {parameter.name for parameter in claim.signature.parameters}
    taken = tuple(p for p in _restricted(claim, closed_form) if p.name in own)
    narrowed = make(claim.name, claim.kind, claim.function, _narrowed(claim.signature, taken), claim.wrt)
    return replace(narrowed, parameters=_restricted(narrowed, closed_form), gives=_without_ones(narrowed.gives))


def check_options(claim: Claim, closed_form: Callable[..., Any]) -> None:
    """Raise `TypeError` for a closed form that does not take the options of its function as that does."""
    own_options, left_out = inspect.signature(closed_form).parameters, defaults(claim.function)
    for name in statics(claim.function):
        if name not in own_options or own_options[name].default != left_out.get(name, inspect.Parameter.empty):
            written = f"{name}={left_out[name]!r}" if name in left_out else name
            raise TypeError(f"{closed_form.__name__} must take the option {written}, as {claim.function.__name__} does")


def _narrowed(signature: Signature, own: tuple[Parameter, ...]) -> Signature:
    """The signature with a closed form's own parameters, and of the results the one form that belongs to these."""
    pairs = [
        (leaf, mine)
        for parameter, closed in zip(signature.parameters, own, strict=True)
        for leaf, mine in zip(parameter.leaves, closed.leaves, strict=True)
        if len(leaf.forms) > 1
    ]
    returns = signature.returns
    if pairs and all(len(mine.forms) == 1 for _, mine in pairs):
        form = next(i for i in range(len(pairs[0][0].forms)) if all(leaf.dims(i) == m.dims(0) for leaf, m in pairs))
        returns = replace(returns, leaves=tuple(replace(leaf, forms=(leaf.dims(form),)) for leaf in returns.leaves))
    return replace(signature, parameters=own, returns=returns)


def _without_ones(gives: Parameter) -> Parameter:
    """In the catalog, a row vector counts as a vector: Jacobians have no axes of fixed size 1."""
    if "1" not in {dim for leaf in gives.leaves for form in leaf.forms for dim in form}:
        return gives
    dropped = [replace(a, forms=tuple(tuple(d for d in form if d != "1") for form in a.forms)) for a in gives.leaves]
    return replace(gives, leaves=tuple(dropped))


def _restricted(claim: Claim, closed_form: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The claim's parameters under the names of the closed form, with its annotations in place wherever it has any.

    A closed form that holds only on a part of its function's domain says so by annotating the argument.
    """
    static = statics(claim.function)
    parameters = [p for p in inspect.signature(closed_form).parameters.values() if p.name not in static]
    own = {parameter.name for parameter in claim.signature.parameters}
    fits = len(parameters) == len(claim.parameters) and all(
        mine.name == p.name or mine.name not in own for mine, p in zip(claim.parameters, parameters, strict=True)
    )
    if not fits:
        expected = ", ".join(p.name if p.name in own else "<any name>" for p in claim.parameters)
        raise TypeError(f"{closed_form.__name__} must take the arguments ({expected})")
    return tuple(
        (mine if mine.name == p.name else mine.prefixed(p.name))
        if p.annotation is inspect.Parameter.empty
        else read_annotation(p.name, p.annotation)
        for mine, p in zip(claim.parameters, parameters, strict=True)
    )
