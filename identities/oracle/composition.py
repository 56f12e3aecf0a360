"""Whether a closed form composes: outside `jit` and `vmap`, and with differentiation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity
from identities.claim import Claim, make
from identities.kinds import KINDS
from identities.oracle.candidates.autodiff import restricted
from identities.oracle.candidates.calling import Answers
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch
from identities.oracle.run.programs import evaluated, full_precision
from identities.oracle.trial import Trial
from identities.oracle.verdict.doubt import in_doubt
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.plan import Plan
from identities.signature import Parameter, Signature
from identities.trees import tuple_of

Arrays = Sequence[Any]

_INSTANCES = 64
"""How many instances are enough, for the most costly of the witnesses."""


def by_itself(identity: Identity, trial: Trial, plan: Plan) -> Trial:
    """The trial with one of its results computed anew: eagerly, by itself, in no batch."""
    with full_precision():
        results = closed_form_of(identity, trial.shape)(*[jnp.asarray(values[-1]) for values in trial.batch.values()])
    # As lists, so that a result of another shape or dtype is one, and is not cast to what it should be.
    outcomes = [[*leaf[:-1], result] for leaf, result in zip(trial.answers.leaves, results, strict=True)]
    found = replace(trial, answers=Answers(tuple(list(map(np.asarray, of_leaf)) for of_leaf in outcomes)))
    return found if found.passed else in_doubt(found, plan)


def differentiated(identity: Identity, shape: Shape, plan: Plan) -> Trial:
    """The derivative of the closed form along random tangents of the function's arguments, in float64.

    That is one more claim: the jvp of what automatic differentiation makes of the function.
    """
    plan = replace(plan, dtypes=("float64",), instances=_INSTANCES)
    claim, candidate = _derivative_of(identity, shape), _Differentiated(identity)
    (trial,) = Inquiry(claim, candidate, plan, identity.exact).trials(shape)
    return trial


def _derivative_of(identity: Identity, shape: Shape) -> Claim:
    """The claim about the derivative of what the closed form gives, at one shape."""
    names = {str(i): None for i in range(len(identity.leaves))}
    takes = tuple(Parameter(a.name, None, (a,)) for a in identity.arguments)
    gives = Parameter("result", tuple_of(names), identity.leaves)
    function = _by_automatic_differentiation(identity, shape)
    return make(f"derivative of {identity.name}", KINDS["jvp"], function, Signature(takes, gives), identity.moving)


@dataclass(frozen=True)
class _Differentiated:
    """The derivative of a closed form as a candidate: it takes what that takes, and tangents."""

    identity: Identity

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        closed_form = closed_form_of(self.identity, shape)
        names = [a.name for a in self.identity.arguments]
        places = [names.index(name) for name in self.identity.moving]

        def pushed(*given: Any) -> Any:
            along, at = restricted(closed_form, given[: len(names)], places, {})
            return jax.jvp(along, at, given[len(names) :])[1]

        # Not compiled where NumPy will do: XLA can hang over several triangular solves in one program.
        by_dtype = {dtype: tuple(batch.values()) for dtype, batch in batches.items()}
        return {dtype: Answers(tuple(evaluated(pushed, given)(*given))) for dtype, given in by_dtype.items()}


@dataclass(frozen=True)
class _Traced:
    """The derivative of a function at one point, a `kinds.LinearMap`, by whichever mode is asked for."""

    function: Callable[..., tuple[Any, ...]]
    at: tuple[Any, ...]

    def push(self, tangents: Arrays) -> Arrays:
        return jax.jvp(self.function, self.at, tuple(tangents))[1]

    def pull(self, cotangents: Arrays) -> Arrays:
        return jax.vjp(self.function, *self.at)[1](tuple(cotangents))

    def dense(self) -> Arrays:
        return _all_by_all(self.function)(*self.at)


def _by_automatic_differentiation(identity: Identity, shape: Shape) -> Callable[..., Any]:
    """What the closed form gives, from arrays to a tuple of arrays, out of the function itself."""
    function = identity.flat(shape.static(identity))
    primals = [a.name for a in identity.primals]
    places = [primals.index(name) for name in identity.moving]

    def derivative(*arrays: Any) -> Any:
        given = dict(zip((a.name for a in identity.arguments), arrays, strict=True))
        along, at = restricted(function, [given[name] for name in primals], places, {})
        for _ in range(identity.kind.order - 1):
            along = _all_by_all(along)
        found = identity.kind.present(_Traced(along, at), [given[a.name] for a in identity.vectors])
        return tuple(jnp.reshape(v, shape.of(leaf)) for v, leaf in zip(found, identity.leaves, strict=True))

    return derivative


def _all_by_all(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """The derivatives of each result by each argument."""

    def derivatives(*at: Any) -> tuple[Any, ...]:
        return tuple(jax.tree.leaves(jax.jacrev(function, tuple(range(len(at))))(*at)))

    return derivatives
