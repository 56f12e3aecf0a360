"""Every identity of the catalog, against both witnesses and in composition."""

import pytest

from identities import Identity, catalog, verify
from identities.oracle.arguments import draw_shapes
from identities.oracle.composition import by_itself, differentiated
from identities.oracle.report import explain
from identities.oracle.trial import Plan, trials

every_identity = pytest.mark.parametrize("identity", catalog.values(), ids=str)


@every_identity
def test_identity(identity: Identity, plan: Plan) -> None:
    verdict = verify(
        identity, dtypes=plan.dtypes, shapes=plan.shapes, instances=plan.instances, seed=plan.seed, device=plan.device
    )
    assert verdict.passed, explain(verdict)

    shapes = draw_shapes(identity, plan.shapes, plan.seed)
    shape = min(shapes, key=lambda shape: (1 in dict(shape.sizes).values(), str(shape)))
    of_all_dtypes = list(trials(identity, shape, plan))
    assert [str(trial.got.dtype) for trial in of_all_dtypes] == list(plan.dtypes), "results keep the arguments' dtype"
    assert by_itself(of_all_dtypes[0]).passed, "differs outside jit and vmap"
    for argument in identity.along:
        assert differentiated(identity, shape, plan, argument).passed, f"its own derivative by {argument} is wrong"
