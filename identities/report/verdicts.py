"""Verdicts that `identities verify --json` has written, read again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import identities
from identities.catalog import catalog
from identities.report.records import digest

Record = Mapping[str, Any]
"""A verdict, as `verification_record` has it."""


def read_verdicts(file: Path) -> dict[str, Record]:
    """The records of a file, by the names of the identities.

    **Raises:** `ValueError`, if it holds no verdicts, or some of another version of the package; `OSError`.
    """
    again = f"`identities verify --json {file}` makes it anew"
    try:
        records = json.loads(file.read_text())
    except ValueError:
        raise ValueError(f"{file} is no JSON; {again}") from None
    if not isinstance(records, list) or not all(isinstance(r, dict) and "identity" in r for r in records):
        raise ValueError(f"{file} holds no verdicts on identities; {again}")
    for record in records:
        if complaint := _complaint(record):
            raise ValueError(f"{file} is of another version: {complaint}; {again}")
    return {record["identity"]: record for record in records}


def _complaint(record: Record) -> str | None:
    """Why a verdict does not hold for this version."""
    name, version = record["identity"], record.get("version")
    if name not in catalog:
        return f"the catalog has no identity {name!r}"
    if version != identities.__version__:
        return f"{name} was verified by version {version or 'none'}, and this is {identities.__version__}"
    if record.get("digest") != digest(catalog[name]):
        return f"the formula or the function of {name} has changed since"
    return None
