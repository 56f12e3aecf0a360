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
    # Attention and recurrences.
    "Attention Is All You Need": 'A. Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762',
    "FlashAttention-2": 'T. Dao, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", '
    "2023, arXiv:2307.08691",
    "GQA": 'J. Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", '
    "2023, arXiv:2305.13245",
    "Longformer": 'I. Beltagy, M. E. Peters and A. Cohan, "Longformer: The Long-Document Transformer", 2020, '
    "arXiv:2004.05150",
    "Gemma 2": 'Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024, arXiv:2408.00118',
    "Attention sinks": 'G. Xiao, Y. Tian, B. Chen, S. Han and M. Lewis, "Efficient Streaming Language Models with '
    'Attention Sinks", 2023, arXiv:2309.17453',
    "gpt-oss": 'OpenAI, "gpt-oss-120b & gpt-oss-20b Model Card", 2025, arXiv:2508.10925',
    "ALiBi": 'O. Press, N. A. Smith and M. Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input '
    'Length Extrapolation", 2021, arXiv:2108.12409',
    "RoFormer": 'J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, arXiv:2104.09864',
    "Linear attention": 'A. Katharopoulos, A. Vyas, N. Pappas and F. Fleuret, "Transformers are RNNs: Fast '
    'Autoregressive Transformers with Linear Attention", 2020, arXiv:2006.16236',
    "Gated Delta Networks": 'S. Yang, J. Kautz and A. Hatamizadeh, "Gated Delta Networks: Improving Mamba2 with Delta '
    'Rule", 2024, arXiv:2412.06464',
    "Mamba": 'A. Gu and T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023, '
    "arXiv:2312.00752",
    "Long short-term memory": 'S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (8), '
    "1997; with the forget gate of F. A. Gers, J. Schmidhuber and F. Cummins, Neural Computation 12 (10), 2000",
    "Gated recurrent unit": 'K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical '
    'Machine Translation", 2014, arXiv:1406.1078',
    "torch.nn": "the modules of PyTorch's package of this name, as its documentation of version 2.13 lists them",
    # Normalisation, linear maps and what reparametrises them.
    "Batch Normalization": 'S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by '
    'Reducing Internal Covariate Shift", 2015, arXiv:1502.03167',
    "Group Normalization": 'Y. Wu and K. He, "Group Normalization", 2018, arXiv:1803.08494',
    "ImageNet Classification": 'A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet Classification with Deep '
    'Convolutional Neural Networks", NIPS 2012',
    "Instance Normalization": 'D. Ulyanov, A. Vedaldi and V. Lempitsky, "Instance Normalization: The Missing '
    'Ingredient for Fast Stylization", 2016, arXiv:1607.08022',
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
    "GLU Variants": 'N. Shazeer, "GLU Variants Improve Transformer", 2020, arXiv:2002.05202',
    "Sparsemax": 'A. F. T. Martins and R. F. Astudillo, "From Softmax to Sparsemax: A Sparse Model of Attention and '
    'Multi-Label Classification", 2016, arXiv:1602.02068',
    "Primer": 'D. R. So and others, "Primer: Searching for Efficient Transformers for Language Modeling", 2021, '
    "arXiv:2109.08668",
    "Dynamic Tanh": 'J. Zhu, X. Chen, K. He, Y. LeCun and Z. Liu, "Transformers without Normalization", 2025, '
    "arXiv:2503.10622",
    "Sparsely-Gated Mixture-of-Experts": 'N. Shazeer and others, "Outrageously Large Neural Networks: The '
    'Sparsely-Gated Mixture-of-Experts Layer", 2017, arXiv:1701.06538',
    "Switch Transformers": 'W. Fedus, B. Zoph and N. Shazeer, "Switch Transformers: Scaling to Trillion Parameter '
    'Models with Simple and Efficient Sparsity", 2021, arXiv:2101.03961',
    "Focal Loss": 'T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object Detection", '
    "ICCV 2017, arXiv:1708.02002",
    "ST-MoE": 'B. Zoph et al., "ST-MoE: Designing Stable and Transferable Sparse Expert Models", 2022, '
    "arXiv:2202.08906",
    "CLIP": 'A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, '
    "arXiv:2103.00020",
    "CPC": 'A. van den Oord, Y. Li and O. Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, '
    "arXiv:1807.03748",
    "Distillation": 'G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, '
    "arXiv:1503.02531",
    "Lin": 'J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37, '
    "1991",
    "Levin and Peres": 'D. A. Levin and Y. Peres, "Markov Chains and Mixing Times", American Mathematical Society, '
    "second edition, 2017",
    "CTC": 'A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist Temporal Classification: Labelling '
    'Unsegmented Sequence Data with Recurrent Neural Networks", ICML 2006',
    "DPO": 'R. Rafailov et al., "Direct Preference Optimization: Your Language Model is Secretly a Reward Model", '
    "NeurIPS 2023, arXiv:2305.18290",
    "GRPO": 'Z. Shao et al., "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models", '
    "2024, arXiv:2402.03300",
    "Cut Cross-Entropy": 'E. Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", 2024, '
    "arXiv:2411.09009",
    "Fractional Max-Pooling": 'B. Graham, "Fractional Max-Pooling", 2014, arXiv:1412.6071',
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
