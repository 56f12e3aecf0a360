"""The smallest instance for which a claim fails."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from identities.catalog import Identity
from identities.oracle.arguments import Shape, admitted, forms
from identities.oracle.tolerance import TOLERANCE
from identities.oracle.trial import Plan, trials

_FEW = 8
"""How many shapes to try for a smaller counterexample: each may cost a compilation."""


@dataclass(frozen=True, eq=False)
class Counterexample:
    """One instance for which a claim fails.

    **Fields:**

    - `dtype`, `witness`: the computation that failed, and the witness that it contradicts.
    - `arguments`: of the closed form, by name.
    - `expected`, `got`: what the witness and the closed form give.
    - `error`: the largest difference, in units of rounding.
    """

    dtype: str
    witness: str
    arguments: Mapping[str, np.ndarray]
    expected: np.ndarray
    got: np.ndarray
    error: float


def smallest(identity: Identity, failed: Shape, plan: Plan) -> Counterexample:
    """The failing instance of the smallest shape, and there of the simplest values.

    **Arguments:**

    - `failed`: a shape for which the identity fails under this plan.
    """
    shape = next(
        (
            smaller
            for smaller in smaller_shapes(identity, failed)
            if any(not trial.passed for trial in trials(identity, smaller, plan))
        ),
        failed,
    )
    # An exact identity meets large integers; a person would rather see whether small ones do.
    inexact = replace(identity, exact=False)
    return min(
        _failures(inexact, shape, plan) or _failures(identity, shape, plan),
        key=lambda failure: simplicity(failure.arguments.values()),
    )


def _failures(identity: Identity, shape: Shape, plan: Plan) -> list[Counterexample]:
    failures = []
    for trial in trials(identity, shape, plan):
        for witness, units in trial.errors.items():
            errors = units.reshape(len(units), -1).max(1)
            for i in np.flatnonzero(errors > TOLERANCE):
                arguments = {name: values[i] for name, values in trial.batch.items()}
                expected = trial.reference.values[witness][i]
                failures.append(
                    Counterexample(trial.dtype, witness, arguments, expected, trial.got[i], float(errors[i]))
                )
    return failures


def smaller_shapes(identity: Identity, than: Shape) -> list[Shape]:
    """The smallest few shapes, each smaller than the given one, the smallest first."""
    names = [name for name, _ in than.sizes]
    below = sum(size for _, size in than.sizes)
    sizes = sorted(itertools.product((1, 2, 3), repeat=len(names)), key=lambda sizes: (sum(sizes), sizes))
    shapes = [
        Shape(tuple(zip(names, s, strict=True)), form)
        for s in sizes
        if sum(s) < below
        for form in range(forms(identity))
    ]
    return list(filter(admitted(identity), shapes))[:_FEW]


def simplicity(values: Iterable[np.ndarray]) -> tuple[int, float]:
    """A key to sort instances by, whole numbers before fractions and small ones before large ones."""
    entries = np.concatenate([v.astype(float).ravel() for v in values])
    return int((entries != np.round(entries)).sum()), float(np.abs(entries).sum())
