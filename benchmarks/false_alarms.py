"""How often the catalog's own closed forms, which are right, are rejected: every identity at seeds that no test has.

    python -m benchmarks.false_alarms [NAME ...] [--seeds 11 12] [--dtypes float32 float16] [--shapes 4]

A seed draws shapes, options and values of its own. Printed is each verdict that is none, or no pass, and at the end how
many instances were judged. Half types find the most: there, rounding is as large as many a result.
"""

import argparse
import time

import jax

from identities.catalog import catalog, find
from identities.oracle.run.processes import prepare
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.plan import DTYPES
from identities.oracle.verify import Undecided, verify_each


def begin() -> None:
    """Called first in every process: what is compiled for one seed serves no other."""
    prepare(keep=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="identities (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--shapes", type=int, default=4)
    options = parser.parse_args()
    identities = [find(name) for name in options.names] or list(catalog.values())
    for seed in options.seeds:
        started, instances, alarms = time.perf_counter(), 0, 0
        for verdict in verify_each(identities, begin, dtypes=options.dtypes, shapes=options.shapes, seed=seed):
            if isinstance(verdict, Undecided):
                alarms += 1
                print(f"seed {seed}: {verdict.said}\n", flush=True)
                continue
            instances += verdict.judged
            if not verdict.passed:
                alarms += 1
                print(f"seed {seed}: {explain(verdict)}\n", flush=True)
        seconds = time.perf_counter() - started
        judged = f"{len(identities)} identities, {instances:,} instances in {', '.join(options.dtypes)}"
        print(f"seed {seed}: {alarms} alarms; {judged}; jax {jax.__version__}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
