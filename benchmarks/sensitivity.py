"""How small an error the oracle always rejects, and how often it rejects what is right.

    python -m benchmarks.sensitivity [NAME ...] [--seeds 10] [--dtypes float16]

For every identity, seed and dtype: the smallest e for which the closed form times 1 + e is off by more than the
tolerance, or with its largest entries alone times 1 + e; of several gradients, each by itself. "Measured" is the same
where the rounding of every operation counts too, as before a rejection. The table has the worst identity for each
dtype. A false alarm is a batch of right results that is rejected.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

from identities.catalog import Identity, catalog, find
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.run.processes import processes, share
from identities.oracle.run.programs import cpu
from identities.oracle.trial import Leaf
from identities.oracle.verdict.doubt import with_rounding
from identities.oracle.verdict.plan import DTYPES, Plan
from identities.oracle.verify import inquiry_of

MISTAKES = ("everything", "largest entry")
COLUMNS = (*MISTAKES, *(f"{mistake}, measured" for mistake in MISTAKES))


def smallest_rejected(leaf: Leaf, mistake: str) -> float:
    """The smallest e at which one array of a trial is rejected, to one per cent."""
    got = leaf.got
    largest = np.zeros((len(got), got[0].size), bool)
    largest[np.arange(len(got)), np.abs(got).reshape(len(got), -1).argmax(axis=1)] = True
    where = largest.reshape(got.shape) | (mistake == "everything")
    accepted_, rejected = 1e-18, 10.0
    while rejected > 1.01 * accepted_:
        e = (accepted_ * rejected) ** 0.5
        if all(errors.max() <= TOLERANCE for errors in leaf.judge(got * (1 + e * where)).values()):
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


def measure(identity: Identity, seeds: int, dtypes: Sequence[str]) -> dict[str, Measured]:
    """One identity over so many seeds, by dtype."""
    measured = {dtype: Measured() for dtype in dtypes}
    for seed in range(seeds):
        plan = Plan(tuple(dtypes), 4, 512, seed, cpu())
        inquiry = inquiry_of(identity, plan)
        smallest: dict[tuple[str, str, int], float] = {}
        for trial in (t for shape in draw_shapes(identity, plan.shapes, seed) for t in inquiry.trials(shape)):
            of_dtype = measured[trial.dtype]
            of_dtype.instances += trial.count
            of_dtype.alarms += not trial.passed
            of_dtype.error = max(of_dtype.error, *map(trial.worst, trial.reference.words))
            measuring = trial if trial.exact else with_rounding(trial, np.flatnonzero(trial.judged), seed)
            for i, (leaf, by_rounding) in enumerate(zip(trial.leaves, measuring.leaves, strict=True)):
                for mistake in MISTAKES if leaf.got.any() else ():  # nothing times anything is right
                    for column, of in ((mistake, leaf), (f"{mistake}, measured", by_rounding)):
                        e = smallest_rejected(of, mistake)
                        smallest[trial.dtype, column, i] = min(smallest.get((trial.dtype, column, i), e), e)
        for (dtype, column, _), e in smallest.items():
            measured[dtype].rejected[column] = max(measured[dtype].rejected.get(column, 0.0), e)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=["float64", "float32", "bfloat16"])
    options = parser.parse_args()
    identities = [find(name) for name in options.names] or list(catalog.values())
    work = partial(measure, seeds=options.seeds, dtypes=options.dtypes)
    measured = list(share(work, identities, processes(cpu())))
    table = Table(title=f"The smallest e: {len(identities)} identities, {options.seeds} seeds")
    for title in ("dtype", *COLUMNS, "instances", "false alarms", "worst error"):
        table.add_column(title)
    for dtype in options.dtypes:
        of_dtype = {identity.name: by_dtype[dtype] for identity, by_dtype in zip(identities, measured, strict=True)}

        def worst(key: Callable[[Measured], float], form: str, of_dtype: dict[str, Measured] = of_dtype) -> str:
            name = max(of_dtype, key=lambda name: key(of_dtype[name]))
            return f"{key(of_dtype[name]):{form}} ({name})"

        cells = [worst(lambda m, column=column: m.rejected.get(column, 0.0), ".1e") for column in COLUMNS]
        instances, alarms = (sum(getattr(m, what) for m in of_dtype.values()) for what in ("instances", "alarms"))
        table.add_row(dtype, *cells, f"{instances:,}", str(alarms), worst(lambda m: m.error, ".2f"))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
