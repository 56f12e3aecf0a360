"""JAX's own automatic differentiation as a candidate: compiled, in the dtype under test."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from identities import Verification
from identities.claim import Claim
from identities.oracle.asking import claim
from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.plan import Plan
from tests.functions import Written


def reverse_mode(claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "") -> dict[str, Answers]:
    """`jit(vjp(f))` of a whole batch, in each dtype."""
    function = claim.flat(shape.static(claim))
    names = [a.name for a in claim.primals]
    moving, vectors = [names.index(name) for name in claim.moving], len(claim.vectors)

    def gradients(*given):
        cotangents, primals = given[:vectors], list(given[vectors:])

        def at(*moved):
            return function(*(moved[moving.index(i)] if i in moving else p for i, p in enumerate(primals)))

        results, pull = jax.vjp(at, *(primals[i] for i in moving))
        return pull(tuple(c.astype(r.dtype) for c, r in zip(cotangents, results, strict=True)))

    found = {}
    for dtype, batch in batches.items():
        with jax.enable_x64(dtype == "float64"):
            results = jax.jit(jax.vmap(gradients))(*map(jnp.asarray, batch.values()))
            found[dtype] = Answers(tuple(map(np.asarray, results)))
    return found


def judged_by_itself(written: Written, dtype: str, seed: int, instances: int = 128) -> Verification:
    """The verdict on what JAX gives for the gradient of a function in a dtype.

    **Raises:** as any check does: `CandidateMismatch`, if it is rejected.
    """
    asked = claim("vjp", written.function, None, written.signature, written.domains)
    plan = Plan((dtype,), 4, instances, seed, cpu(), thorough=True)
    return judge(Inquiry(asked, reverse_mode, plan), "")
