"""What a file of candidates is asked for, by the names of its functions; here by the catalog."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from identities.catalog import catalog, find
from identities.claim import Claim
from identities.latex import plain
from identities.oracle.candidates.written import Source


class Question(NamedTuple):
    """What is asked under one name.

    **Fields:**

    - `name`: as a file of candidates and the table of verdicts have it.
    - `claim`: what there is to be right about.
    - `source`: what is called, of the functions of the file.
    - `statement`: the formula, of an identity of the catalog.
    """

    name: str
    claim: Claim
    source: Source
    statement: str = ""


@dataclass(frozen=True)
class Reading:
    """What a file of candidates has, as far as it is asked for.

    **Fields:**

    - `questions`: what is judged, in order.
    - `near`: names that are not asked for, each with one that is, and may be meant.
    - `missing`: what is asked for and not there.
    """

    questions: tuple[Question, ...]
    near: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class Assignment(Protocol):
    """What may be asked of a file.

    **Fields:**

    - `reference`: the file that it is in, or nothing.
    - `digest`: of that file, as it was read.
    - `nowhere`: what is said of a name that it does not know.
    - `nothing`: what is said of a file that has none of its names.
    """

    reference: str
    digest: str
    nowhere: str
    nothing: str

    def read(self, names: Sequence[str]) -> Reading:
        """What a file is asked that has functions of those names."""
        ...

    def find(self, name: str) -> Claim:
        """What is asked under a name.

        **Raises:** `UnknownNameError`, with the names that come near, if it is nothing.
        """
        ...

    def place(self, name: str) -> tuple[int, int]:
        """Where a name stands among all: the number of its function, and of what is asked about that."""
        ...


class Catalog:
    """The identities of the catalog, each under its name."""

    reference: str = ""
    digest: str = ""
    nowhere: str = "is not in the catalog"
    nothing: str = "has no function whose name is in the catalog (`identities list`)"

    def read(self, names: Sequence[str]) -> Reading:
        helpers = {identity.function.__name__ for identity in catalog.values()}
        asked = [catalog[name] for name in names if name in catalog]
        return Reading(
            tuple(Question(identity.name, identity, identity.name, plain(identity.statement)) for identity in asked),
            nearly([name for name in names if name not in helpers], list(catalog)),
        )

    def find(self, name: str) -> Claim:
        return find(name)

    def place(self, name: str) -> tuple[int, int]:
        return list(catalog).index(name), 0


CATALOG = Catalog()


def nearly(names: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """Those names that are not known, and nearly are; each with the one that may be meant."""
    close = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.8) for name in names if name not in known}
    return {name: found[0] for name, found in close.items() if found}
