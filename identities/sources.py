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
    "Focal Loss": 'T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object Detection", ICCV '
    "2017, arXiv:1708.02002",
    "ST-MoE": 'B. Zoph et al., "ST-MoE: Designing Stable and Transferable Sparse Expert Models", 2022, arXiv:2202.08906',
    "CLIP": 'A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, '
    "arXiv:2103.00020",
    "CPC": 'A. van den Oord, Y. Li and O. Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, '
    "arXiv:1807.03748",
    "Distillation": 'G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, '
    "arXiv:1503.02531",
    "Lin": 'J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37, 1991',
    "Levin and Peres": 'D. A. Levin and Y. Peres, "Markov Chains and Mixing Times", American Mathematical Society, '
    "second edition, 2017",
    "CTC": 'A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist Temporal Classification: Labelling '
    'Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006',
    "DPO": 'R. Rafailov et al., "Direct Preference Optimization: Your Language Model is Secretly a Reward Model", NeurIPS '
    "2023, arXiv:2305.18290",
    "GRPO": 'Z. Shao et al., "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models", 2024, '
    "arXiv:2402.03300",
    "Cut Cross-Entropy": 'E. Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", 2024, '
    "arXiv:2411.09009",
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
