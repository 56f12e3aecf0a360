"""Every identity of the catalog, against both witnesses and in composition, with its derivation."""

import math
from dataclasses import replace

import jax
import pytest
from jax.core import Tracer

from identities import Identity
from identities.derivations import declared
from identities.latex import plain
from identities.oracle.composition import by_itself, differentiated
from identities.oracle.derivation import judge_lines
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.inquiry import Inquiry, inquire
from identities.oracle.verdict.plan import Plan
from identities.oracle.verify import inquiry_of
from tests.altered import of_two_gradients

_SEVERAL = 6


def test_identity(identity: Identity, inquiry: Inquiry, plan: Plan) -> None:
    verdict = inquire(inquiry).verdict
    assert verdict.passed, explain(verdict, plain(identity.statement))

    if derivation := declared(identity):
        lines = judge_lines(derivation, inquiry)
        assert all(line.holds for line in lines), explain(replace(verdict, passed=False, derivation=lines))

    shapes = draw_shapes(identity, plan.shapes, plan.seed)
    shape = min(shapes, key=lambda shape: _entries(identity, shape))
    of_all_dtypes = inquiry.trials(shape)
    for trial in of_all_dtypes:
        kept = {str(leaf.dtype) for leaf in trial.answers.leaves}
        assert kept == {trial.dtype}, "results keep the arguments' dtype"
    assert by_itself(identity, of_all_dtypes[0], plan).passed, "differs outside jit and vmap"
    # However many shapes are tried, a small one among several: the first of them are the large ones.
    several = draw_shapes(identity, max(_SEVERAL, plan.shapes), plan.seed)
    telling = min(several, key=lambda shape: (1 in dict(shape.sizes).values(), _entries(identity, shape)))
    assert differentiated(identity, telling, plan).passed, "its own derivative is wrong"


def _entries(identity: Identity, shape: Shape) -> int:
    return sum(math.prod(shape.of(a)) for a in (*identity.arguments, *identity.leaves))


def test_every_gradient_composes(plan: Plan) -> None:
    identity = of_two_gradients()
    test_identity(identity, inquiry_of(identity, plan), plan)


@pytest.mark.parametrize("place", [0, 1])
def test_a_gradient_that_does_not_compose_is_found(place: int, plan: Plan) -> None:
    identity = of_two_gradients()

    def cut_off(*given):
        return tuple(jax.lax.stop_gradient(g) if i == place else g for i, g in enumerate(identity.closed_form(*given)))

    def eager_only(*given):
        traced = isinstance(given[0], Tracer)
        return tuple(g if traced or i != place else 2 * g for i, g in enumerate(identity.closed_form(*given)))

    shape = draw_shapes(identity, 1, plan.seed)[0]
    trial = differentiated(replace(identity, closed_form=cut_off), shape, plan)
    assert [bool(leaf.right.all()) for leaf in trial.leaves] == [place == 1, place == 0]
    broken = replace(identity, closed_form=eager_only)
    trial = inquiry_of(broken, plan).trials(shape)[0]
    assert trial.passed
    assert [bool(leaf.right.all()) for leaf in by_itself(broken, trial, plan).leaves] == [place == 1, place == 0]
