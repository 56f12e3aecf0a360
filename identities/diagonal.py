"""Functions applied entry by entry: the Jacobian is diagonal, so one formula f' serves three kinds.

A function comes with its derivative, `<function>_derivative`, a plain function that works on arrays of any shape and
takes the function's options. Declaring it puts identities into the catalog: `<function>_jacobian` of a vector, and the
cheaper `<function>_vjp` and `<function>_jvp` of an array of any shape, which never form the diagonal matrix.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import Source, catalog, jacobian, jvp, vjp
from identities.domains import Drawn, nonzero, row_by_row
from identities.signature import signature_of

Real: TypeAlias = Annotated[Float[Array, "... n"], row_by_row]
Kinked: TypeAlias = Annotated[Real, Drawn(nonzero.project)]
"""Any values; drawn away from zero and whole numbers, where kinks are: at several of them at once, differences of a
function say nothing of its derivative."""

Vector: TypeAlias = Float[Array, " n"]
Derivative: TypeAlias = Callable[..., Array]


def closed_forms_of(module: str) -> Callable[[str], Callable[..., Array]]:
    """The `__getattr__` of a module whose closed forms `elementwise` makes: they are kept by name in the catalog."""

    def find(name: str) -> Callable[..., Array]:
        identity = catalog.get(name)
        if identity is None or identity.closed_form.__module__ != module:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return identity.closed_form

    return find


def elementwise_jacobian(derivative: Derivative, x: Vector, *options: Any, **named: Any) -> Float[Array, "n n"]:
    """diag(f'(x)), the Jacobian of f applied to each entry of x, where `derivative` is f'."""
    return jnp.diag(derivative(x, *options, **named))


def elementwise_vjp(derivative: Derivative, delta: Real, x: Real, *options: Any, **named: Any) -> Real:
    """The cotangent times f'(x), entry by entry: what delta diag(f'(x)) is, without the matrix."""
    return delta * derivative(x, *options, **named)


def elementwise_jvp(derivative: Derivative, x: Real, v: Real, *options: Any, **named: Any) -> Real:
    """f'(x) times the tangent, entry by entry: what diag(f'(x)) v is, without the matrix."""
    return derivative(x, *options, **named) * v


def elementwise(
    function: Callable[..., Array],
    states: str,
    source: Source | tuple[Source, ...],
    kinds: Sequence[Callable[..., Any]] = (jacobian, vjp, jvp),
    exact: bool = False,
) -> Callable[[Derivative], Derivative]:
    """Declare that the decorated function is the derivative of `function`, in an identity of each of the `kinds`.

    **Arguments:**

    - `states`: the formula for f'(x), in LaTeX.
    """
    name = function.__name__
    factor = rf"\left({states}\right)" if re.search("[+-]", states) else states
    _, *options = inspect.signature(function).parameters.values()
    vector = Annotated[Vector, signature_of(function).parameters[0].leaves[0].domain]

    def declare(derivative: Derivative) -> Derivative:
        def diagonal(x, *options, **named):
            return elementwise_jacobian(derivative, x, *options, **named)

        def pull_back(delta, x, *options, **named):
            return elementwise_vjp(derivative, delta, x, *options, **named)

        def push_forward(x, v, *options, **named):
            return elementwise_jvp(derivative, x, v, *options, **named)

        for kind, closed_form, statement, doc in (
            (
                jacobian,
                diagonal,
                rf"\frac{{\partial z}}{{\partial x}} = \operatorname{{diag}}({states})",
                f"diag(f'(x)) of f = {name}, shape (n, n).",
            ),
            (
                vjp,
                pull_back,
                rf"\frac{{\partial J}}{{\partial x}} = \delta \circ {factor}",
                f"delta * f'(x) of f = {name}, of the shape of x.",
            ),
            (jvp, push_forward, rf"dz = {factor} \circ dx", f"f'(x) * v of f = {name}, of the shape of x."),
        ):
            if kind not in kinds:
                continue
            closed_form.__name__ = closed_form.__qualname__ = f"{name}_{kind.__name__}"
            closed_form.__doc__ = f"{doc}\n\n{derivative.__doc__}"
            closed_form.__module__ = function.__module__
            arrays = [
                p for p in inspect.signature(closed_form).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD
            ]
            if kind is jacobian:
                arrays = [x.replace(annotation=vector) for x in arrays]
            vars(closed_form).update(
                __signature__=inspect.Signature([*arrays, *options]),
                __wrapped__=derivative,  # where the formula is written
            )
            kind(function, states=statement, source=source, exact=exact)(closed_form)
        return derivative

    return declare
