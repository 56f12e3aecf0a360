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
    # Normalisation, linear maps and what reparametrises them.
    "Batch Normalization": 'S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing '
    'Internal Covariate Shift", 2015, arXiv:1502.03167',
    "Group Normalization": 'Y. Wu and K. He, "Group Normalization", 2018, arXiv:1803.08494',
    "ImageNet Classification": 'A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet Classification with Deep '
    'Convolutional Neural Networks", NIPS 2012',
    "Instance Normalization": 'D. Ulyanov, A. Vedaldi and V. Lempitsky, "Instance Normalization: The Missing Ingredient '
    'for Fast Stylization", 2016, arXiv:1607.08022',
    "LoRA": 'E. J. Hu, Y. Shen, P. Wallis and others, "LoRA: Low-Rank Adaptation of Large Language Models", 2021, '
    "arXiv:2106.09685",
    "Query-Key Normalization": 'A. Henry, P. R. Dachapally, S. Pawar and Y. Chen, "Query-Key Normalization for '
    'Transformers", 2020, arXiv:2010.04245',
    "Root Mean Square Layer Normalization": 'B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization", 2019, '
    "arXiv:1910.07467",
    "Spectral Normalization": 'T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for Generative '
    'Adversarial Networks", 2018, arXiv:1802.05957',
    "Weight Normalization": 'T. Salimans and D. P. Kingma, "Weight Normalization: A Simple Reparameterization to '
    'Accelerate Training of Deep Neural Networks", 2016, arXiv:1602.07868',
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
