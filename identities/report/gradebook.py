"""The verdicts on a class: a row a file and a column a function, and what is to be said of each function."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from identities.oracle.candidates.assignment import Assignment
from identities.report.journal import Records
from identities.report.tables import mistakes

VERDICTS = ("right", "WRONG", "missing", "not judged", "internal error")
"""What a function of a file may be; what is not asked for at all is a remark."""


class Cell(NamedTuple):
    """What there is to be said of one function of one file: one of `VERDICTS`, and what a spreadsheet has."""

    verdict: str
    text: str


class Column(NamedTuple):
    """What has come of one function in a class: how many verdicts of each kind there are, and the commonest mistake."""

    function: str
    counts: Mapping[str, int]
    commonest: str


class Gradebook:
    """The verdicts on the files of a class.

    **Fields:**

    - `rows`: the verdicts by file.
    - `functions`: the columns, in the order of the assignment: all that any file was judged for; and the functions of
      which no file has anything.
    """

    def __init__(self, rows: Mapping[str, Records], assignment: Assignment):
        self.rows: Mapping[str, Records] = rows
        asked = [r for records in rows.values() for r in records if r["function"] and r["verdict"] in VERDICTS]
        judged = {record["function"] for record in asked if record["verdict"] != "missing"}
        touched = {assignment.place(function)[0] for function in judged}
        absent = {r["function"] for r in asked if assignment.place(r["function"])[0] not in touched}
        self.functions: list[str] = sorted(judged | absent, key=assignment.place)

    def write(self, file: Path) -> None:
        """As a table for a spreadsheet: for each file how much is right, each function's verdict, and remarks."""
        with file.open("w", newline="") as opened:
            table = csv.writer(opened)
            table.writerow(["file", "right", "of", *self.functions, "remarks"])
            for name, records in self.rows.items():
                cells = self.cells(records)
                right = sum(cell.verdict == "right" for cell in cells)
                row = [name, right, len(cells), *(cell.text for cell in cells), "; ".join(remarks(records))]
                table.writerow(map(_harmless, row))

    def columns(self) -> list[Column]:
        """What there is to be said of each function."""
        return [_column(*of_one) for of_one in zip(self.functions, *map(self.cells, self.rows.values()), strict=True)]

    def cells(self, records: Records) -> list[Cell]:
        """What there is to be said of each function of one file."""
        known = {record["function"]: record for record in records}
        absent = "not judged" if "" in known else "missing"  # a file that cannot be loaded may have it
        return [_cell(known[f]) if f in known else Cell(absent, absent) for f in self.functions]


def _cell(record: Mapping[str, Any]) -> Cell:
    verdict = record["verdict"]
    said = {"WRONG": lambda: mistakes(record), "not judged": lambda: f"not judged: {record['error'].splitlines()[0]}"}
    return Cell(verdict, said[verdict]() if verdict in said else verdict)


def _column(function: str, *cells: Cell) -> Column:
    wrong = Counter(cell.text for cell in cells if cell.verdict == "WRONG")
    commonest = "".join(f"{count} of them {text}" for text, count in wrong.most_common(1))
    return Column(function, Counter(cell.verdict for cell in cells), commonest)


def remarks(records: Records) -> list[str]:
    """What is said of a file besides: that it cannot be loaded, and which names are nearly right."""
    others = [r for r in records if not r["function"] or r["verdict"] not in VERDICTS]
    return [f"{record['function']} {record['error']}".strip() for record in others]


def _harmless(cell: object) -> object:
    """The same, which no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
