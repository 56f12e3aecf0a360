"""The command line: `identities verify`, `check`, `list`, `show` and `sheet`."""

import argparse
import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import identities
from identities.catalog import Identity, UnknownNameError, catalog, find
from identities.latex import plain
from identities.oracle.candidates.grading import Exam, Grade, InternalError, Task, check_dtypes, grade, listed
from identities.oracle.candidates.local import Local
from identities.oracle.candidates.protection import protection
from identities.oracle.candidates.sandbox import Limits
from identities.oracle.reference.dense import WITNESSES
from identities.oracle.reference.differences import DIFFERENCES
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.run.processes import prepare
from identities.oracle.run.programs import describe_device, find_device
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.plan import DTYPES, INSTANCES, SHAPES, check_options
from identities.oracle.verdict.verification import CandidateMismatch, Verification
from identities.oracle.verify import verify_each
from identities.report.order import by_source
from identities.report.records import grade_record, identity_record, verification_record
from identities.report.sheet import of_document, sheet, worst
from identities.report.tables import cells, grade_cells, show
from identities.sources import DOCUMENTS

_CACHE_HELP = (
    "Compiled programs are kept in JAX_COMPILATION_CACHE_DIR, or in identities/ under XDG_CACHE_HOME "
    "(~/.cache), so that a second run is faster; JAX_ENABLE_COMPILATION_CACHE=false keeps nothing."
)


class MisuseError(Exception):
    """What was asked for makes no sense; why, in words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    It is 0, or 1 if a claim failed, or 2 for misuse, or 3 if the oracle itself went wrong, with a traceback.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except MisuseError as error:
        parser.exit(2, f"identities: {error}\n")
    except BrokenPipeError:  # nobody reads on, as in `identities list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:  # misuse has been told apart before; this is shown whole, with an exit code of its own
        traceback.print_exc()
        print("identities: internal error of the oracle, which gives no verdict", file=sys.stderr)
        return 3


@contextlib.contextmanager
def _validating() -> Iterator[None]:
    """For code that only looks at what was asked for, and complains of it."""
    try:
        yield
    except (UnknownNameError, ValueError) as error:
        raise MisuseError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="identities", description="The reference oracle for derivatives.")
    parser.add_argument("--version", action="version", version=f"identities {identities.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    verify = commands.add_parser(
        "verify", help="put claims to the test, here and now", description="Put claims to the test.", epilog=_CACHE_HELP
    )
    verify.add_argument("names", nargs="*", metavar="NAME", help="identities to verify (default: all)")
    verify.add_argument("--dtypes", nargs="+", choices=DTYPES, default=["float64", "float32"], metavar="DTYPE")
    verify.add_argument("--shapes", type=int, default=4, help="random shapes an identity (default: 4)")
    verify.add_argument("--instances", type=int, default=512, help="instances a shape and dtype (default: 512)")
    verify.add_argument("--seed", type=int, default=0, help="the same seed gives the same verdict (default: 0)")
    verify.add_argument("--device", help="cpu or gpu (default: JAX's default)")
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts to a file too")
    verify.set_defaults(run=_verify)

    check = commands.add_parser(
        "check",
        help="judge gradients of your own, by the names of their functions",
        description="Judge every function in the files whose name is in the catalog, each in a process of its own.",
        epilog=_CACHE_HELP,
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="Python files, or modules")
    check.add_argument("--only", nargs="+", default=[], metavar="NAME", help="judge these functions only")
    check.add_argument("--dtypes", nargs="+", choices=DTYPES, default=["float64"], metavar="DTYPE")
    check.add_argument("--arrays", default="numpy", help="call them with numpy (default), jax or torch; torch:cuda")
    check.add_argument("--shapes", type=int, default=SHAPES, help=f"random shapes (default: {SHAPES})")
    check.add_argument("--instances", type=int, default=INSTANCES, help=f"calls a shape (default: {INSTANCES})")
    check.add_argument("--seed", type=int, default=0, help="the same seed gives the same verdict (default: 0)")
    check.add_argument(
        "--sizes", nargs="+", type=_sizes, default=[], metavar="DIM=N,N", help="sizes of dimensions, as in t=1,127 c=8"
    )
    check.add_argument("--strict", action="store_true", help="writing to an argument is wrong for that alone")
    check.add_argument("--time-limit", type=float, default=60.0, metavar="S", help="seconds a function (default: 60)")
    check.add_argument("--memory-limit", type=float, default=8.0, metavar="GIB", help="GiB a function (default: 8)")
    check.add_argument(
        "--require-sandbox", action="store_true", help="refuse to run where candidates cannot be kept from the machine"
    )
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)

    list_ = commands.add_parser("list", help="list the catalog")
    list_.add_argument("--source", default="", metavar="TEXT", help="only those with this text in a source")
    list_.add_argument("--json", action="store_true", help="print JSON")
    list_.set_defaults(run=_list)

    sheet = commands.add_parser(
        "sheet",
        help="verify what there is of a document, and print it as a formula sheet in Markdown",
        description="Verify all identities of a document, and print them as a formula sheet in Markdown.",
        epilog=_CACHE_HELP,
    )
    sheet.add_argument("document", metavar="DOCUMENT", help=", ".join(f'"{name}"' for name in DOCUMENTS))
    sheet.set_defaults(run=_sheet)

    show = commands.add_parser("show", help="show all that is known of an identity")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)
    return parser


def _sizes(written: str) -> tuple[str, tuple[int, ...]]:
    """`t=1,127` as the name of a dimension and its sizes."""
    name, _, values = written.partition("=")
    numbers = values.split(",")
    if not name or not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{written!r} is no dimension with sizes from one on; write it like t=1,127")
    return name, tuple(map(int, numbers))


def _console() -> Console:
    # Into a file or a pipe, rows are better long than broken.
    return Console() if sys.stdout.isatty() else Console(width=200)


def _verify(options: argparse.Namespace) -> int:
    with _validating():
        found = list(dict.fromkeys(map(find, options.names))) or sorted(catalog.values(), key=by_source)
        check_options(options.dtypes, options.shapes, options.instances)
        find_device(options.device)
        for identity in found:
            check_dtypes(identity, options.dtypes)
    if options.json and not options.json.resolve().parent.is_dir():
        raise MisuseError(f"there is no folder for {options.json}")
    started = time.perf_counter()
    verdicts = _with_progress(
        found,
        dtypes=options.dtypes,
        shapes=options.shapes,
        instances=options.instances,
        seed=options.seed,
        device=options.device,
    )
    seconds = time.perf_counter() - started
    console = _console()
    console.print(_table(found, verdicts, options.dtypes, wide=console.width >= 140))
    failed = [identity for identity in found if not verdicts[identity.name].passed]
    for identity in failed:
        text = explain(verdicts[identity.name], plain(identity.statement))
        console.print(f"\n{text}", highlight=False, markup=False)
    instances = sum(v.instances for v in verdicts.values())
    device = describe_device(next(iter(verdicts.values())).plan.device)
    console.print(
        f"\n{len(verdicts) - len(failed)} of {len(verdicts)} identities passed: {instances:,} instances "
        f"on {device}, seed {options.seed}, jax {jax.__version__}, {seconds:.1f} s",
        style="bold red" if failed else "bold green",
        highlight=False,
    )
    if options.json:
        _write(options.json, json.dumps([verification_record(verdicts[i.name]) for i in found], indent=1))
    return 1 if failed else 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise MisuseError(str(error)) from None


def _check(options: argparse.Namespace) -> int:
    exam = _exam(options)
    if missing := [file for file in options.files if (".py" in file or "/" in file) and not Path(file).is_file()]:
        raise MisuseError(f"there is no file {missing[0]}")
    held = protection()
    if options.require_sandbox and not held.whole:
        raise MisuseError(f"--require-sandbox: {held}")
    prepare(keep=held.of_files)
    items = listed(options.files, exam, options.only)
    with _validating():
        exam.check([find(item.function) for item in items if isinstance(item, Task)])
    grades = list(grade(items, exam))
    if options.json:
        print(json.dumps([grade_record(g) | {"sandbox": held.record()} for g in grades], indent=1))
    else:
        _print_grades(grades)
        _console().print(str(held), style=None if held.whole else "yellow", highlight=False, soft_wrap=True)
    if any(isinstance(g.verdict, InternalError) for g in grades):
        return 3
    return 1 if any(g.failed for g in grades) else 0


def _exam(options: argparse.Namespace) -> Exam:
    """What the options ask for."""
    with _validating():
        check_options(options.dtypes, options.shapes, options.instances)
        Local(print, options.arrays)  # which complains of arrays that are not to be had
        for name in options.only:
            find(name)
    if options.time_limit <= 0 or options.memory_limit < 0:
        raise MisuseError("limits must be positive; a memory limit of 0 is none")
    limits = Limits(options.time_limit, int(options.memory_limit * 2**30))
    return Exam(
        tuple(options.dtypes),
        options.arrays,
        options.shapes,
        options.instances,
        options.seed,
        limits,
        dict(options.sizes),
        options.strict,
    )


def _print_grades(grades: Sequence[Grade]) -> None:
    several = len({g.file for g in grades}) > 1
    table = Table(header_style="bold")
    for title in (*["file"] * several, "function", "verdict", "diagnosis"):
        table.add_column(title, no_wrap=title == "function")
    for g in grades:
        row = (g.file, g.function or "-", *grade_cells(g))
        table.add_row(*map(escape, row[not several :]), style="red" if g.failed else None)
    console = _console()
    console.print(table)
    for g in grades:
        if isinstance(g.verdict, CandidateMismatch):
            console.print(f"\n{g.verdict}", highlight=False, markup=False, soft_wrap=True)
        if isinstance(g.verdict, InternalError):
            said = f"\n{g.function} is not judged: {g.verdict}\n{g.verdict.traceback}"
            console.print(said, highlight=False, markup=False, soft_wrap=True)
    judged = [g.verdict for g in grades if isinstance(g.verdict, (Verification, CandidateMismatch))]
    right = sum(isinstance(verdict, Verification) for verdict in judged)
    bad = any(g.failed or isinstance(g.verdict, InternalError) for g in grades)
    style = "bold red" if bad else "bold green"
    console.print(f"\n{right} of {len(judged)} right", style=style, highlight=False)


def _with_progress(found: Sequence[Identity], **options) -> dict[str, Verification]:
    verdicts = {}
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("verifying", total=len(found))
        for verdict in verify_each(found, prepare, **options):
            verdicts[verdict.identity] = verdict
            progress.advance(task)
    return verdicts


def _table(found: Sequence[Identity], verdicts: dict[str, Verification], dtypes: Sequence[str], wide: bool) -> Table:
    caption = f"errors: the worst, in units of rounding; up to {TOLERANCE} pass; exact: equal to the last bit"
    table = Table(caption=caption, caption_justify="left", header_style="bold")
    left, right, centre = (
        ("source", "identity", "statement"),
        ("shapes", "instances", *dtypes),
        (*WITNESSES, DIFFERENCES, "verdict"),
    )
    titles = [*left, *right, *centre]
    shown = [i for i, title in enumerate(titles) if wide or title in ("identity", *dtypes, "verdict")]
    for i in shown:
        justify = "left" if titles[i] in left else "right" if titles[i] in right else "center"
        table.add_column(titles[i], justify=justify, no_wrap=titles[i] not in ("source", "statement"))
    for identity in found:
        verdict = verdicts[identity.name]
        row = cells(identity, verdict, dtypes)
        table.add_row(*(escape(row[i]) for i in shown), style=None if verdict.passed else "red")
    return table


def _list(options: argparse.Namespace) -> int:
    wanted = options.source.lower()
    found = [i for i in catalog.values() if any(wanted in str(s).lower() for s in i.sources)]
    if not found:
        raise MisuseError(f"no identity has {options.source!r} in a source; the documents are {', '.join(DOCUMENTS)}")
    found.sort(key=by_source)
    if options.json:
        print(json.dumps([identity_record(identity) for identity in found], indent=1))
        return 0
    table = Table(header_style="bold")
    for title in ("source", "identity", "kind", "statement"):
        table.add_column(title, no_wrap=title == "identity")
    for i in found:
        table.add_row(", ".join(map(str, i.sources)), i.name, str(i.kind), escape(plain(i.statement)))
    _console().print(table)
    return 0


def _sheet(options: argparse.Namespace) -> int:
    with _validating():
        found = of_document(options.document)
    verdicts = _with_progress(found)
    print(sheet(options.document, {i.name: worst(verdicts[i.name], i) for i in found}), end="")
    return 0 if all(verdict.passed for verdict in verdicts.values()) else 1


def _show(options: argparse.Namespace) -> int:
    with _validating():
        find(options.name)
    print(show(options.name))
    return 0
