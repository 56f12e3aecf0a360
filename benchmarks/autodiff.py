"""Whether JAX's own automatic differentiation, in the dtype under test, is ever rejected.

    python -m benchmarks.autodiff [NAME ...] [--seeds 20] [--dtypes float32 bfloat16]

Over functions as people write them, unstable ones among them: `jit(vjp(f))` is judged as anybody's backward pass. What
is printed is every rejection, and how many runs there were.
"""

import argparse

from identities import WitnessMismatch
from identities.oracle.run.processes import processes, share
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.plan import DTYPES
from tests.autodiff import judged_by_itself
from tests.functions import WRITTEN


def judged(runs: list[tuple[str, str, int]]) -> list[str]:
    """What came of each: nothing, or what was wrong."""
    return [_judged(*run) for run in runs]


def _judged(name: str, dtype: str, seed: int) -> str:
    written = next(w for w in WRITTEN if w.name == name)
    try:
        verdict = judged_by_itself(written, dtype, seed)
    except NotImplementedError:
        return "not there"  # factorisations of half types
    except (WitnessMismatch, ValueError) as error:
        return f"{name} {dtype} {seed}: {type(error).__name__}: {error}"
    if verdict.passed:
        return ""
    found = verdict.counterexample
    assert found is not None
    return f"{name} {dtype} {seed}: {found.error:.3g} units beside {found.witness}, {found.leaf} for {found.arguments}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions (default: all)")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    options = parser.parse_args()
    names = options.names or [w.name for w in WRITTEN]
    groups = [[(name, dtype, seed) for dtype in options.dtypes for seed in range(options.seeds)] for name in names]
    counted = rejected = 0
    for name, found in zip(names, share(judged, groups, processes(cpu())), strict=True):
        counted += sum(said != "not there" for said in found)
        wrong = [said for said in found if said not in ("", "not there")]
        rejected += len(wrong)
        print(f"{name}: {len(wrong)} of {len(found)}", *wrong, sep="\n  ", flush=True)
    print(f"{rejected} of {counted} rejected")


if __name__ == "__main__":
    main()
