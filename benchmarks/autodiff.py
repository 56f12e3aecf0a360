"""Whether JAX's own automatic differentiation, in the dtype under test, is ever rejected.

    python -m benchmarks.autodiff [NAME ...] [--seeds 20] [--dtypes float32 bfloat16] [--jobs 16] [--minutes 4.5]
                                  [--json FILE]

Over all functions of the catalog and those that the tests have as people write them, unstable ones among them:
`jit(vjp(f))`, compiled for the CPU, is judged as anybody's backward pass. A run is a function, a dtype and a seed, with
shapes and values of its own. Printed is every one that was not accepted, and how many runs there were. Where there are
minutes for some of them only, these are drawn at random, every function as often as any other.

One thing is counted by itself: XLA may keep a sum of a half type in that type, and a long one has lost its digits then.
It is a mistake in anybody's backward pass, of the kind `precision`, and stays one in JAX's: such a run counts as
"sums kept", not as rejected, if that is the mistake that is named.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from benchmarks.workers import Worker, share
from identities import CandidateMismatch, WitnessMismatch
from identities.catalog import catalog
from identities.oracle.run.processes import prepare, processes
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.plan import DTYPES
from tests.autodiff import judged_by_itself
from tests.functions import WRITTEN, Written

_PATIENCE = 240
"""For how many seconds a function may be judged, at one seed and in all dtypes."""
_NOT_THERE = "not there"


class Run(NamedTuple):
    """A function by its name, a dtype and a seed; what came of it, and what was said if it was not accepted."""

    name: str
    dtype: str
    seed: int
    came: str
    said: str = ""


def functions() -> dict[str, Written]:
    """All that are judged, by name: the tests' own, and those of the catalog."""
    of_catalog = {identity.function.__name__: identity.function for identity in catalog.values()}
    named = {f"catalog.{name}": Written(name, function) for name, function in of_catalog.items()}
    return {w.name: w for w in WRITTEN} | named


def begin() -> None:
    """Called first in a process that judges: nothing is to run anywhere but on the CPU."""
    jax.config.update("jax_platforms", "cpu")
    prepare(keep=False)  # what is compiled for one seed serves no other


def judged(given: tuple[str, int, Sequence[str]]) -> list[Run]:
    """What came of a function at a seed in each of some dtypes, which share their witnesses' programs."""
    name, seed, dtypes = given
    written = functions()[name]
    return [Run(name, dtype, seed, *_judged(written, dtype, seed)) for dtype in dtypes]


def _judged(written: Written, dtype: str, seed: int) -> tuple[str, str]:
    try:
        judged_by_itself(written, dtype, seed)
    except NotImplementedError:
        return _NOT_THERE, ""  # factorisations of half types
    except CandidateMismatch as mismatch:
        kept = all(found.kind == "precision" and "sums" in found.sentence for found in mismatch.diagnoses.values())
        return "sums kept" if kept else "rejected", str(mismatch)
    except WitnessMismatch as mismatch:
        return "witnesses disagree", str(mismatch)
    except Exception as error:  # a run that fails is told as one, and does not end the others
        return "failed", f"{type(error).__name__}: {error}"
    return "accepted", ""


def _asked(worker: Worker, given: tuple[str, int, Sequence[str]]) -> list[Run]:
    name, seed, dtypes = given
    lost = [Run(name, dtype, seed, "failed", f"no answer in {_PATIENCE} s") for dtype in dtypes]
    return worker.ask(judged, given, _PATIENCE) or lost


def _in_turn(names: Sequence[str], seeds: int, dtypes: Sequence[str]) -> list[tuple[str, int, Sequence[str]]]:
    """Every function once, at a seed of its own, and again at another, in an order that is the same every time."""
    rng = random.Random(0)
    of_each = {name: rng.sample(range(seeds), seeds) for name in names}
    rounds = [rng.sample([(name, of_each[name][i], dtypes) for name in names], len(names)) for i in range(seeds)]
    return [given for one in rounds for given in one]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions, those of the catalog as catalog.NAME (default: all)")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--jobs", type=int, default=processes(cpu()), help="processes")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no other function is begun")
    parser.add_argument("--json", type=Path, help="where every run is written, one a line, as soon as it is done")
    options = parser.parse_args()
    names = options.names or list(functions())
    if unknown := set(names) - functions().keys():
        parser.error(f"there is no function {min(unknown)}; there are {', '.join(functions())}")
    counts, seen = Counter[str](), set[str]()
    wanted = _in_turn(names, options.seeds, options.dtypes)
    if options.json:
        options.json.write_text("")
    for _, runs in share(_asked, wanted, options.jobs, begin, 60 * options.minutes):
        for run in runs:
            counts[run.came] += 1
            seen.add(run.name)
            if run.said:
                print(f"{run.came}: {run.name}, {run.dtype}, seed {run.seed}\n    {run.said}\n", flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.writelines(json.dumps(run._asdict()) + "\n" for run in runs)
    print(_summary(counts, len(seen), options.seeds, len(wanted) * len(options.dtypes)))


def _summary(counts: Counter[str], names: int, seeds: int, wanted: int) -> str:
    judged = counts.total() - counts[_NOT_THERE]
    came = ", ".join(f"{n} {what}" for what, n in counts.most_common() if what != _NOT_THERE)
    return (
        f"{judged} runs of {names} functions, drawn from {wanted} over {seeds} seeds: {came}; "
        f"{counts[_NOT_THERE]} more that JAX cannot differentiate in their dtype"
    )


if __name__ == "__main__":
    main()
