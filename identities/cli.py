"""The command line: `identities verify`, `check`, `list`, `show`, `sheet` and `page`."""

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import jax
from rich.markup import escape
from rich.table import Table

import identities
from identities.catalog import Identity, catalog, find
from identities.cli_check import add_check
from identities.cli_page import add_page
from identities.derivations import declared, names
from identities.latex import plain
from identities.oracle.candidates.grading import check_dtypes
from identities.oracle.derivation import judge_lines
from identities.oracle.reference.dense import WITNESSES
from identities.oracle.reference.differences import DIFFERENCES
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.run.processes import prepare
from identities.oracle.run.programs import describe_device, find_device
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.plan import DTYPES, INSTANCES, SHAPES, Plan, check_options
from identities.oracle.verdict.verification import Verification
from identities.oracle.verify import inquiry_of
from identities.report.derivation import derivation_text
from identities.report.order import by_source
from identities.report.records import (
    identity_record,
    line_record,
    verification_record,
    without_derivative_record,
    worst,
)
from identities.report.rows import of_document
from identities.report.sheet import sheet
from identities.report.tables import cells, show
from identities.sources import DOCUMENTS, WITHOUT_DERIVATIVE
from identities.terminal import (
    MisuseError,
    check_writable,
    console,
    validating,
    verify_all,
    verify_with_progress,
    writing,
)

_CACHE_HELP = (
    "Compiled programs are kept in identities/ under JAX_COMPILATION_CACHE_DIR, or else XDG_CACHE_HOME "
    "(~/.cache), so that a second run is faster; JAX_ENABLE_COMPILATION_CACHE=false keeps nothing."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    It is 0, or 1 if a claim failed, or 2 for misuse, or 3 if there is a claim without a verdict, since its witnesses
    disagree or the oracle itself went wrong, with a traceback; or 130 after an interrupt.
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
    except KeyboardInterrupt:
        return 130
    except Exception:  # misuse has been told apart before; this is shown whole, with an exit code of its own
        traceback.print_exc()
        print("identities: internal error of the oracle, which gives no verdict", file=sys.stderr)
        return 3


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

    add_check(commands, _CACHE_HELP)

    list_ = commands.add_parser("list", help="list the catalog")
    list_.add_argument("words", nargs="*", metavar="WORD", help="only those with each of these in their topic or name")
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

    add_page(commands, _CACHE_HELP)

    show = commands.add_parser("show", help="show all that is known of an identity")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--derivation", action="store_true", help="show its derivation, every line put to the test")
    show.set_defaults(run=_show)
    return parser


def _verify(options: argparse.Namespace) -> int:
    with validating():
        found = list(dict.fromkeys(map(find, options.names))) or sorted(catalog.values(), key=by_source)
        check_options(options.dtypes, options.shapes, options.instances)
        device = find_device(options.device)
        for identity in found:
            check_dtypes(identity, options.dtypes)
    check_writable(options.json)
    started = time.perf_counter()
    verdicts, undecided = verify_with_progress(
        found,
        dtypes=options.dtypes,
        shapes=options.shapes,
        instances=options.instances,
        seed=options.seed,
        device=options.device,
    )
    seconds = time.perf_counter() - started
    out = console()
    decided = [identity for identity in found if identity.name in verdicts]
    out.print(_table(decided, verdicts, options.dtypes, wide=out.width >= 140))
    failed = [identity for identity in decided if not verdicts[identity.name].passed]
    for identity in failed:
        text = explain(verdicts[identity.name], plain(identity.statement))
        out.print(f"\n{text}", highlight=False, markup=False)
    instances = sum(v.instances for v in verdicts.values())
    out.print(
        f"\n{len(verdicts) - len(failed)} of {len(found)} identities passed: {instances:,} instances "
        f"on {describe_device(device)}, seed {options.seed}, jax {jax.__version__}, {seconds:.1f} s",
        style="bold red" if failed or undecided else "bold green",
        highlight=False,
    )
    if options.json:
        with writing():
            options.json.write_text(json.dumps([verification_record(verdicts[i.name]) for i in decided], indent=1))
    if undecided:
        print("\n\n".join(reason.said for reason in undecided.values()), file=sys.stderr)
        print(f"identities: the oracle gives no verdict on {', '.join(undecided)}", file=sys.stderr)
        return 3
    return 1 if failed else 0


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
    wanted, words = options.source.lower(), [word.lower() for word in options.words]
    found = [i for i in catalog.values() if any(wanted in str(s).lower() for s in i.sources)]
    without = [source for source in WITHOUT_DERIVATIVE if options.source and wanted in str(source).lower()]
    found = [i for i in found if all(word in f"{i.topic} {i.name}".lower() for word in words)]
    if not (found or without):
        asked = f"{' '.join(words)!r} in its topic or name" if words else f"{options.source!r} in a source"
        topics = dict.fromkeys(identity.topic for identity in catalog.values())
        raise MisuseError(
            f"no identity has {asked}; the topics are {', '.join(topics)}; the documents are {', '.join(DOCUMENTS)}"
        )
    found.sort(key=by_source)
    if options.json:
        records = [identity_record(identity) for identity in found]
        print(json.dumps([*records, *(without_derivative_record(source) for source in without)], indent=1))
        return 0
    table = Table(header_style="bold")
    for title in ("source", "identity", "kind", "statement"):
        table.add_column(title, no_wrap=title == "identity")
    for i in found:
        table.add_row(", ".join(map(str, i.sources)), i.name, str(i.kind), escape(plain(i.statement)))
    for source in without:
        table.add_row(str(source), "", "", WITHOUT_DERIVATIVE[source])
    console().print(table)
    return 0


def _sheet(options: argparse.Namespace) -> int:
    with validating():
        found = [row.identity for row in of_document(options.document)]
    verdicts = verify_all(found)
    errors = {i.name: worst(verification_record(verdicts[i.name]), i) for i in found}
    print(sheet(options.document, errors), end="")
    return 0 if all(verdict.passed for verdict in verdicts.values()) else 1


def _show(options: argparse.Namespace) -> int:
    with validating():
        identity = find(options.name)
    if options.derivation:
        return _show_derivation(identity)
    print(show(options.name))
    return 0


def _show_derivation(identity: Identity) -> int:
    derivation = declared(identity)
    if derivation is None:
        raise MisuseError(f"{identity.name} has no derivation; those that have one are {', '.join(sorted(names()))}")
    prepare()
    plan = Plan(("float64",), SHAPES, INSTANCES, 0, find_device("cpu"))
    verdicts = judge_lines(derivation, inquiry_of(identity, plan))
    print(derivation_text(identity, list(map(line_record, verdicts))))
    return 0 if all(verdict.holds for verdict in verdicts) else 1
