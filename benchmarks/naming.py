"""How many mistakes are named, and how long that takes.

    python -m benchmarks.naming [NAME ...] [--seeds 0] [--every 1] [--jobs N] [--json PATH]

Over the tests' corpora: gradients of textbook functions, backward passes of layers, and public bug reports. Printed is
every mistake that is not named by one of the kinds that are true of it, with what was said, and then the counts. A
mistake is named if that is so of every gradient that is wrong; it is misnamed if something else is said of one of them.

With a path, what came of each is written there, one a line, as soon as it is known; and what stands there already is
not asked again, so that the command goes on where it was interrupted.
"""

import argparse
import itertools
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from identities import CandidateMismatch, Diagnosis, Verification, WitnessMismatch
from identities.oracle.run.processes import as_done, processes
from identities.oracle.run.programs import cpu
from identities.oracle.verdict import judge
from tests import corpus, layers, reports


class Entry(Protocol):
    """A wrong gradient, and what a true explanation of it may be called."""

    @property
    def kinds(self) -> tuple[str, ...]: ...
    def judge(self, **options: Any) -> Verification: ...
    def is_true(self, diagnosis: Diagnosis) -> bool: ...


_CORPORA: dict[str, tuple[Sequence[Entry], dict[str, Any]]] = {
    "textbook": (corpus.WRONG, {}),
    "layers": (layers.WRONG, {"dtypes": ("float64",)}),
    "reports": (reports.WRONG, {}),
}
"""By name, the entries, and how they are judged if not as they say themselves."""


@dataclass(frozen=True)
class Run:
    """What came of one entry at one seed.

    **Fields:**

    - `came`: named, misnamed or unexplained; accepted or not judged; or failed, of an error that is none of those.
    - `seconds`, `diagnosing`: of processor time, and how much of it was the diagnosis.
    """

    corpus: str
    entry: str
    kinds: str
    seed: int
    came: str
    said: str
    seconds: float
    diagnosing: float


Task = tuple[str, tuple[int, ...], int]
"""Which corpus, which of its entries, of one function, and which seed."""


def runs_of(task: Task) -> list[Run]:
    """What came of a few entries, in one process."""
    name, numbers, seed = task
    return [_run(name, number, seed) for number in numbers]


def _run(name: str, number: int, seed: int) -> Run:
    entries, options = _CORPORA[name]
    entry, diagnosing = entries[number], 0.0

    def timed(*given: Any) -> dict[str, Diagnosis]:
        nonlocal diagnosing
        started = time.process_time()
        found = diagnosed(*given)
        diagnosing = time.process_time() - started
        return found

    diagnosed, started = judge.diagnosed, time.process_time()
    with mock.patch.object(judge, "diagnosed", timed):
        came, said = _outcome(entry, {**options, "seed": seed})
    seconds = time.process_time() - started
    return Run(name, str(entry), " or ".join(entry.kinds), seed, came, said, round(seconds, 2), round(diagnosing, 2))


def _outcome(entry: Entry, options: dict[str, Any]) -> tuple[str, str]:
    try:
        entry.judge(**options)
    except CandidateMismatch as mismatch:
        found = mismatch.diagnoses
    except (WitnessMismatch, ValueError) as error:
        return "not judged", f"{type(error).__name__}: {error}"
    except Exception as error:  # it is counted and shown, and the others are measured all the same
        return "failed", f"{type(error).__name__}: {error}"
    else:
        return "accepted", ""
    lost = any(diagnosis.kind == "unexplained" for diagnosis in found.values())
    came = "named" if all(map(entry.is_true, found.values())) else "unexplained" if lost else "misnamed"
    return came, "; ".join(f"{leaf}: {diagnosis}" for leaf, diagnosis in found.items())


def _tasks(options: argparse.Namespace, known: set[tuple[str, str, int]]) -> Iterator[Task]:
    """Entries of one function together, whose compiled programs are the same."""
    for name, (entries, _) in _CORPORA.items():
        wanted = [i for i, e in enumerate(entries) if not options.names or any(n in str(e) for n in options.names)]
        for seed in options.seeds:
            left = [i for i in wanted[:: options.every] if (name, str(entries[i]), seed) not in known]
            for _, group in itertools.groupby(left, lambda i, entries=entries: _function(entries[i])):
                yield name, tuple(group), seed


def _function(entry: Entry) -> str:
    return str(entry).partition(":")[0]


def _print_counts(runs: Sequence[Run]) -> None:
    for name in dict.fromkeys(run.corpus for run in runs):
        own = [run for run in runs if run.corpus == name]
        counts = Counter(run.came for run in own)
        seconds = [run.seconds for run in own]
        times = f"{statistics.median(seconds):.1f} s in the middle, {max(seconds):.1f} at most"
        print(f"{name}: {dict(counts)} of {counts.total()}; judged and diagnosed in {times}")
    caught = [run for run in runs if run.came in ("named", "misnamed", "unexplained")]
    if caught:
        named, misnamed = (sum(run.came == came for run in caught) for came in ("named", "misnamed"))
        print(f"of {len(caught)} caught: {named / len(caught):.1%} named, {misnamed / len(caught):.1%} misnamed")
        seconds = sorted(run.diagnosing for run in caught)
        middle, most = statistics.median(seconds), seconds[int(0.9 * len(seconds))]
        print(f"diagnosis: {middle:.1f} s in the middle, {most:.1f} at nine in ten, {seconds[-1]:.1f} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the names of entries (default: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--every", type=int, default=1, help="only every n-th entry")
    parser.add_argument("--jobs", type=int, default=processes(cpu()), help="how many processes")
    parser.add_argument("--json", type=Path, help="a file of what came of each, one a line")
    options = parser.parse_args()
    lines = options.json.read_text().splitlines() if options.json and options.json.exists() else []
    runs = [Run(**json.loads(line)) for line in lines]
    tasks = list(_tasks(options, {(run.corpus, run.entry, run.seed) for run in runs}))
    try:
        for _, found in as_done(runs_of, tasks, options.jobs):
            runs += found
            if options.json:
                with options.json.open("a") as file:
                    file.writelines(json.dumps(asdict(run)) + "\n" for run in found)
            for run in found:
                if run.came != "named":
                    print(f"{run.came}, seed {run.seed}: {run.entry} ({run.kinds})\n    {run.said[:300]}", flush=True)
    finally:
        _print_counts(runs)


if __name__ == "__main__":
    main()
