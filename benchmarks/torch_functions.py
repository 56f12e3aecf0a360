"""PyTorch's own functions and their automatic differentiation, judged as anybody's.

    python -m benchmarks.torch_functions [NAME ...] [--seed 0] [--jobs N] [--page docs/torch.md]

Every function of the catalog that PyTorch has, its value and its gradients by every argument, in float32 and bfloat16
on the CPU, over all options. With a path, the page is written there.
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.workers import Worker, share
from identities import CandidateMismatch, adapt, catalog, check_value, check_vjp
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.run.processes import prepare, processes
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.verification import Counterexample, Verification
from tests.against_torch import CONSTANT_IN_TORCH, IN_TORCH
from tests.clients import torch

DTYPES = ("float32", "bfloat16")
_JUDGED = ("value", "gradient")

UNDERSTOOD = {
    "avg_pool": "in three dimensions, no image may be smaller than a window, however much padding there is",
    "gelu": "beside x = -3, 1 + tanh and what its derivative adds cancel, which leaves the rounding of both",
    "cross_entropy_with_probabilities": "long sums are kept in bfloat16",
    "ctc_loss": "its backward pass is right for logarithms of probabilities, and not for anything else",
    "embedding": "rows that are looked up often are summed in bfloat16, where 2048 + 8 is 2048",
    "layer_norm": "the gradient of the bias is summed in bfloat16, where 2048 + 8 is 2048",
    "gumbel_softmax": "the noise is given as the exponential numbers that PyTorch draws, which underflow",
    "kl_div": "infinity less infinity, at the end of the range",
    "soft_margin_loss": "log(1 + exp(-xy)), as it is written, overflows from 88 on",
}
"""Why, where it is known."""

_GONE_AROUND = (
    "`interpolate`, with antialias and to a width of one: every row has the values of the first, in PyTorch 2.13 on "
    "the CPU, unless channels come last. It is judged with its axes exchanged there."
)

_STATIC = {"grid_sample": {"mode": ["bilinear", "nearest"]}}
"""Options that are judged, where PyTorch has others in two dimensions only."""

_PRINTED = 6
"""How many entries an array may have to be printed; of a larger one, its shape is."""
_PATIENCE = 600
"""For how many seconds a function may be judged."""


@dataclass
class Judged:
    """What came of a function: by what was judged and dtype, the worst error in units, or what is wrong."""

    name: str
    units: dict[tuple[str, str], float] = field(default_factory=dict)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


def judged(given: tuple[str, int]) -> Judged:
    """One function, value and gradients, in every dtype by itself."""
    name, seed = given
    identity = next(i for i in catalog.values() if (i.function.__name__, i.kind.name) == (name, "vjp"))
    by = [argument for argument in identity.wrt if argument not in CONSTANT_IN_TORCH.get(name, ())]

    def in_torch(*arrays: Any, **options: Any) -> Any:
        """With all options, which many a function that is not written in Python does not say that it has."""
        result = IN_TORCH[name](*arrays, **options)
        return result[0] if isinstance(result, (tuple, list)) and len(result) == 1 else result

    asked: Any = {"arrays": "torch", "seed": seed, "static": _STATIC.get(name)}
    judge: dict[str, Callable[[str], Verification]] = {
        "value": lambda dtype: check_value(identity.function, in_torch, dtypes=(dtype,), **asked),
        "gradient": lambda dtype: check_vjp(
            identity.function, adapt.backward_of(in_torch), by, dtypes=(dtype,), **asked
        ),
    }
    found = Judged(name)
    for what, dtype in _pairs():
        try:
            found.units[what, dtype] = judge[what](dtype).worst
        except CandidateMismatch as mismatch:
            found.wrong[what, dtype] = _said(mismatch)
        except Exception as error:  # what fails is told as that, and does not end the others
            found.wrong[what, dtype] = f"not judged: {type(error).__name__}: {str(error).splitlines()[0]}"
    return found


def _pairs() -> Iterable[tuple[str, str]]:
    return ((what, dtype) for what in _JUDGED for dtype in DTYPES)


def _said(mismatch: CandidateMismatch) -> str:
    """The mistake, and its smallest case, in a line."""
    shown = mismatch.counterexample
    leaf = f"{shown.leaf}: " * bool(shown.leaf)
    return f"{leaf}{mismatch.diagnosis.sentence}; {_case(shown)}"


def _case(shown: Counterexample) -> str:
    def short(values: Any) -> str:
        if np.size(values) > _PRINTED:
            return f"{np.shape(values)}"
        return " ".join(str(values).split())

    given = [f"{name} = {short(values)}" for name, values in {**shown.static, **shown.arguments}.items()]
    return f"{', '.join(given)}: {short(shown.got)}, right {short(shown.expected)}"


def begin() -> None:
    """Called first in a process that judges: nothing is to run anywhere but on the CPU."""
    jax.config.update("jax_platforms", "cpu")
    torch.set_num_threads(1)
    prepare(keep=False)


def _asked(worker: Worker, given: tuple[str, int]) -> Judged:
    lost = Judged(given[0], wrong=dict.fromkeys(_pairs(), f"not judged: no answer in {_PATIENCE} s"))
    return worker.ask(judged, given, _PATIENCE) or lost


def _is_lacking(said: str) -> bool:
    return "NotImplementedError" in said or "not supported" in said


def _grouped(found: Iterable[Judged]) -> dict[tuple[str, str], list[str]]:
    """Where the same is wrong, by function and by what it is."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for (what, dtype), said in one.wrong.items():
            if not _is_lacking(said):
                grouped.setdefault((one.name, said), []).append(f"{what} in {dtype}")
    return grouped


def page(found: Iterable[Judged], seed: int) -> str:
    """The page, in Markdown."""
    found = sorted(found, key=lambda judged: judged.name)
    clean = sum(not judged.wrong for judged in found)
    lines = [
        "# PyTorch's functions, put to the test",
        "",
        "Made by `python -m benchmarks.torch_functions --page docs/torch.md`, on the CPU, with "
        f"PyTorch {torch.__version__}, JAX {jax.__version__}, seed {seed}.",
        "",
        f"{len(found)} functions of the catalog that PyTorch has were judged, values and gradients by every argument, "
        f"over all options; {clean} are right in all four columns. The numbers are the worst errors in units of "
        f"rounding, of which {TOLERANCE} pass. A dash is explained below the table.",
        "",
        f"| function | {' | '.join(f'{what}, {dtype}' for what, dtype in _pairs())} |",
        f"| --- |{' ---: |' * len(list(_pairs()))}",
        *(
            f"| `{judged.name}` | "
            + " | ".join(f"{judged.units[pair]:.2f}" if pair in judged.units else "-" for pair in _pairs())
            + " |"
            for judged in found
        ),
        "",
        "## Wrong, or weak",
        "",
        *(
            f"- `{name}`, {', '.join(where)}: {said}" + (f" ({UNDERSTOOD[name]})" if name in UNDERSTOOD else "")
            for (name, said), where in _grouped(found).items()
        ),
        f"- {_GONE_AROUND}",
        "",
        "## Not implemented",
        "",
        f"In bfloat16 on the CPU: {', '.join(f'`{j.name}`' for j in found if any(map(_is_lacking, j.wrong.values())))}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=processes(cpu()), help="processes")
    parser.add_argument("--page", type=Path, help="where the page is written")
    options = parser.parse_args()
    names = options.names or list(IN_TORCH)
    if unknown := set(names) - set(IN_TORCH):
        parser.error(f"PyTorch has no {min(unknown)} here; it has {', '.join(IN_TORCH)}")
    found = []
    for _, judged_ in share(_asked, [(name, options.seed) for name in names], options.jobs, begin):
        found.append(judged_)
        print(judged_.name, {f"{what} {dtype}": round(u, 2) for (what, dtype), u in judged_.units.items()}, flush=True)
        for (what, dtype), said in judged_.wrong.items():
            print(f"    {what} in {dtype}: {said}", flush=True)
    if options.page:
        options.page.write_text(page(found, options.seed))


if __name__ == "__main__":
    main()
