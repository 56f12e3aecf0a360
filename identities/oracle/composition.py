"""Whether a closed form composes: outside `jit` and `vmap`, and with differentiation."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity
from identities.oracle.candidates.calling import Answers
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape, admitted, shrinkable
from identities.oracle.draw.values import draw_values
from identities.oracle.reference.points import everywhere
from identities.oracle.reference.witnesses import is_dense, reference
from identities.oracle.reference.words import Reference, Word
from identities.oracle.run.programs import evaluated, full_precision
from identities.oracle.trial import Trial
from identities.oracle.verdict.plan import Plan
from identities.signature import Argument

_INSTANCES = 32
"""How many instances are enough, for the most costly of the witnesses."""


def by_itself(identity: Identity, trial: Trial) -> Trial:
    """The trial with one of its results computed anew: eagerly, by itself, in no batch."""
    with full_precision():
        results = closed_form_of(identity, trial.shape)(*[jnp.asarray(values[-1]) for values in trial.batch.values()])
    # As lists, so that a result of another shape or dtype is one, and is not cast to what it should be.
    outcomes = [[*leaf[:-1], result] for leaf, result in zip(trial.answers.leaves, results, strict=True)]
    return replace(trial, answers=Answers(tuple(list(map(np.asarray, of_leaf)) for of_leaf in outcomes)))


def differentiated(identity: Identity, shape: Shape, plan: Plan, by: str) -> Trial:
    """The derivative of the closed form by one array of the function's, beside the witnesses', in float64.

    At smaller sizes, where that would be too large to be written down.
    """
    position = [a.name for a in identity.arguments].index(by)
    each = replace(plan, instances=_INSTANCES).each(identity.exact)
    # At large arguments much saturates, and what is left of a second derivative is rounding.
    regimes = [regime for regime in plan.regimes(identity.exact) if regime != "large"]
    batch = draw_values(identity, shape, "float64", each, plan.seed, regimes)
    while not is_dense(identity, shape, batch, by):
        shape = _smaller(identity, shape)
        batch = draw_values(identity, shape, "float64", each, plan.seed, regimes)
    closed_form = closed_form_of(identity, shape)
    made_of = ("derivative of a closed form", position, *closed_form.made_of)  # pyright: ignore[reportFunctionMemberAccess]
    # Not compiled where NumPy will do: XLA can hang over several triangular solves in one program.
    program = evaluated(jax.jacfwd(closed_form, position), tuple(batch.values()), made_of)
    eps = 0.0 if identity.exact else float(jnp.finfo("float64").eps)
    right = reference(identity, shape, batch, eps, plan.seed, then=by)
    if not identity.exact:
        right = _as_far_as_they_agree(right)
    claim = _by_one_more(identity, identity.arguments[position])
    return Trial(
        claim,
        shape,
        "float64",
        batch,
        Answers(program(*batch.values())),
        right,
        everywhere(len(batch[by])),
        len(regimes),
        identity.exact,
    )


def _as_far_as_they_agree(right: Reference) -> Reference:
    """What both modes say, with a unit for twice as many operations; how far they are apart is part of it.

    Nobody measures the rounding of a second derivative, and what does not compose is off by more than that.
    """
    apart = [np.abs(one.values - other.values) for one, other in zip(*right.words.values(), strict=True)]

    def moved(words: tuple[Word, ...]) -> tuple[Word, ...]:
        return tuple(replace(w, movement=2 * w.movement + by) for w, by in zip(words, apart, strict=True))

    return Reference({witness: moved(words) for witness, words in right.words.items()})


def _smaller(identity: Identity, shape: Shape) -> Shape:
    """The shape with the largest of its sizes, among those that may be smaller, one less."""
    sizes = dict(shape.sizes)
    for name in sorted(shrinkable(identity, shape), key=lambda name: -sizes[name]):
        smaller = shape.resized(name, sizes[name] - 1)
        if admitted(identity, smaller):
            return smaller
    raise ValueError(f"{identity.name} has no smaller shape than {shape.described(identity)}")


def _by_one_more(identity: Identity, by: Argument) -> Identity:
    """The identity with the axes of one more derivative in everything that it gives."""

    def longer(leaf: Argument) -> Argument:
        forms = range(max(len(leaf.forms), len(by.forms)))
        return replace(leaf, forms=tuple((*leaf.dims(form), *by.dims(form)) for form in forms))

    return replace(identity, gives=replace(identity.gives, leaves=tuple(map(longer, identity.gives.leaves))))
