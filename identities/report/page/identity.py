"""What the page of one identity says."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from identities.catalog import Identity, catalog
from identities.report.page.code import source_of
from identities.report.page.conditions import needs_of
from identities.report.page.pattern import pattern_of
from identities.report.page.picture import described, picture_of
from identities.report.page.plot import plot_of
from identities.report.page.verdict import Verdict
from identities.report.tables import file_of, option_in_words

_KINDS = {
    "jacobian": "The Jacobian",
    "hessian": "The Hessian",
    "vjp": "The vjp, the backward pass,",
    "jvp": "The jvp, the forward mode,",
}


def about(identity: Identity, verdict: Verdict) -> dict[str, Any]:
    """All that the template of an identity's page takes of the identity and its verdict."""
    return {
        "identity": identity,
        "v": verdict,
        "kind": _KINDS[str(identity.kind)],
        "options": list(map(option_in_words, identity.options)),
        "needs": needs_of(identity),
        "docstring": inspect.cleandoc(identity.closed_form.__doc__ or ""),
        "derivation": derivation_of(verdict),
        "pattern": _pattern(identity),
        "judged": _judged(identity, verdict),
        "plot": None if identity.exact or not verdict.record else plot_of(verdict.record["errors"]),
        "import_line": f"from {identity.closed_form.__module__} import {identity.name}",
        "function_code": source_of(identity.function),
        "closed_form_code": source_of(identity.closed_form),
        "file": file_of(identity).as_posix(),
        "related": related(identity),
    }


def related(identity: Identity) -> list[Identity]:
    """Those of the same function, and those that stand at the same place in print."""
    sources = {(source.document, source.equation) for source in identity.sources}
    return [
        other
        for other in catalog.values()
        if other is not identity
        and (
            other.function is identity.function
            or sources & {(source.document, source.equation) for source in other.sources}
        )
    ]


def derivation_of(verdict: Verdict) -> list[Mapping[str, Any]]:
    """The lines of a derivation as its record has them, each with a word for its verdict; none, if there is none."""
    lines: Iterable[Mapping[str, Any]] = (verdict.record or {}).get("derivation") or ()
    return [{**line, "word": _word(line)} for line in lines]


def _word(line: Mapping[str, Any]) -> str:
    if not line["passed"]:
        return "FAILED"
    return "verified" if line["error"] is None else f"verified, {line['error']:.1f} units"


def _pattern(identity: Identity) -> Mapping[str, Any] | None:
    pattern = pattern_of(identity)
    if pattern is None:
        return None
    layout = (
        "the gradient, a square for each entry of the argument"
        if pattern.gradient
        else "a row for each entry of the result, a column for each entry of the argument"
    )
    caption = (
        f"{described(pattern)}, at {pattern.shape}: {layout}. "
        "Empty squares are zero, pale ones constant, full ones vary with the arguments."
    )
    return {"picture": picture_of(pattern), "caption": caption}


def _judged(identity: Identity, verdict: Verdict) -> str:
    """How strong the verdict is, in words."""
    record = verdict.record
    if record is None:
        return ""
    found = (
        f"{verdict.word.capitalize()}: {record['judged']:,} random instances of {record['shapes']} shapes, "
        f"on {record['device']}, seed {record['seed']}, JAX {record['jax']}."
    )
    if identity.exact and record["bound_log10"] is not None:
        found += (
            " On small integers it equals forward and reverse mode to the last bit; a wrong polynomial would have "
            f"passed with probability 10^{record['bound_log10']:,.0f} at most."
        )
    return found
