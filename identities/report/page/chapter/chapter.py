"""All that the chapter shows and that is computed when it is made."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from identities.catalog import Identity, find
from identities.report.page.chapter.descent import distance_plot, path_plot, run
from identities.report.page.chapter.examples import quotients, worked
from identities.report.page.chapter.numbers import numbers
from identities.report.page.chapter.shapes import shapes_in_words
from identities.report.page.identity import derivation_of
from identities.report.page.verdict import Verdict
from identities.report.rows import of_document


class Live(NamedTuple):
    """A formula of the chapter.

    **Fields:**

    - `verdict`, `derivation`: as its record has them.
    - `shapes`: in words.
    - `given`, `result`: an example, in LaTeX.
    - `errata`: what is misprinted in the notes.
    """

    identity: Identity
    verdict: Verdict
    derivation: list[Mapping[str, Any]]
    shapes: str
    given: list[str]
    result: str
    errata: tuple[str, ...]


def chapter(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The values for `notes.html`."""
    rows = of_document("Notes")
    errata = {row.identity.name: row.errata for row in rows}
    live = {
        name: Live(
            find(name),
            verdicts[name],
            derivation_of(verdicts[name]),
            shapes_in_words(find(name)),
            given,
            result,
            errata[name],
        )
        for name, (given, result) in worked().items()
    }
    rest: dict[str, list[Identity]] = {}
    for row in rows:
        if row.identity.name not in live:
            rest.setdefault(row.identity.function.__name__, []).append(row.identity)
    return {"live": live, "rest": rest, "quotients": quotients(1.0, (0.1, 0.01, 0.001, 0.0001)), **_descent()}


def _descent() -> dict[str, Any]:
    descent = run()
    return {
        "minimum": numbers(descent.minimum, 1),
        "eigenvalues": [f"{value:.2f}" for value in descent.eigenvalues],
        "rate": f"{descent.rate:.4f}",
        "measured": f"{descent.measured:.4f}",
        "steps": len(descent.path) - 1,
        "steps_a_digit": f"{-1 / math.log10(descent.rate):.0f}",
        "plots": [path_plot(descent), distance_plot(descent)],
    }
