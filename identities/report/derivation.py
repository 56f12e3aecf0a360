"""Derivations for the terminal: numbered lines of plain text, each with its code and its verdict."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from identities.catalog import Identity
from identities.latex import plain


def derivation_text(identity: Identity, records: Sequence[Mapping[str, Any]]) -> str:
    """A derivation with the records of the verdicts on its lines."""
    width = len(str(len(records)))
    lines = [f"{identity.name}: {plain(identity.statement)}"]
    for number, record in enumerate(records, 1):
        lines += ["", f"{number:>{width}}  {plain(record['latex'])}"]
        lines += [textwrap.indent(text, " " * (width + 2)) for text in _below(record)]
    return "\n".join(lines)


def _below(record: Mapping[str, Any]) -> Iterator[str]:
    by = f"the gradient by {record['by']}" if record["by"] else ""
    if said := "; ".join(filter(None, (by, record["note"]))):
        yield said
    yield textwrap.indent(record["code"], "    ")
    yield _verdict(record)


def _verdict(record: Mapping[str, Any]) -> str:
    if record["passed"]:
        right = f"right, {record['error']:.2g} units of rounding at most"
        return f"{right}, and is said to be a MISPRINT" if record["misprint"] else right
    return f"{'a misprint' if record['misprint'] else 'WRONG'}: {record['diagnosis']}"
