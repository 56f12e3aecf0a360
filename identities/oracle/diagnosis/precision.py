"""Results that are nearly right: computed in a lower precision, by differences, or by an approximation."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.diagnosis.case import Case, Guess, Sample, Truth
from identities.oracle.diagnosis.relatives import witnessed
from identities.oracle.draw.values import wide
from identities.oracle.reference.dense import presented
from identities.oracle.reference.function import function_values
from identities.oracle.reference.instances import flat, of_equal_entries
from identities.oracle.reference.programs import longest_sum, loop_growth
from identities.oracle.reference.unit import TOLERANCE, errors_beside, rounding_unit

STAND_INS: dict[str, tuple[tuple[str, Callable[..., Any]], ...]] = {
    "gelu": (
        ("the tanh approximation of gelu", lambda x: jax.nn.gelu(x, approximate=True)),
        ("the approximation x sigmoid(1.702 x) of gelu", lambda x: x * jax.nn.sigmoid(1.702 * x)),
    )
}
"""What goes by the name of a function of one vector without being it."""


def stand_ins(case: Case) -> Iterator[tuple[str, Guess]]:
    """The same derivative of what the function is often replaced with."""
    signature = case.claim.signature
    whole = [parameter.tree is None for parameter in (*signature.parameters, signature.returns)]
    # A function of one's own may go by such a name and be anything else.
    if whole != [True, True] or signature.options or signature.arguments[0].forms != signature.returns.leaves[0].forms:
        return
    for name, function in STAND_INS.get(getattr(case.claim.function, "__name__", ""), ()):
        other = replace(case.claim, function=function)
        yield name, lambda sample, other=other: witnessed(other, 0, sample)


def sums_kept(case: Case) -> bool:
    """Whether results in a half type are right but for the rounding of sums that are kept in that type."""
    if not case.has_few_digits:
        return False
    longest = 1.0
    # Where rounding is as large as the result, it explains everything and nothing.
    most = 0.25 / (TOLERANCE * rounding_unit(case.dtype))
    for sample in case.samples:
        lengthened = min(loop_growth(case.claim, sample.shape), most)
        longest = max(longest, lengthened)
        # Equal terms may be rounded in the same direction every time, and each by a unit of what is there already.
        of_equal = max(lengthened, longest_sum(case.claim, sample.shape) / TOLERANCE)
        lengthened = np.where(of_equal_entries(sample.batch), of_equal, lengthened)
        truth = sample.truth
        units = errors_beside(sample.got, truth.values, truth.movement, case.dtype, sample.groups, lengthened)
        if not (sample.right | (units <= TOLERANCE)).all():
            return False
    return longest > 1


def lower_precision(case: Case) -> str | None:
    """The precision in which the result must have been computed: all entries are numbers of it, and right to that."""
    eps = float(jnp.finfo(case.dtype).eps)
    entries = np.concatenate([s.got[s.kept].ravel() for s in case.samples])
    for lower in ("float32", "float16", "bfloat16"):
        if (coarser := float(jnp.finfo(lower).eps) / eps) <= 1 or (entries.astype(lower) != entries).any():
            continue

        def moved(sample: Sample, coarser=coarser) -> Truth:
            return Truth(sample.truth.values, sample.truth.movement * coarser)

        if case.explained(moved, lower):
            return lower
    return None


def units(case: Case) -> float:
    """The worst error in units of rounding."""
    return max((float(s.off[s.kept].max(initial=0)) for s in case.samples), default=0.0)


def wrong_instances(case: Case) -> Case:
    """With only those instances in which anything is wrong."""
    return case.counting([np.asarray((~s.right).reshape(len(s.got), -1).any(axis=1)) for s in case.samples])


def digits(case: Case, worst: float = 1.0) -> float:
    """To how many decimal digits results are right, relative to the largest entry of each; of zeros, to that of all.

    **Arguments:**

    - `worst`: of which part of the instances, the best ones first, the worst is meant; by default of all.
    """
    relative = []
    for sample in case.samples:
        E, got = (flat(v[sample.kept]) for v in (sample.truth.values, sample.got))
        size, error = np.abs(E).max(axis=1, initial=0), np.abs(got - E).max(axis=1, initial=0)
        size = np.where(size > 0, size, size.max(initial=0))
        # Noise where everything is zero is right to no digit at all; where infinity is right, so is infinity.
        relative.append(np.nan_to_num(np.where(error > 0, error / size, 0), posinf=1e300))
    together = np.concatenate(relative)
    largest = float(np.quantile(together, worst)) if together.size else 0.0
    return -math.log10(largest) if largest > 0 else math.inf


def close_to(case: Case, guess: Guess) -> bool:
    """Whether a guess is a million times nearer to the results than the truth is."""
    pairs = [(s, guess(s)) for s in case.samples]
    off = max(float(np.abs(s.got - s.truth.values)[s.kept].max(initial=0)) for s, _ in pairs)
    return all(float(np.abs(s.got - g.values)[s.kept].max(initial=0)) <= 1e-6 * off for s, g in pairs)


def finite_differences(case: Case) -> Iterator[tuple[str, Guess]]:
    """Forward and central differences, with steps that leave a mark larger than their rounding."""
    claim = case.claim
    plain = all(a.values != "complex" for a in (*claim.primals, *claim.signature.returns.leaves))
    entries = max(sum(s.batch[name][0].size for name in case.claim.moving) for s in case.samples)
    if case.claim.kind.order != 1 or case.dtype != "float64" or not plain or entries > _MOST_DIFFERENCES:
        return
    for exponent in range(2, 9):
        for central in (True, False):
            h = 10.0**-exponent
            what = f"a {'central' if central else 'forward'} difference with step {h:g}"
            guess = _differences(h, central)

            def of_that_rounding(sample: Sample, guess: Guess = guess) -> Truth:
                return Truth(sample.truth.values, guess(sample).movement)

            if not case.explained(of_that_rounding):
                yield what, guess


def right_to(case: Case) -> str:
    """To how many digits most results are right; if most are exact, the worst ones."""
    usual = digits(case, worst=0.5)
    return f"right to about {int(usual if math.isfinite(usual) else digits(case))} digits"


_MOST_DIFFERENCES = 256
"""The most entries to differentiate by, one difference each."""


def _differences(h: float, central: bool) -> Guess:
    def guess(sample: Sample) -> Truth:
        claim, shape = sample.claim, sample.shape
        at = wide(sample.batch)
        here = function_values(claim, shape, at)
        columns: dict[str, list[list[np.ndarray]]] = {name: [] for name in claim.moving}
        for name in claim.moving:
            for index in np.ndindex(*at[name].shape[1:]):
                step = np.zeros(at[name].shape)
                step[:, *index] = h
                after = function_values(claim, shape, at | {name: at[name] + step})
                before = function_values(claim, shape, at | {name: at[name] - step}) if central else here
                width = 2 * h if central else h
                columns[name].append([(a - b) / width for a, b in zip(after, before, strict=True)])

        def block(result: int, name: str) -> np.ndarray:
            stacked = np.stack([column[result] for column in columns[name]], axis=-1)
            return stacked.reshape(*here[result].shape, *at[name].shape[1:])

        blocks = [[block(r, name) for name in claim.moving] for r in range(len(here))]
        (values,) = presented(claim, shape, at, blocks)
        largest = max(np.abs(part).max(initial=0) for part in here)
        noise = np.finfo(np.float64).eps * largest / (2 * h)
        sizes = {name: np.abs(values) for name, values in at.items()}
        (left,) = presented(claim, shape, sizes, [[np.full(b.shape, noise) for b in row] for row in blocks])
        return Truth(values, sample.truth.movement + left)

    return guess
