"""The site: a sheet by topic, one by document, the notes as a chapter, and a page for each identity."""

import importlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from identities.catalog import catalog
from identities.report.page.chapter.chapter import chapter
from identities.report.page.environment import STATIC, render
from identities.report.page.identity import about
from identities.report.page.verdict import Verdict, verdict_of
from identities.report.page.words import anchor_of
from identities.report.rows import Row, by_document, by_topic
from identities.report.verdicts import Record
from identities.sources import DOCUMENTS


class Section(NamedTuple):
    """A part of a sheet: a topic or a document."""

    title: str
    about: str
    rows: list[Row]

    @property
    def id(self) -> str:
        return anchor_of(self.title)

    @property
    def group(self) -> str:
        """The first part of its title, if it has several."""
        group, colon, _ = self.title.partition(": ")
        return group if colon else ""

    @property
    def short(self) -> str:
        """Its title within its group."""
        return self.title.partition(": ")[2] or self.title


def write_site(folder: Path, records: Mapping[str, Record]) -> None:
    """Write all pages into a folder, which is made if it is not there; the same records give the same bytes.

    **Arguments:**

    - `records`: verdicts, by the name of the identity. What has none is shown as not verified.

    **Raises:** `OSError` for a folder that cannot be written.
    """
    (folder / "identities").mkdir(parents=True, exist_ok=True)
    for file in sorted(STATIC.iterdir(), key=lambda file: file.name):
        (folder / file.name).write_bytes(file.read_bytes())
    verdicts = {name: verdict_of(identity, records.get(name)) for name, identity in catalog.items()}
    for path, page in _pages(verdicts):
        (folder / path).write_text(page, encoding="utf-8")


def _pages(verdicts: Mapping[str, Verdict]) -> Iterator[tuple[str, str]]:
    """Every page with its path."""
    topics = [_topic(topic, rows) for topic, rows in by_topic()]
    documents = [Section(document, f"After {DOCUMENTS[document]}.", rows) for document, rows in by_document()]
    sheets = {"verdicts": verdicts, "totals": _totals(verdicts), "filters": _filters(topics, documents)}
    groups = {group: list(members) for group, members in itertools.groupby(topics, lambda topic: topic.group)}
    yield "index.html", render("index.html", sections=topics, groups=groups, **sheets)
    yield "sources.html", render("sources.html", sections=documents, **sheets)
    yield "notes.html", render("notes.html", **chapter(verdicts))
    order = [(row.identity, topic) for topic in topics for row in topic.rows]
    before = [None, *order]
    after = [*order[1:], None]
    for previous, (identity, topic), following in zip(before, order, after, strict=False):
        turn = {"previous": previous and previous[0], "following": following and following[0]}
        values = about(identity, verdicts[identity.name]) | turn
        yield f"identities/{identity.name}.html", render("identity.html", root="../", topic=topic, **values)


def _topic(topic: str, rows: list[Row]) -> Section:
    about = (importlib.import_module(f"identities.{topic}").__doc__ or "").split("\n\n")[0]
    return Section(topic.replace("_", " ").replace(".", ": ").capitalize(), about, rows)


def _totals(verdicts: Mapping[str, Verdict]) -> Mapping[str, Any]:
    """What the verdicts come to, taken together."""
    records = [verdict.record for verdict in verdicts.values() if verdict.record]
    return {
        "shown": len(verdicts),
        "passed": sum(verdict.passed for verdict in verdicts.values()),
        "failed": sum(not record["passed"] for record in records),
        "instances": sum(record["judged"] for record in records),
        "jax": _several(record["jax"] for record in records),
        "device": _several(record["device"] for record in records),
    }


def _several(values: Iterable[str]) -> str:
    return " and ".join(sorted(set(values)))


def _filters(topics: Iterable[Section], documents: Iterable[Section]) -> list[Mapping[str, Any]]:
    """What the search may be restricted to."""
    first = dict.fromkeys((topic.group or topic.title).lower() for topic in topics)
    return [
        {"name": "kind", "title": "Kind", "options": list(dict.fromkeys(str(i.kind) for i in catalog.values()))},
        {"name": "topic", "title": "Topic", "options": list(first)},
        {"name": "source", "title": "Source", "options": [document.title for document in documents]},
        {"name": "exact", "title": "Exactness", "options": ["exact", "rounded"]},
    ]
