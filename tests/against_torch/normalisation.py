"""Normalisation, as PyTorch has it."""

from tests.clients import functional as F


def layer_norm(x, w, b, eps):
    return F.layer_norm(x, x.shape[-1:], w, b, eps)


def rms_norm(x, w, eps):
    return F.rms_norm(x, x.shape[-1:], w, eps)


def batch_norm(x, mean, var, w, b, training, eps):
    return F.batch_norm(x, mean.detach().clone(), var.detach().clone(), w, b, training, eps=eps)


def instance_norm(x, w, b, eps):
    return F.instance_norm(x, None, None, w, b, eps=eps)


def group_norm(x, w, b, num_groups, eps):
    return F.group_norm(x, num_groups, w, b, eps)


IN_TORCH = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "local_response_norm": F and F.local_response_norm,
    "normalize": F and F.normalize,
}

CONSTANT_IN_TORCH = {
    "batch_norm": ("mean", "var")  # which it may update in place, and so never differentiates by
}
