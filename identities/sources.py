"""The documents that the identities are from."""

from identities.catalog import Source


def notes(equation: int | str, erratum: str | None = None) -> Source:
    """An equation of the lecture notes on vectorised gradients that the project began with.

    Their identities (1) to (7) stand likewise, under these numbers, in Kevin Clark, "Computing Neural
    Network Gradients", Stanford CS224n.
    """
    return Source("Notes", str(equation), erratum)
