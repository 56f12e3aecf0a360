"""Every identity of the catalog, against both witnesses and in composition."""

import pytest

from identities import Identity, catalog, verify
from identities.latex import plain
from identities.oracle.composition import by_itself, differentiated
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.plan import Plan
from identities.oracle.verify import inquiry_of

every_identity = pytest.mark.parametrize("identity", catalog.values(), ids=str)


@every_identity
def test_identity(identity: Identity, plan: Plan) -> None:
    verdict = verify(
        identity, dtypes=plan.dtypes, shapes=plan.shapes, instances=plan.instances, seed=plan.seed, device=plan.device
    )
    assert verdict.passed, explain(verdict, plain(identity.statement))

    shapes = draw_shapes(identity, plan.shapes, plan.seed)
    shape = min(shapes, key=lambda shape: (1 in dict(shape.sizes).values(), shape.total, shape))
    of_all_dtypes = inquiry_of(identity, plan).trials(shape)
    for trial in of_all_dtypes:
        kept = {str(leaf.dtype) for leaf in trial.answers.leaves}
        assert kept == {trial.dtype}, "results keep the arguments' dtype"
    assert by_itself(identity, of_all_dtypes[0]).passed, "differs outside jit and vmap"
    for argument in identity.moving:
        assert differentiated(identity, shape, plan, argument).passed, f"its own derivative by {argument} is wrong"
