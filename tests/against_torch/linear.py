"""Linear maps and embeddings, as PyTorch has them."""

from tests.clients import functional as F
from tests.clients import torch


def without_padding(w, padding_idx):
    """The row of padding as PyTorch's own modules begin: with zeros, which no gradient changes."""
    return w if padding_idx is None else w * (torch.arange(len(w)) != padding_idx)[:, None]


def embedding(ids, w, padding_idx):
    return F.embedding(ids, without_padding(w, padding_idx), padding_idx)


def embedding_bag(ids, w, offsets, mode, padding_idx):
    return F.embedding_bag(ids, w, offsets, mode=mode, padding_idx=padding_idx)


def weighted_embedding_bag(ids, w, offsets, s, padding_idx):
    return F.embedding_bag(ids, w, offsets, mode="sum", per_sample_weights=s, padding_idx=padding_idx)


def lora(x, W, A, B, scale):
    return x @ (W + scale * B @ A).T


IN_TORCH = {
    "linear": F and F.linear,
    "bilinear": F and F.bilinear,
    "lora": lora,
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "weighted_embedding_bag": weighted_embedding_bag,
}
