"""Verifying identities of the catalog: their closed forms as candidates, against both witnesses."""

import itertools
import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity, find
from identities.derivations import declared
from identities.oracle.candidates.closed_form import ClosedForm
from identities.oracle.derivation import judge_lines
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.draw.values import EXACT, draw_values, exact_half_width, wide
from identities.oracle.reference.witnesses import reference
from identities.oracle.run.processes import processes, share
from identities.oracle.run.programs import find_device
from identities.oracle.run.store import Device
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Inquiry, inquire
from identities.oracle.verdict.plan import Plan
from identities.oracle.verdict.verification import Verification


def verify(
    identity: Identity | Callable[..., Any] | str,
    *,
    dtypes: Sequence[str] = ("float64", "float32"),
    shapes: int = 4,
    instances: int = 512,
    seed: int = 0,
    device: str | Device | None = None,
) -> Verification:
    """Put one identity to the test against both witnesses, and each line of its derivation, if it has one.

    **Arguments:**

    - `identity`: an `Identity`, its closed form, or its name in the catalog.
    - `dtypes`: among "float64", "float32", "bfloat16" and "float16".
    - `shapes`: how many different random shapes; each costs a compilation.
    - `instances`: how many random argument values for each shape and dtype, rounded up to whole batches; fewer at
      shapes where the derivative has many entries.
    - `seed`: the same seed gives the same verdict.
    - `device`: where the closed form runs, "cpu", "gpu" or a JAX device; JAX's default if left out. The
      witnesses run in float64 on the CPU, and so does the derivation.

    **Raises:** `LookupError` for an unknown name, `ValueError` for an option that makes no sense.
    """
    identity = find(identity)
    inquiry = inquiry_of(identity, Plan(dtypes, shapes, instances, seed, find_device(device)))
    verdict = inquire(inquiry).verdict
    if identity.exact and verdict.passed:
        drawn = draw_shapes(identity, shapes, seed)
        verdict = replace(verdict, bound_log10=sum(schwartz_zippel_log10(inquiry, shape) for shape in drawn))
    if derivation := declared(identity):
        lines = judge_lines(derivation, inquiry)
        verdict = replace(verdict, passed=verdict.passed and all(line.holds for line in lines), derivation=lines)
    return verdict


def inquiry_of(identity: Identity, plan: Plan) -> Inquiry:
    """An identity and its closed form, to be put to the test."""
    return Inquiry(identity, ClosedForm(identity, plan.device), plan, identity.exact)


@dataclass(frozen=True)
class Undecided:
    """An identity, by name, on which there is no verdict, and why: its witnesses disagree, or the oracle went wrong."""

    identity: str
    said: str


def verify_each(
    identities: Iterable[Identity], begin: Callable[[], None] | None = None, **options: Any
) -> Iterator[Verification | Undecided]:
    """`verify` for many identities of the catalog, those of one function together, with the same options.

    `begin`, a function of a module, is called at the start of every process that takes part.
    """
    # Identities of one function share its witnesses, and so one worker.
    by_function: dict[Callable, list[Identity]] = {}
    for identity in identities:
        by_function.setdefault(identity.function, []).append(identity)
    groups = list(by_function.values())
    count = processes(find_device(options.get("device")))
    yield from itertools.chain.from_iterable(share(partial(_verify_all, options=options), groups, count, begin))


def _verify_all(identities: Sequence[Identity], options: Mapping[str, Any]) -> list[Verification | Undecided]:
    return [_verdict_or_reason(identity, options) for identity in identities]


def _verdict_or_reason(identity: Identity, options: Mapping[str, Any]) -> Verification | Undecided:
    try:
        return verify(identity, **options)
    except WitnessMismatch as mismatch:
        return Undecided(identity.name, str(mismatch))
    except (
        Exception
    ):  # whatever went wrong in the oracle is no verdict: its traceback is printed, and the exit code is 3
        return Undecided(identity.name, f"{identity.name}: internal error of the oracle\n{traceback.format_exc()}")


def schwartz_zippel_log10(inquiry: Inquiry, shape: Shape) -> float:
    """The logarithm of how probable it is, at most, that a wrong polynomial passes at this shape.

    By the lemma, one of degree d passes one draw from a set S with probability at most d/|S|.
    """
    plan = inquiry.plan
    degree = max(_degree(inquiry, shape), 1)
    draws_from = [2 * exact_half_width(dtype) + 1 for dtype in plan.dtypes]
    return sum(min(0, inquiry.each(shape) * math.log10(degree / size)) for size in draws_from)


def _degree(inquiry: Inquiry, shape: Shape) -> int:
    """The degree of a polynomial identity: the power of t with which P(tv) grows, measured."""
    claim, plan = inquiry.claim, inquiry.plan
    widest = max(plan.dtypes, key=lambda dtype: jnp.finfo(dtype).nmant)
    in_range = (
        float(jnp.finfo(widest).max) > 2.0**100
    )  # float16 has no room for growth: there, the witnesses tell it alone
    moving = [a.name for a in claim.arguments if a.moves]
    batch = draw_values(claim, shape, widest, inquiry.each(shape), plan.seed, EXACT)
    batch = batch if in_range else wide(batch)

    def magnitudes(t: float) -> np.ndarray:
        grown = {name: (batch[name] * t).astype(batch[name].dtype) for name in moving}
        scaled = {name: grown.get(name, values) for name, values in batch.items()}
        # In all dtypes, since that is the program that has been compiled.
        given = {dtype: scaled | {n: v.astype(jnp.dtype(dtype)) for n, v in grown.items()} for dtype in plan.dtypes}
        got = inquiry.candidate(claim, shape, given)[widest].leaves if in_range else []
        said = reference(claim, shape, scaled, 0.0, plan.seed).words.values()
        results = [*got, *(word.values for words in said for word in words)]
        return np.array([np.abs(r.astype(float)).reshape(len(r), -1).max(1) for r in results])

    with np.errstate(over="ignore"):  # in the narrower dtypes, whose results are not used
        once, twice = magnitudes(2.0**20), magnitudes(2.0**21)
    grown = once > 0
    return round(np.log2(twice[grown] / once[grown]).max(initial=0))
