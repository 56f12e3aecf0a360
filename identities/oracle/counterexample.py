"""The smallest instance for which a claim fails."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

import hypothesis
import numpy as np
from hypothesis.errors import NoSuchExample

from identities.catalog import Identity
from identities.oracle.arguments import Shape, any_shape
from identities.oracle.tolerance import TOLERANCE
from identities.oracle.trial import Plan, trials


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
    largest = max((size for _, size in failed.sizes), default=1)
    try:
        shape = hypothesis.find(
            any_shape(identity, largest),
            lambda shape: any(not trial.passed for trial in trials(identity, shape, plan)),
            settings=hypothesis.settings(max_examples=20, database=None, deadline=None),
            random=random.Random(plan.seed),
        )
    except NoSuchExample:
        shape = failed
    # An exact identity meets large integers; a person would rather see whether small ones do.
    inexact = replace(identity, exact=False)
    return min(_failures(inexact, shape, plan) or _failures(identity, shape, plan), key=_simplicity)


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


def _simplicity(failure: Counterexample) -> tuple[int, float]:
    values = np.concatenate([v.astype(float).ravel() for v in failure.arguments.values()])
    return int((values != np.round(values)).sum()), float(np.abs(values).sum())
