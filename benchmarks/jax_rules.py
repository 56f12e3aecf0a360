"""JAX's own rules of differentiation, put to the test one function at a time.

    python -m benchmarks.jax_rules --json FILE [NAME ...] [--jobs 16]
    python -m benchmarks.jax_rules --merge FILE ... --write docs/jax_rules.md

Forward and reverse mode against differences of the function itself, in float64, all over its domain and at special
points; the special functions against mpmath too, if that is installed, since JAX's own values may be inaccurate.
"""

import argparse
import importlib
import itertools
import json
import re
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax

from benchmarks.jax_derivatives import LOST, Trial, trials
from benchmarks.jax_findings import WRONG, Finding, answers, judge, literal
from benchmarks.jax_functions import ARRAYS, ELEMENTWISE, EXCLUDED, SETUP
from benchmarks.jax_values import mpmath
from benchmarks.workers import Worker, share
from identities.oracle.run.processes import processes
from identities.oracle.run.programs import cpu

_PATIENCE = 120
"""For how many seconds a trial may take."""
_KINDS = ("wrong", "NaN or infinite", "digits lost")


def accounted(module: str) -> tuple[set[str], dict[str, set[str]]]:
    """Of a module's names: those that the tables test, other names for the same included, and those left out."""
    lines = [line.strip() for t in (ELEMENTWISE, ARRAYS) for line in t.get(module, "").strip().splitlines()]
    tested = {line.split("(")[0].split()[0] for line in lines}
    tested |= {name for line in lines for name in re.findall(r" =(\w+)", line.partition(" | ")[0])}
    return tested, {reason: set(by.get(module, "").split()) for reason, by in EXCLUDED.items()}


def public(module: str) -> set[str]:
    """The names of a module's functions, in the version of JAX that is installed."""
    home = importlib.import_module(module)
    names = [name for name in dir(home) if not name.startswith("_")]
    return {n for n in names if callable(getattr(home, n, None)) and not isinstance(getattr(home, n), type)}


def _begin() -> None:
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")


def _judged(worker: Worker, trial: Trial) -> list[Finding] | str:
    """What is found in a trial, or why nothing could be."""
    answer = worker.ask(judge, trial, _PATIENCE)
    if answer is None and trial.formula:  # mpmath may be what takes so long
        answer = worker.ask(judge, replace(trial, formula=""), _PATIENCE)
    if answer is not None or not trial.elementwise:
        return "no answer" if answer is None else answer
    few = _fewest(worker, trial)
    if few is trial:  # slow, but no more than that
        return "no answer"
    x = literal(few.x)
    others = {a: literal(b) for a, b in zip(few.letters, few.at, strict=True)} | {few.letters[few.moved]: "t"}
    f = f"lambda t: {few.function}({', '.join(others.values())})"
    case = f"jax.jvp({f}, ({x},), (jnp.ones({len(few.x)}),))"
    argument = trial.letters[trial.moved]
    return [Finding(trial.function, argument, "never returns", "jvp", case, f"no answer in {_PATIENCE} s", "", "")]


def _fewest(worker: Worker, trial: Trial) -> Trial:
    """The fewest points without an answer that halving comes to."""
    for half in (slice(None, (n := len(trial.x)) // 2), slice(n // 2, None)):
        part = replace(trial, at=tuple(a[half] for a in trial.at))
        if n > 1 and worker.ask(answers, part, _PATIENCE / 4) is None:
            return _fewest(worker, part)
    return trial


Answer = tuple[Trial, list[Finding] | str]


def _answers(jobs: int, wanted: Sequence[Trial]) -> dict[str, list[Answer]]:
    """By function, in the order of the tables, what is found in each of its trials."""
    by_function = {name: list(some) for name, some in itertools.groupby(wanted, lambda t: t.function)}
    found = {name: some for (name, _), some in share(_of_function, list(by_function.items()), jobs, _begin)}
    return {name: found[name] for name in by_function}


def _of_function(worker: Worker, given: tuple[str, list[Trial]]) -> list[Answer]:
    return [(trial, _judged(worker, trial)) for trial in given[1]]


def audit(names: Sequence[str], jobs: int) -> dict[str, Any]:
    """Everything, or the functions whose names contain one of those given: what is found and how much was tested."""
    started, broken, unseen, points_ = time.perf_counter(), [], [], 0
    best: dict[tuple[str, ...], Finding] = {}
    names_of = {module: public(module) for module in ELEMENTWISE | ARRAYS}
    there = {f"{module}.{name}" for module, have in names_of.items() for name in have}
    wanted = [t for t in trials() if t.function in there and (not names or any(n in t.function for n in names))]
    found = _answers(jobs, wanted)
    for trial, answer in itertools.chain.from_iterable(found.values()):
        if isinstance(answer, str):
            broken.append(f"{trial.expression}, argument {trial.moved}: {answer}")
            continue
        points_ += trial.x.size if trial.elementwise else 1
        unseen += [f"{f.case}: {f.kind}, {f.gives}" for f in answer if not f.shown]
        for f in (f for f in answer if f.shown):
            known = best.get(key := (f.function, f.argument, f.kind))
            modes = " ".join(sorted({*f.modes.split(), *(known.modes.split() if known else ())}))
            best[key] = replace(f if known is None or len(f.case) < len(known.case) else known, modes=modes)
    left: dict[str, int] = {}
    lost: list[str] = []
    count = 0
    for module, have in names_of.items():
        covered, excluded = accounted(module)
        count += len(have & covered)
        for reason, out in excluded.items():
            left[reason] = left.get(reason, 0) + len(out & have)
        lost += sorted(f"{module}.{n}" for n in have - covered - set().union(*excluded.values()))
    return {
        "jax": jax.__version__,
        "mpmath": mpmath() is not None,
        "seconds": round(time.perf_counter() - started),
        "tested": len(found),
        "names": count,
        "points": points_,
        "left out": left,
        "unaccounted": lost,
        "broken": broken,
        "not shown": unseen,
        "findings": [asdict(f) for f in best.values()],
    }


PAGE = """# JAX's own rules, put to the test

Made by `python -m benchmarks.jax_rules`: every function of {modules} that takes real arrays, its `jax.jvp` and its
`jax.vjp`, in float64 on the CPU, against differences of the function itself. These carry an error estimate of their
own, so that there is no tolerance to be chosen; what disagrees is seen in three more directions before it is told.
The special functions are compared with mpmath besides, and where the two differ mpmath is right: JAX's own values may
be off. Points are all over the domain, at its ends, at 0, at ties, and at sizes from 1e-20 to 1e9.

{summary}

Every line below shows it by itself, after

```python
import jax, jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
```

`by` is the argument, `x`, `y`, `z` or `w`. A dash is a version in which the function agrees, or is not there; *also*
is one in which another line of the table shows the same. `[i, j]` is the entry that is meant.
{findings}
## No rule

Where JAX raises. Some of this is meant to be so.

{refused}

## What is not tested

{names} names, for these reasons.

{left}
"""

_SECTIONS = {
    "Wrong": ("The derivative exists and JAX gives another.", "wrong"),
    "NaN": ("The derivative exists, and JAX gives NaN or infinity.", "NaN or infinite"),
    "No answer": ("JAX fails inside a rule, or does not come to an end.", "fails", "never returns"),
    "Digits lost": (f"The relative error is between {LOST:g} and {WRONG:g}.", "digits lost"),
    "Forward and reverse mode differ": ("", "modes differ"),
    "At an end of the domain": ("Against the derivative to one side.", *(k + " at an end" for k in _KINDS)),
    "At a kink": (
        "Anything between the derivatives to the two sides would be right.",
        *(k + " at a kink" for k in _KINDS),
    ),
}


def page(runs: Sequence[dict[str, Any]]) -> str:
    """The page of what was found under several versions."""
    versions = [run["jax"] for run in runs]
    rows: dict[str, dict[tuple[str, ...], dict[str, dict[str, str]]]] = {}
    seen: set[tuple[str, ...]] = set()
    for run in runs:
        for f in run["findings"]:
            key = (f["function"], f["argument"], f["case"])
            rows.setdefault(f["kind"], {}).setdefault(key, {})[run["jax"]] = f
            seen.add((run["jax"], f["function"], f["argument"], f["kind"]))
    found = []
    for title, (text, *kinds) in _SECTIONS.items():
        some = [(key, by) for kind in kinds for key, by in sorted(rows.get(kind, {}).items())]
        if some:
            gives = " | ".join(f"JAX {v}" for v in versions)
            head = [f"| function | by | mode | line | {gives} | right |", "| --- " * (5 + len(versions)) + "|"]
            found.append(
                "\n".join(
                    [
                        f"\n## {title}\n",
                        *([text, ""] if text else []),
                        *head,
                        *(_row(*row, versions, seen) for row in some),
                    ]
                )
            )
    small = sorted({key[0] for key in rows.get("lost in the tail", {})})
    found.append(
        "\n## Small beside the function\n\nHere a derivative is off by less than the rounding of the function, and has "
        f"lost its own digits: {_code(small)}."
    )
    values = {key[0]: f for key, by in sorted(rows.get("value", {}).items()) for f in by.values()}
    found.append(
        "\n## Values\n\nHere the function's own value is NaN, or off by more than one part in a million, by mpmath.\n\n"
        "| call | JAX | right |\n| --- | --- | --- |\n"
        + "".join(f"| `{_short(f['case'])}` | {f['gives']} | {f['right']} |\n" for f in values.values())
    )
    refused = {}
    for (function, argument, case), by in sorted(rows.get("no rule", {}).items()):
        (f, *_) = by.values()
        refused[function, argument] = (
            f"| `{_short(function)}` | `{argument}` | {_mode(by)} | `{_short(case)}` | {f['gives'][:110]} | "
            f"{', '.join(by)} |"
        )
    head = "| function | by | mode | line | error | JAX |\n| --- | --- | --- | --- | --- | --- |"
    left = Counter(runs[-1]["left out"])
    return PAGE.format(
        modules=_code([*ELEMENTWISE | ARRAYS]),
        summary="\n".join(
            f"- JAX {r['jax']}: {r['names']} names, aliases included, which are {r['tested']} functions, "
            f"at {r['points']:,} points. {_amount(r)}." + ("" if r["mpmath"] else " Without mpmath.")
            for r in runs
        ),
        findings="\n".join(found),
        refused="\n".join([head, *refused.values()]),
        names=sum(left.values()),
        left="\n".join(f"- {n}: {reason}." for reason, n in left.most_common()),
    )


def _amount(run: dict[str, Any]) -> str:
    told = {kind for _, *kinds in _SECTIONS.values() for kind in kinds}
    some = {f["function"] for f in run["findings"] if f["kind"] in told}
    return f"{len(some)} functions disagree somewhere"


def _row(
    key: tuple[str, ...], by: dict[str, dict[str, str]], versions: Sequence[str], seen: set[tuple[str, ...]]
) -> str:
    function, argument, case = key
    (f, *_) = by.values()
    also = {v: "also" if (v, function, argument, f["kind"]) in seen else "-" for v in versions}
    gives = " | ".join(by[v]["gives"][:90] if v in by else also[v] for v in versions)
    return f"| `{_short(function)}` | `{argument}` | {_mode(by)} | `{_short(case)}` | {gives} | {f['right']} |"


def _mode(by: dict[str, dict[str, str]]) -> str:
    modes = {mode for f in by.values() for mode in f["modes"].split()}
    return "both" if len(modes) > 1 else "".join(modes)


def _short(code: str) -> str:
    code = re.sub(r"lambda (\w): ([\w.]+)\(\1\)\)", r"\2)", code)
    code = re.sub(r"(zeros|ones)\(\((\d+),\)\)", r"\1(\2)", code)
    return code.replace("jax.numpy.", "jnp.").replace("SCATTER", SETUP.partition(" = ")[2])


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{_short(name)}`" for name in names)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only functions whose full names contain one of these")
    parser.add_argument("--jobs", type=int, default=processes(cpu()), help="processes")
    parser.add_argument("--json", type=Path, help="where to leave what is found")
    parser.add_argument("--merge", type=Path, nargs="+", default=[], help="what runs under several versions left")
    parser.add_argument("--write", type=Path, help="the page that is made of those")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    runs = [json.loads(path.read_text()) for path in given.merge] if given.merge else [audit(given.names, given.jobs)]
    if given.json:
        given.json.write_text(json.dumps(runs[0], indent=1))
    if given.write:
        given.write.write_text(page(runs))
    for run in runs:
        for text in run["unaccounted"]:
            print(f"JAX {run['jax']}: ACCOUNTED FOR NOWHERE: {text}")
        for text in run["broken"]:
            print(f"JAX {run['jax']}: CANNOT BE CALLED: {text}")
        for text in run["not shown"]:
            print(f"JAX {run['jax']}: FOUND, BUT NOT SHOWN BY ITS LINE: {text}")
        if not run["mpmath"]:
            print("mpmath is not installed: the special functions were compared with differences only.")
        if not given.merge:
            for f in run["findings"]:
                print(" | ".join(text for text in f.values() if isinstance(text, str)))
            said = f"{run['tested']} functions at {run['points']:,} points, {run['seconds']} s"
            print(
                f"JAX {run['jax']}: {said}; {len(run['findings'])} findings, {len(run['not shown'])} others not shown"
            )


if __name__ == "__main__":
    main()
