"""The documents that the identities are from."""

from identities.catalog import Source

DOCUMENTS = {
    "Notes": "the lecture notes on vectorised gradients that the project began with; their identities (1) to (7) stand "
    'likewise, under these numbers, in Kevin Clark, "Computing Neural Network Gradients", Stanford CS224n',
    "Matrix Cookbook": 'K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook", version of 15 November 2012',
    "Giles": 'M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode '
    'algorithmic differentiation", Oxford University Computing Laboratory, report 08/01, 2008',
    "Walter and Lehmann": 'S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with '
    'application in optimum experimental design", 2010, arXiv:1001.1654',
    "Layer Normalization": 'J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016, arXiv:1607.06450',
    "Fractional Max-Pooling": 'B. Graham, "Fractional Max-Pooling", 2014, arXiv:1412.6071',
    "Mamba": 'A. Gu and T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023, '
    "arXiv:2312.00752",
    "torch.nn.functional": "the functions of PyTorch's module of this name, as its documentation of version 2.13 lists "
    "them",
}
"""Each in full, by the name that identities cite it by."""


def notes(equation: int | str, erratum: str | None = None) -> Source:
    return Source("Notes", str(equation), erratum)


def cookbook(equation: int, erratum: str | None = None) -> Source:
    return Source("Matrix Cookbook", str(equation), erratum)


def giles(section: str) -> Source:
    return Source("Giles", section)


def walter_lehmann(part: str) -> Source:
    return Source("Walter and Lehmann", part)


def torch(function: str) -> Source:
    """A function of torch.nn.functional, by its name."""
    return Source("torch.nn.functional", function)


def paper(document: str, part: str) -> Source:
    """Of a paper among `DOCUMENTS`, the equation or section.

    **Raises:** `KeyError` for one that is not among them.
    """
    DOCUMENTS[document]
    return Source(document, part)


WITHOUT_DERIVATIVE = {
    torch("one_hot"): "it takes integers, and what it returns is constant in between: nothing to differentiate by"
}
"""What the documents have and the catalog has not, each with the reason."""
