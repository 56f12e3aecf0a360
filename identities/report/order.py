"""The order in which identities are listed: as in the documents that they are from."""

import re

from identities.catalog import Identity


def by_source(identity: Identity) -> tuple[str, list[tuple[int, str]]]:
    """The order of a formula sheet: by document, then by equation, numbers before words."""
    source = identity.sources[0]
    return source.document, number_of(source.equation)


def number_of(equation: str) -> list[tuple[int, str]]:
    """The number of an equation or a section as something to sort by, numbers before words."""
    return [(int(number or 0) or 10**6, word) for number, word in re.findall(r"(\d+)|(\D+)", equation)]
