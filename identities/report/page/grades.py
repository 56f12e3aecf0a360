"""The verdicts on files of candidates as a page: one file that can be mailed, which loads nothing and runs nothing.

What candidates write, the names of their functions, what they raise and what they return, may be meant to harm whoever
reads it. It is text, and the templates escape it; what has no shape in print or turns the direction of what follows is
spelled out; no link leads anywhere but within the page, to places that are numbered and not named.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from identities.catalog import catalog
from identities.oracle.candidates.grading import Exam
from identities.report.gradebook import VERDICTS, Gradebook, remarks
from identities.report.journal import Records
from identities.report.page.environment import STATIC, render
from identities.report.tables import grade_cells


class Line(NamedTuple):
    """A line of source, in three parts, of which the second is the expression that is meant."""

    number: int
    before: str
    expression: str
    after: str


class Place(NamedTuple):
    """Where a mistake belongs: what it is called, and lines of it."""

    name: str
    lines: list[Line]


class Mistake(NamedTuple):
    """What is wrong with some of the results of a function, whose names are empty where there is one."""

    leaves: str
    kind: str
    sentence: str
    places: list[Place]


class Wrong(NamedTuple):
    """All about a function that is wrong.

    **Fields:**

    - `equations`: what is right, in LaTeX, of an identity of the catalog.
    - `case`: the smallest one, in print, of which `leaf` is the result that is shown of several.
    """

    asked: str
    equations: tuple[str, ...]
    dtype: str
    mistakes: list[Mistake]
    case: Mapping[str, Any]
    leaf: str
    repeat: str


class Entry(NamedTuple):
    """A function of a file: where the page tells of it, its verdict in a word, its mistakes in one, and in a line."""

    anchor: str
    function: str
    verdict: str
    kinds: str
    line: str
    wrong: Wrong | None


class Part(NamedTuple):
    """A file, with all that there is to be said of it."""

    anchor: str
    name: str
    right: int
    entries: list[Entry]
    remarks: list[str]


def grades_page(rows: Mapping[str, Records], exam: Exam, protection: str) -> str:
    """The page; the same verdicts make the same.

    **Arguments:**

    - `rows`: the verdicts by file.
    - `protection`: what held for the process of every candidate, in words.
    """
    book = Gradebook(legible(dict(rows)), exam.assignment)
    columns = book.columns()
    names = _names(list(book.rows))
    return render(
        "grades.html",
        style=Markup((STATIC / "style.css").read_text(encoding="utf-8")),
        functions=book.functions,
        columns=columns,
        words=[word for word in VERDICTS if any(column.counts[word] for column in columns)],
        parts=[_part(i, names[file], records, book, exam) for i, (file, records) in enumerate(book.rows.items(), 1)],
        exam=exam,
        protection=protection,
    )


def legible(value: Any) -> Any:
    """Records in which every text can be printed: characters without a shape of their own are spelled out."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in value)
    if isinstance(value, Mapping):
        return {legible(name): legible(held) for name, held in value.items()}
    return list(map(legible, value)) if isinstance(value, (list, tuple)) else value


def _names(files: Sequence[str]) -> dict[str, str]:
    """What each file is called: without the folder, if they all are in one."""
    return {file: Path(file).name if len({Path(other).parent for other in files}) == 1 else file for file in files}


def _part(number: int, name: str, records: Records, book: Gradebook, exam: Exam) -> Part:
    known = {record["function"]: record for record in records}
    cells = dict(zip(book.functions, book.cells(records), strict=True))
    entries = [
        _entry(f"{number}-{i}", function, known.get(function, {"verdict": cell.verdict, "error": cell.text}), exam)
        for i, (function, cell) in enumerate(cells.items(), 1)
    ]
    right = sum(entry.verdict == "right" for entry in entries)
    return Part(str(number), name, right, entries, remarks(records))


def _entry(anchor: str, function: str, record: Mapping[str, Any], exam: Exam) -> Entry:
    verdict, line = grade_cells(record)
    wrong = _wrong(function, record, exam) if verdict == "WRONG" else None
    kinds = ", ".join(dict.fromkeys(mistake.kind for mistake in wrong.mistakes)) if wrong else ""
    return Entry(anchor, function, verdict, kinds, "" if line == verdict else line, wrong)


def _wrong(function: str, record: Mapping[str, Any], exam: Exam) -> Wrong:
    return Wrong(
        record["asked"],
        () if exam.assignment.reference else catalog[function].equations,
        record["dtype"],
        list(_mistakes(record)),
        record["case"],
        record.get("leaf", ""),
        record["repeat"],
    )


def _mistakes(record: Mapping[str, Any]) -> Iterator[Mistake]:
    """Each mistake once, with the results that have it."""
    diagnoses = record.get("diagnoses", {"": record["diagnosis"]})
    alike: dict[tuple[str, str], list[str]] = {}
    for leaf, diagnosis in diagnoses.items():
        alike.setdefault((diagnosis["kind"], diagnosis["sentence"]), []).append(leaf)
    for (kind, sentence), leaves in alike.items():
        diagnosis = diagnoses[leaves[0]]
        places = [_place(name, diagnosis[key]) for key, name in _PLACES.items() if diagnosis[key]]
        yield Mistake(", ".join(leaves), kind, sentence, places)


_PLACES = {"where": "{file}, line {line}", "step": "a step of the closed form"}
"""The places that a diagnosis may have, and what each is called."""


def _place(name: str, place: Mapping[str, Any]) -> Place:
    lines = [
        _marked(line, place) if number == place["line"] else Line(number, line, "", "")
        for number, line in place["lines"]
    ]
    return Place(name.format(file=Path(place["file"]).name, line=place["line"]), lines)


def _marked(line: str, place: Mapping[str, Any]) -> Line:
    """The line that a mistake belongs to; an expression that goes on in the next one is marked up to the end."""
    spelled = line.encode()  # of which Python counts the bytes
    start, end = place["start"], place["end"]
    if spelled[start:end].decode(errors="replace").split() != place["expression"].split():
        end = len(spelled) if place["expression"] else start
    parts = (spelled[:start], spelled[start:end], spelled[end:])
    return Line(place["line"], *(part.decode(errors="replace") for part in parts))
