"""`identities check`: files of candidates, judged function by function; a class of them, as a table."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from identities.oracle.candidates.assignment import CATALOG
from identities.oracle.candidates.classes import grade_files
from identities.oracle.candidates.grading import Exam
from identities.oracle.candidates.local import Local
from identities.oracle.candidates.protection import Protection, protection
from identities.oracle.candidates.reference_file import ReferenceFile
from identities.oracle.candidates.sandbox import Limits
from identities.oracle.run.processes import prepare
from identities.oracle.verdict.plan import DTYPES, INSTANCES, SHAPES, check_options
from identities.report.gradebook import VERDICTS, Gradebook
from identities.report.journal import Journal, Records
from identities.report.records import grade_record
from identities.report.tables import grade_cells
from identities.terminal import MisuseError, check_writable, console, importing_extra, progress, validating, writing


def add_check(commands: Any, epilog: str) -> None:
    """Add the command and its options."""
    check = commands.add_parser(
        "check",
        help="judge gradients of your own, by the names of their functions",
        description="Judge every function in the files whose name is in the catalog, or in a reference file, each in a "
        "process of its own.",
        epilog=epilog,
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="Python files, or modules")
    check.add_argument(
        "--reference", metavar="FILE", help="judge by the annotated JAX functions of this file, not by the catalog"
    )
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
    check.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a row a file and a column a function; all about them is beside it, in FILE with .jsonl at its end, "
        "from which an interrupted run goes on",
    )
    check.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page about the files, one that can be mailed: it loads nothing",
    )
    check.set_defaults(run=_check)


def _sizes(written: str) -> tuple[str, tuple[int, ...]]:
    """`t=1,127` as the name of a dimension and its sizes."""
    name, _, values = written.partition("=")
    numbers = values.split(",")
    if not name or not all(number.isdecimal() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{written!r} is no dimension with sizes from one on; write it like t=1,127")
    return name, tuple(map(int, numbers))


def _check(options: argparse.Namespace) -> int:
    if missing := [file for file in options.files if (".py" in file or "/" in file) and not Path(file).is_file()]:
        raise MisuseError(f"there is no file {missing[0]}")
    for file in (options.csv, options.html):
        check_writable(file)
    make_page = _maker_of_pages() if options.html else None
    exam = _exam(options)
    held = protection()
    if options.require_sandbox and not held.whole:
        raise MisuseError(f"--require-sandbox: {held}")
    prepare(keep=held.of_files)
    rows = _graded(list(dict.fromkeys(options.files)), exam, held.of_files, options.csv)
    everything = [record for records in rows.values() for record in records]
    if make_page:
        with writing():
            options.html.write_text(make_page(rows, exam, str(held)), encoding="utf-8")
    if options.json:
        print(json.dumps([{**record, "sandbox": held.record()} for record in everything], indent=1))
    elif options.csv or (options.html and len(rows) > 1):
        _print_class(rows, exam, held, _written(options))
    else:
        _print_grades(everything, held)
    return _exit_code(everything)


def _maker_of_pages() -> Callable[[Mapping[str, Records], Exam, str], str]:
    with importing_extra("page"):
        from identities.report.page.grades import grades_page
    return grades_page


def _exit_code(records: Records) -> int:
    broken = [record for record in records if record["verdict"] == "internal error"]
    for record in broken:
        print(f"{record['function']} of {record['file']} is not judged: {record['error']}", file=sys.stderr)
        print(record["traceback"], file=sys.stderr)
    return 3 if broken else int(any(record["passed"] is False for record in records))


def _exam(options: argparse.Namespace) -> Exam:
    """What the options ask for."""
    with validating():
        check_options(options.dtypes, options.shapes, options.instances)
        Local(print, options.arrays)  # which complains of arrays that are not to be had
        assignment = ReferenceFile(options.reference) if options.reference else CATALOG
        for name in options.only:
            assignment.find(name)
    if options.time_limit <= 0 or options.memory_limit < 0:
        raise MisuseError("limits must be positive; a memory limit of 0 is none")
    kept = [*([options.reference] if options.reference else []), *_written(options)]
    limits = Limits(options.time_limit, int(options.memory_limit * 2**30), tuple(map(str, kept)))
    return Exam(
        tuple(options.dtypes),
        options.arrays,
        options.shapes,
        options.instances,
        options.seed,
        limits,
        dict(options.sizes),
        options.strict,
        assignment,
        tuple(options.only),
        tuple(file for file in options.files if Path(file).is_file()),
    )


def _written(options: argparse.Namespace) -> tuple[Path, ...]:
    """What is written: the table of a class, and all that it is made of; and the page."""
    table, page = options.csv, options.html
    return (*((table, table.with_suffix(".jsonl")) if table else ()), *((page,) if page else ()))


def _graded(files: Sequence[str], exam: Exam, keep: bool, table: Path | None) -> dict[str, Records]:
    """The verdicts on files, in their order; of a class, those that are known already are not asked for again."""
    with writing():
        journal = Journal(table.with_suffix(".jsonl")) if table else None
    digests = {file: exam.digest(file) for file in files} if journal else {}
    known = {file: records for file in digests if journal and (records := journal.find(file, digests[file]))}
    asked = [file for file in files if file not in known]
    with validating():
        judged = grade_files(asked, exam, keep)
    found: dict[str, Records] = dict(known)
    try:
        with progress("judging", len(files), len(known)) as advance:
            for file, grades in judged:
                found[file] = [grade_record(grade) for grade in grades]
                if journal:
                    with writing():
                        journal.add(file, digests[file], found[file])
                advance()
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from there" * bool(journal)
        print(f"\nidentities: interrupted: {len(found)} of {len(files)} files are judged{goes_on}", file=sys.stderr)
        raise
    rows = {file: found[file] for file in files}
    if journal and table:
        with writing():
            journal.keep(list(digests.items()))
            Gradebook(rows, exam.assignment).write(table)
    return rows


def _print_class(rows: Mapping[str, Records], exam: Exam, held: Protection, written: Sequence[Path]) -> None:
    shown = Table(header_style="bold")
    columns = Gradebook(rows, exam.assignment).columns()
    words = [word for word in VERDICTS if any(column.counts[word] for column in columns)]
    shown.add_column("function", no_wrap=True)
    for word in words:
        shown.add_column(word, justify="right")
    shown.add_column("the commonest mistake")
    for column in columns:
        counts = [str(column.counts[word] or "") for word in words]
        shown.add_row(column.function, *counts, escape(column.commonest))
    out = console()
    out.print(shown)
    unread = [record["error"] for records in rows.values() for record in records if not record["function"]]
    for said in unread:
        out.print(said, highlight=False, markup=False, soft_wrap=True)
    *others, last = map(str, written)
    places = f"{', '.join(others)} and {last}" if others else last
    out.print(f"\n{len(rows)} files, in {places}", style="bold", highlight=False, soft_wrap=True)
    _print_protection(held)


def _print_grades(records: Records, held: Protection) -> None:
    several = len({record["file"] for record in records}) > 1
    table = Table(header_style="bold")
    for title in (*["file"] * several, "function", "verdict", "diagnosis"):
        table.add_column(title, no_wrap=title == "function")
    for record in records:
        row = (record["file"], record["function"] or "-", *grade_cells(record))
        table.add_row(*map(escape, row[not several :]), style="red" if record["passed"] is False else None)
    out = console()
    out.print(table)
    for record in records:
        if "message" in record:
            out.print(f"\n{record['message']}", highlight=False, markup=False, soft_wrap=True)
    right, wrong = (sum(record["verdict"] == word for record in records) for word in ("right", "WRONG"))
    bad = any(record["passed"] is False or record["verdict"] == "internal error" for record in records)
    style = "bold red" if bad else "bold green"
    out.print(f"\n{right} of {right + wrong} right", style=style, highlight=False)
    _print_protection(held)


def _print_protection(held: Protection) -> None:
    console().print(str(held), style=None if held.whole else "yellow", highlight=False, soft_wrap=True)
