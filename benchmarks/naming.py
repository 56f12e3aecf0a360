"""How many mistakes are named, and how long that takes.

    python -m benchmarks.naming [NAME ...] [--seeds 1] [--every 1]

Over the tests' two corpora: gradients of textbook functions, and backward passes of layers. Printed is every mistake
that is not named by one of the kinds that are true of it, with what was said, and then the counts. A mistake is named
if that is so of every gradient that is wrong; it is misnamed if something else is said of one of them.
"""

import argparse
import statistics
import time
from collections import Counter

from identities import CandidateMismatch, Diagnosis, WitnessMismatch
from identities.oracle.run.processes import processes, share
from identities.oracle.run.programs import cpu
from tests import corpus, layers

Run = tuple[str, int, int]
"""Which corpus, which entry and which seed."""

_CORPORA = {"textbook": corpus.WRONG, "layers": layers.WRONG}


def named(runs: list[Run]) -> list[tuple[str, str, float]]:
    """What came of each, what was said, and the seconds that verdict and diagnosis took together."""
    return [_named(*run) for run in runs]


def _named(name: str, number: int, seed: int) -> tuple[str, str, float]:
    entry = _CORPORA[name][number]
    started = time.monotonic()
    try:
        entry.judge(dtypes=(entry.dtype if isinstance(entry, corpus.Entry) else "float64",), seed=seed)
    except CandidateMismatch as mismatch:
        found = mismatch.diagnoses
    except (WitnessMismatch, ValueError) as error:
        return "not judged", f"{type(error).__name__}: {error}", time.monotonic() - started
    else:
        return "accepted", "", time.monotonic() - started
    true = [_is_true(entry, diagnosis) for diagnosis in found.values()]
    lost = any(diagnosis.kind == "unexplained" for diagnosis in found.values())
    came = "named" if all(true) else "unexplained" if lost else "misnamed"
    return came, "; ".join(f"{leaf}: {diagnosis}" for leaf, diagnosis in found.items()), time.monotonic() - started


def _is_true(entry: corpus.Entry | layers.Wrong, diagnosis: Diagnosis) -> bool:
    if isinstance(entry, layers.Wrong):
        return entry.is_true(diagnosis.kind, diagnosis.sentence)
    return diagnosis.kind in entry.kinds and entry.factor in (None, diagnosis.factor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the names of entries (default: all)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="only every n-th entry")
    options = parser.parse_args()
    for name, entries in _CORPORA.items():
        wanted = [
            i for i, e in enumerate(entries) if not options.names or any(part in str(e) for part in options.names)
        ]
        groups = [[(name, i, seed) for seed in range(options.seeds)] for i in wanted[:: options.every]]
        counts, seconds = Counter[str](), list[float]()
        for group, results in zip(groups, share(named, groups, processes(cpu())), strict=True):
            for (_, i, seed), (came, said, took) in zip(group, results, strict=True):
                counts[came] += 1
                seconds.append(took)
                if came != "named":
                    print(
                        f"{came}, seed {seed}: {entries[i]} ({' or '.join(entries[i].kinds)})\n    {said[:300]}",
                        flush=True,
                    )
        if seconds:
            times = f"{statistics.median(seconds):.1f} s in the middle, {max(seconds):.1f} at most"
            print(f"{name}: {dict(counts)} of {counts.total()}; {times}")


if __name__ == "__main__":
    main()
