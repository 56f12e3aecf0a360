"""Verdicts on files as they come, from which an interrupted run goes on."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Records = Sequence[Mapping[str, Any]]
"""The verdicts on the functions of a file, as `grade_record` has them."""

AGAIN = "internal error"
"""A verdict that is not kept: a later run tries again."""


class Journal:
    """A line of JSON for each file: its name, a digest of all that its verdicts follow from, and the verdicts."""

    def __init__(self, path: Path):
        self.path: Path = path
        self._known: dict[tuple[str, str], Records] = {}
        for line in self._lines():
            self._known[line["file"], line["digest"]] = line["verdicts"]

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        text = self.path.read_text() if self.path.exists() else ""
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # one that the interrupt has cut short
                continue

    def find(self, file: str, digest: str) -> Records | None:
        """The verdicts on a file that are known, if they still hold."""
        records = self._known.get((file, digest))
        return None if records is None or any(record["verdict"] == AGAIN for record in records) else records

    def add(self, file: str, digest: str, records: Records) -> None:
        """Keep the verdicts on a file, from this moment on."""
        self._known[file, digest] = records
        with self.path.open("a+b") as journal:
            cut = journal.tell() and os.pread(journal.fileno(), 1, journal.tell() - 1) != b"\n"
            journal.write(b"\n" * bool(cut) + _line(file, digest, records))

    def keep(self, order: Sequence[tuple[str, str]]) -> None:
        """Keep the verdicts on those files, named with their digests, and no others."""
        own = self.path.with_name(f"{self.path.name}-{os.getpid()}")
        own.write_bytes(b"".join(_line(*key, self._known[key]) for key in dict.fromkeys(order)))
        own.replace(self.path)


def _line(file: str, digest: str, records: Records) -> bytes:
    return json.dumps({"file": file, "digest": digest, "verdicts": list(records)}).encode() + b"\n"
