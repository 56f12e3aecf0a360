"""Distances and what compares rows, as PyTorch has it."""

from tests.clients import functional as F


def cosine_similarity(x1, x2, eps):
    """Not by `F.cosine_similarity`, whose gradient is wrong where a row is shorter than epsilon."""
    return (F.normalize(x1, dim=-1, eps=eps) * F.normalize(x2, dim=-1, eps=eps)).sum(-1)


def qk_norm(q, k, g, eps):
    return g * F.normalize(q, dim=-1, eps=eps) @ F.normalize(k, dim=-1, eps=eps).mT


IN_TORCH = {
    "pairwise_distance": F and F.pairwise_distance,
    "pdist": F and F.pdist,
    "cosine_similarity": cosine_similarity,
    "qk_norm": qk_norm,
}
