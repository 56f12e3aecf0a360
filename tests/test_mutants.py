"""Tests of the tests: whatever breaks a closed form, the oracle must see."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from identities import Identity, catalog
from identities.oracle.arguments import Shape, draw_shapes
from identities.oracle.trial import Plan, Trial, accepted, trials
from identities.oracle.witness import reference
from identities.signature import arguments
from tests import mutants


def differs(mutant: np.ndarray, got: np.ndarray) -> bool:
    """Whether a mutant is one: changing a term that vanishes, or a shift that cancels, is no mistake."""
    if mutant.shape != got.shape:
        return True
    with np.errstate(invalid="ignore"):
        return not np.abs(mutant - got).max() <= 1e-13 * np.abs(got).max()


@pytest.mark.parametrize("identity", catalog.values(), ids=str)
def test_every_mutant_is_rejected(identity: Identity, plan: Plan) -> None:
    # The square one first: there, a transpose has the right shape and the wrong entries.
    shapes = sorted(draw_shapes(identity, plan.shapes, plan.seed), key=lambda shape: not is_square(shape))
    rejected: dict[str, bool] = {}
    for n, shape in enumerate(shapes):
        trial = next(trial for trial in trials(identity, shape, plan) if trial.dtype == "float64")
        for mistake, mutant in made(identity, trial, shape, everything=n == 0):
            if differs(mutant, trial.got):
                wrong = mutant.shape != trial.got.shape or not accepted(trial.judge(mutant))
                rejected[mistake] = rejected.get(mistake, False) or wrong
        if rejected and all(rejected.values()):
            return
    assert not [mistake for mistake, wrong in rejected.items() if not wrong]
    assert rejected


def is_square(shape: Shape) -> bool:
    sizes = set(dict(shape.sizes).values())
    return len(sizes) == 1 and sizes != {1}


def made(identity: Identity, trial: Trial, shape: Shape, everything: bool) -> Iterator[tuple[str, np.ndarray]]:
    """The mutants at one shape; those that need a compilation only where everything is asked for."""
    yield from mutants.of_results(trial.got, shape)
    if everything:
        for i, mutant in enumerate(mutants.dropping_terms(identity, trial)):
            yield f"a term dropped, number {i}", mutant
        yield from other_derivatives(identity, trial, shape)


def other_derivatives(identity: Identity, trial: Trial, shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """What the witness says of the function's other arguments."""
    others = [a.name for a in arguments(identity.function) if a.name not in identity.along]
    if identity.kind == "jvp":  # whose tangents have the shape of one argument, and not of another
        others = []
    for name in others:
        other = replace(identity, wrt=name)
        yield f"derivative by {name}", reference(other, shape, trial.batch, 0.0, 0).values["jacfwd"]
