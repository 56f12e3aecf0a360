"""A formula sheet: what the catalog has of one document, as a page of Markdown."""

import re
from collections.abc import Iterable, Mapping

from identities.oracle.reference.unit import TOLERANCE
from identities.report.rows import Row, of_document
from identities.report.tables import file_of
from identities.sources import DOCUMENTS

_TITLES = ("number", "statement", "identity", "kind", "holds for", "erratum", "error")


def sheet(document: str, errors: Mapping[str, str]) -> str:
    """The page, for a file in `docs/`.

    **Arguments:**

    - `document`: by the name that identities cite it by.
    - `errors`: by the name of the identity, what `worst` made of its record.
    """
    rows = of_document(document)
    numbers = {number for row in rows for number in row.numbers}
    lines = [
        f"# {document}: a verified formula sheet",
        "",
        f"After {DOCUMENTS[document]}.",
        "",
        f"{len(numbers)} numbers, {len(rows)} identities. Each is a function to import, and a claim that was put to "
        "the test against automatic differentiation on random shapes and values. The last column is the worst error in "
        f"units of rounding, in float64 and float32, where {TOLERANCE} pass; *exact* is equality to the last bit.",
        "`identities verify NAME` repeats it, `identities show NAME` tells all.",
        "",
        f'This page is made by `identities sheet "{document}"`.',
        "",
        _row(_TITLES),
        _row(["---"] * len(_TITLES)),
        *(_row(_cells(row, errors[row.identity.name])) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Row, error: str) -> list[str]:
    identity = row.identity
    return [
        ", ".join(row.numbers),
        _mathematics(identity.statement),
        f"[{identity.name}](../{file_of(identity).as_posix()})",
        str(identity.kind),
        "; ".join(row.needs),
        "; ".join(row.errata),
        error,
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _mathematics(latex: str) -> str:
    """As inline mathematics that a table of Markdown bears: without bars, names upright as all renderers know how."""
    text = re.sub(r"\\operatorname\{(\w+)\}(?= )", r"\\mathrm{\1}\\,", latex)
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}", text).replace("|", r"\vert ")
    return f"$`{text}`$"
