"""Every identity of the catalog, against both witnesses and in composition."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from identities import Identity, catalog, verify
from identities.oracle.arguments import draw_shapes
from identities.oracle.composition import by_itself, differentiated
from identities.oracle.report import explain
from identities.oracle.trial import Plan, trials
from identities.oracle.verify import Verification

every_identity = pytest.mark.parametrize("identity", catalog.values(), ids=str)


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, plan: Plan) -> Iterator[dict[Identity, Future[Verification]]]:
    """The verdicts on all identities that were asked for, under way on the other cores."""
    tests = [item for item in request.session.items if item.path == request.path]
    asked = [item.callspec.params["identity"] for item in tests]  # pyright: ignore[reportAttributeAccessIssue]
    options = {name: getattr(plan, name) for name in ("dtypes", "shapes", "instances", "seed", "device")}
    workers = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1))
    yield {identity: workers.submit(verify, identity, **options) for identity in asked}
    workers.shutdown(cancel_futures=True)


@every_identity
def test_identity(identity: Identity, plan: Plan, verdicts: dict[Identity, Future[Verification]]) -> None:
    verdict = verdicts[identity].result()
    assert verdict.passed, explain(verdict)

    shapes = draw_shapes(identity, plan.shapes, plan.seed)
    shape = min(shapes, key=lambda shape: (1 in dict(shape.sizes).values(), str(shape)))
    of_all_dtypes = list(trials(identity, shape, plan))
    assert [str(trial.got.dtype) for trial in of_all_dtypes] == list(plan.dtypes), "results keep the arguments' dtype"
    assert by_itself(of_all_dtypes[0]).passed, "differs outside jit and vmap"
    for argument in identity.along:
        assert differentiated(identity, shape, plan, argument).passed, f"its own derivative by {argument} is wrong"
