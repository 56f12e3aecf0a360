"""Weights that are given by other parameters, as PyTorch has them."""

from tests.clients import torch


def weight_norm(v, g):
    return torch._weight_norm(v, g[:, None])


def spectral_normalisation(W, u, v):
    return W / (u @ W @ v)


def spectral_normalisation_converged(W):
    return W / torch.linalg.matrix_norm(W, 2)


IN_TORCH = {f.__name__: f for f in (weight_norm, spectral_normalisation, spectral_normalisation_converged)}
