"""`identities page`: the catalog and its verdicts as a static site."""

import argparse
from pathlib import Path
from typing import Any

from identities.catalog import catalog
from identities.oracle.run.processes import prepare
from identities.report.order import by_source
from identities.report.records import verification_record
from identities.report.verdicts import Record, read_verdicts
from identities.terminal import MisuseError, importing_extra, validating, verify_all, writing


def add_page(commands: Any, epilog: str) -> None:
    """Add the command and its options."""
    page = commands.add_parser(
        "page",
        help="verify the catalog, and write it as a static site",
        description="Write the catalog and its verdicts as a static site, which works from disk and on any web server.",
        epilog=epilog,
    )
    page.add_argument("directory", type=Path, metavar="DIRECTORY", help="where the site goes; made if it is not there")
    page.add_argument(
        "--json", type=Path, metavar="FILE", help="verdicts that `identities verify --json FILE` has written"
    )
    page.set_defaults(run=_page)


def _page(options: argparse.Namespace) -> int:
    with importing_extra("page"):
        from identities.report.page.site import write_site
    if options.directory.exists() and not options.directory.is_dir():
        raise MisuseError(f"{options.directory} is a file: a site is a folder")
    with writing():  # a folder that cannot be written is refused before the work
        options.directory.mkdir(parents=True, exist_ok=True)
    records = _records(options.json)
    prepare()  # what a page measures of a closed form is kept, and known the next time
    with writing():
        write_site(options.directory, records)
    failed = [record for record in records.values() if not record["passed"]]
    print(
        f"{len(records) - len(failed)} of {len(catalog)} identities verified; open {options.directory / 'index.html'}"
    )
    return 1 if failed else 0


def _records(file: Path | None) -> dict[str, Record]:
    if file:
        with validating(), writing():
            return read_verdicts(file)
    verdicts = verify_all(sorted(catalog.values(), key=by_source))
    return {name: verification_record(verdict) for name, verdict in verdicts.items()}
