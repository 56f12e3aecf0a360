"""The rows of formula sheets, in Markdown and on pages: which identities, in what order, and what is said of each."""

from collections.abc import Iterator
from typing import NamedTuple

from identities.catalog import Identity, Source, UnknownNameError, catalog
from identities.report.order import number_of
from identities.sources import DOCUMENTS

_FIRST = ("linear", "elementwise", "chain", "softmax", "norms", "linear_regression", "matrix", "layers")
"""The order of topics: as one learns them; others follow."""


class Row(NamedTuple):
    """An identity on a sheet: with its places in the document that the sheet is of, or in all documents."""

    identity: Identity
    sources: tuple[Source, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(source.equation for source in self.sources)

    @property
    def errata(self) -> tuple[str, ...]:
        """What is misprinted there, in words."""
        return tuple(dict.fromkeys(source.erratum for source in self.sources if source.erratum))

    @property
    def needs(self) -> tuple[str, ...]:
        return self.identity.preconditions


def of_document(document: str) -> list[Row]:
    """The rows of a document's sheet, in its order.

    **Raises:** `UnknownNameError` for a document that none cites.
    """
    if document not in DOCUMENTS:
        known = ", ".join(map(repr, DOCUMENTS))
        raise UnknownNameError(f"no identity is from {document!r}; the documents are {known}")
    rows = [Row(i, tuple(s for s in i.sources if s.document == document)) for i in catalog.values()]
    return sorted((row for row in rows if row.sources), key=lambda row: min(map(number_of, row.numbers)))


def by_document() -> Iterator[tuple[str, list[Row]]]:
    """Every document with its rows."""
    return ((document, of_document(document)) for document in DOCUMENTS)


def by_topic() -> list[tuple[str, list[Row]]]:
    """Every topic with its rows, in the order in which they are declared."""
    topics: dict[str, list[Row]] = {}
    for identity in catalog.values():
        topics.setdefault(identity.topic, []).append(Row(identity, identity.sources))
    return sorted(topics.items(), key=lambda item: _place(item[0]))


def _place(topic: str) -> tuple[int, str]:
    first = topic.partition(".")[0]
    return _FIRST.index(first) if first in _FIRST else len(_FIRST), topic
