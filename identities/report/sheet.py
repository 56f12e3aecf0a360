"""A formula sheet: what the catalog has of one document, as a page of Markdown."""

import re
from collections.abc import Iterable, Mapping

from identities.catalog import Identity, UnknownNameError, catalog
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.verdict.verification import Verification
from identities.report.order import number_of
from identities.report.tables import place_of
from identities.sources import DOCUMENTS

_TITLES = ("number", "statement", "identity", "kind", "holds for", "erratum", "error")


def of_document(document: str) -> list[Identity]:
    """The identities that cite a document, in its order.

    **Raises:** `UnknownNameError` for a document that none cites.
    """
    if document not in DOCUMENTS:
        known = ", ".join(map(repr, DOCUMENTS))
        raise UnknownNameError(f"no identity is from {document!r}; the documents are {known}")
    return sorted((i for i in catalog.values() if _numbers(i, document)), key=lambda i: _order(i, document))


def sheet(document: str, errors: Mapping[str, str]) -> str:
    """The page, for a file in `docs/`.

    **Arguments:**

    - `document`: by the name that identities cite it by.
    - `errors`: by the name of the identity, what `worst` made of its verdict.
    """
    found = of_document(document)
    numbers = {number for identity in found for number in _numbers(identity, document)}
    lines = [
        f"# {document}: a verified formula sheet",
        "",
        f"After {DOCUMENTS[document]}.",
        "",
        f"{len(numbers)} numbers, {len(found)} identities. Each is a function to import, and a claim that was put to "
        "the test against automatic differentiation on random shapes and values. The last column is the worst error in "
        f"units of rounding, in float64 and float32, where {TOLERANCE} pass; *exact* is equality to the last bit.",
        "`identities verify NAME` repeats it, `identities show NAME` tells all.",
        "",
        f'This page is made by `identities sheet "{document}"`.',
        "",
        _row(_TITLES),
        _row(["---"] * len(_TITLES)),
        *(_row(_cells(identity, document, errors[identity.name])) for identity in found),
    ]
    return "\n".join(lines) + "\n"


def worst(verdict: Verification, identity: Identity) -> str:
    """The worst error of a verdict, as the sheet has it."""
    if not verdict.passed:
        return "FAILED"
    return "exact" if identity.exact else f"{verdict.worst:.1f}"


def _cells(identity: Identity, document: str, error: str) -> list[str]:
    path, line = place_of(identity)
    errata = dict.fromkeys(s.erratum for s in identity.sources if s.document == document and s.erratum)
    return [
        ", ".join(_numbers(identity, document)),
        _mathematics(identity.statement),
        f"[{identity.name}](../{path.as_posix()}#L{line})",
        str(identity.kind),
        "; ".join(identity.preconditions),
        "; ".join(errata),
        error,
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _numbers(identity: Identity, document: str) -> list[str]:
    return [source.equation for source in identity.sources if source.document == document]


def _order(identity: Identity, document: str) -> list[tuple[int, str]]:
    return min(number_of(equation) for equation in _numbers(identity, document))


def _mathematics(latex: str) -> str:
    """As inline mathematics that a table of Markdown bears: without bars, names upright as all renderers know how."""
    text = re.sub(r"\\operatorname\{(\w+)\}(?= )", r"\\mathrm{\1}\\,", latex)
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}", text).replace("|", r"\vert ")
    return f"$`{text}`$"
