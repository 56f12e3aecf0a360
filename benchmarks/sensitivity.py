"""How small an error the oracle always rejects, and how often it rejects what is right.

    python -m benchmarks.sensitivity [--seeds 10]

For every identity, seed and dtype: the smallest e for which `verify` rejects the closed form times 1 + e,
or with its largest entries alone times 1 + e. The table has the worst identity for each dtype. A false
alarm is a batch of right results that is rejected.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from identities.catalog import catalog
from identities.oracle.arguments import draw_shapes
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    worst = {(dtype, mistake): (0.0, "") for dtype in DTYPES for mistake in MISTAKES}
    largest_error: dict[str, tuple[float, str]] = dict.fromkeys(DTYPES, (0.0, ""))
    instances, alarms = dict.fromkeys(DTYPES, 0), dict.fromkeys(DTYPES, 0)
    for identity in catalog.values():
        for seed in range(options.seeds):
            plan = Plan(DTYPES, 4, 512, seed, cpu())
            rejected: dict[tuple[str, str], float] = {}
            for shape in draw_shapes(identity, plan.shapes, seed):
                for trial in trials(identity, shape, plan):
                    dtype = trial.dtype
                    instances[dtype] += len(trial.got)
                    alarms[dtype] += not trial.passed
                    error = max(float(units.max()) for units in trial.errors.values())
                    largest_error[dtype] = max(largest_error[dtype], (error, identity.name))
                    for mistake in MISTAKES if trial.got.any() else ():  # nothing times anything is right
                        e = smallest_rejected(trial, mistake)
                        rejected[dtype, mistake] = min(rejected.get((dtype, mistake), e), e)
            for key, e in rejected.items():
                worst[key] = max(worst[key], (e, identity.name))
    table = Table(title=f"{len(catalog)} identities, {options.seeds} seeds")
    mistakes = [f"{mistake} x (1 + e)" for mistake in MISTAKES]
    for title in ("dtype", *mistakes, "instances", "false alarms", "worst error"):
        table.add_column(title)
    for dtype in DTYPES:
        cells = [f"{worst[dtype, mistake][0]:.1e} ({worst[dtype, mistake][1]})" for mistake in MISTAKES]
        error, name = largest_error[dtype]
        table.add_row(dtype, *cells, f"{instances[dtype]:,}", str(alarms[dtype]), f"{error:.2f} ({name})")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
