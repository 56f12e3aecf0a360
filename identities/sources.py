"""The documents that the identities are from."""

from identities.catalog import Source


def notes(equation: int | str, erratum: str | None = None) -> Source:
    """An equation of the lecture notes on vectorised gradients that the project began with.

    Their identities (1) to (7) stand likewise, under these numbers, in Kevin Clark, "Computing Neural
    Network Gradients", Stanford CS224n.
    """
    return Source("Notes", str(equation), erratum)


def cookbook(equation: int, erratum: str | None = None) -> Source:
    """An equation of K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook", version of 15 November 2012."""
    return Source("Matrix Cookbook", str(equation), erratum)


def giles(section: str) -> Source:
    """A section of M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
    algorithmic differentiation", Oxford University Computing Laboratory, report 08/01, 2008.
    """
    return Source("Giles", section)


def walter_lehmann(part: str) -> Source:
    """S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in
    optimum experimental design", 2010, arXiv:1001.1654.
    """
    return Source("Walter and Lehmann", part)
