"""Whether a closed form composes: outside `jit` and `vmap`, and with differentiation."""

from dataclasses import replace

import jax
import jax.numpy as jnp

from identities.catalog import Identity
from identities.oracle.arguments import Shape
from identities.oracle.programs import compiled, full_precision
from identities.oracle.trial import Plan, Trial, draw_batch
from identities.oracle.witness import reference


def by_itself(trial: Trial) -> Trial:
    """The trial with one of its results computed anew: eagerly, by itself, in no batch."""
    got = trial.got.copy()
    with full_precision():
        closed_form = trial.shape.bind(trial.identity.closed_form, trial.identity.static)
        got[-1] = closed_form(*[jnp.asarray(values[-1]) for values in trial.batch.values()])
    return Trial(trial.identity, trial.dtype, trial.shape, trial.batch, got, trial.reference)


def differentiated(identity: Identity, shape: Shape, plan: Plan, by: str) -> Trial:
    """The derivative of the closed form by one of the function's arguments, beside the witnesses', in float64."""
    position = [a.name for a in identity.arguments].index(by)
    plan = replace(plan, instances=64)  # enough, for the most costly of the witnesses
    batch = draw_batch(identity, shape, "float64", plan)
    closed_form = shape.bind(identity.closed_form, identity.static)
    made_of = ("derivative of a closed form", position, closed_form)
    program = compiled(jax.jacfwd(closed_form, position), tuple(batch.values()), plan.device, made_of)
    eps = float(jnp.finfo("float64").eps)
    return Trial(
        identity,
        "float64",
        shape,
        batch,
        program(*batch.values()),
        reference(identity, shape, batch, eps, plan.seed, then=by),
    )
