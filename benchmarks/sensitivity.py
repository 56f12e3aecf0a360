"""How small an error the oracle always rejects, and how often it rejects what is right.

    python -m benchmarks.sensitivity [--seeds 10]

For every identity, seed and dtype: the smallest e for which `verify` rejects the closed form times 1 + e,
or with its largest entries alone times 1 + e. The table has the worst identity for each dtype. A false
alarm is a batch of right results that is rejected.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

from identities.catalog import Identity, catalog
from identities.oracle.arguments import draw_shapes
from identities.oracle.processes import processes, share
from identities.oracle.programs import cpu
from identities.oracle.trial import Plan, Trial, accepted, trials

DTYPES: tuple[str, ...] = ("float64", "float32", "bfloat16")
MISTAKES = ("everything", "largest entry")


def smallest_rejected(trial: Trial, mistake: str) -> float:
    """The smallest e at which the trial is rejected, to one per cent."""
    got = trial.got.astype(float)
    largest = np.zeros((len(got), got[0].size), bool)
    largest[np.arange(len(got)), np.abs(got).reshape(len(got), -1).argmax(axis=1)] = True
    where = largest.reshape(got.shape) | (mistake == "everything")
    accepted_, rejected = 1e-18, 10.0
    while rejected > 1.01 * accepted_:
        e = (accepted_ * rejected) ** 0.5
        if accepted(trial.judge(got * (1 + e * where))):
            accepted_ = e
        else:
            rejected = e
    return rejected


@dataclass
class Measured:
    """Of one dtype: the smallest e that is always rejected, by mistake, and what right results came to."""

    rejected: dict[str, float] = field(default_factory=dict)
    instances: int = 0
    alarms: int = 0
    error: float = 0.0


def measure(identity: Identity, seeds: int) -> dict[str, Measured]:
    """One identity over so many seeds, by dtype."""
    measured = {dtype: Measured() for dtype in DTYPES}
    for seed in range(seeds):
        plan = Plan(DTYPES, 4, 512, seed, cpu())
        smallest: dict[tuple[str, str], float] = {}
        for trial in (t for shape in draw_shapes(identity, plan.shapes, seed) for t in trials(identity, shape, plan)):
            of_dtype = measured[trial.dtype]
            of_dtype.instances += len(trial.got)
            of_dtype.alarms += not trial.passed
            of_dtype.error = max(of_dtype.error, *(float(units.max()) for units in trial.errors.values()))
            for mistake in MISTAKES if trial.got.any() else ():  # nothing times anything is right
                e = smallest_rejected(trial, mistake)
                smallest[trial.dtype, mistake] = min(smallest.get((trial.dtype, mistake), e), e)
        for (dtype, mistake), e in smallest.items():
            measured[dtype].rejected[mistake] = max(measured[dtype].rejected.get(mistake, 0.0), e)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    identities = list(catalog.values())
    measured = list(share(partial(measure, seeds=options.seeds), identities, processes(cpu())))
    table = Table(title=f"{len(catalog)} identities, {options.seeds} seeds")
    mistakes = [f"{mistake} x (1 + e)" for mistake in MISTAKES]
    for title in ("dtype", *mistakes, "instances", "false alarms", "worst error"):
        table.add_column(title)
    for dtype in DTYPES:
        of_dtype = {identity.name: by_dtype[dtype] for identity, by_dtype in zip(identities, measured, strict=True)}

        def worst(key: Callable[[Measured], float], form: str, of_dtype: dict[str, Measured] = of_dtype) -> str:
            name = max(of_dtype, key=lambda name: key(of_dtype[name]))
            return f"{key(of_dtype[name]):{form}} ({name})"

        cells = [worst(lambda m, mistake=mistake: m.rejected.get(mistake, 0.0), ".1e") for mistake in MISTAKES]
        instances, alarms = (sum(getattr(m, what) for m in of_dtype.values()) for what in ("instances", "alarms"))
        table.add_row(dtype, *cells, f"{instances:,}", str(alarms), worst(lambda m: m.error, ".2f"))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
