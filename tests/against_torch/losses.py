"""Losses, as PyTorch has them.

Where its derivative is another one, the entry says so and why.
"""

from tests.clients import functional as F
from tests.clients import torch


def classes_second(loss):
    """PyTorch has classes along the second axis, where this catalog has them along the last."""

    def last(x, *rest, **options):
        return loss(x.movedim(-1, min(1, x.ndim - 1)), *rest, **options)

    return last


def reduced(losses, reduction):
    return {"mean": losses.mean, "sum": losses.sum, "none": losses.clone}[reduction]()


def binary_cross_entropy(x, y, w, reduction):
    return F.binary_cross_entropy(x, y, w, reduction=reduction)


def binary_cross_entropy_with_logits(x, y, w, p, reduction):
    return F.binary_cross_entropy_with_logits(x, y, w, reduction=reduction, pos_weight=p)


def kl_div(x, y, reduction, log_target):
    if reduction == "mean":  # about which it warns: it is over all entries, and not over examples
        return F.kl_div(x, y, reduction="none", log_target=log_target).mean()
    return F.kl_div(x, y, reduction=reduction, log_target=log_target)


def multilabel_soft_margin_loss(x, y, w, reduction):
    return F.multilabel_soft_margin_loss(x, y, w, reduction=reduction)


def poisson_nll_loss(x, y, log_input, full, eps, reduction):
    return F.poisson_nll_loss(x, y, log_input, full, eps=eps, reduction=reduction)


def gaussian_nll_loss(x, y, v, full, eps, reduction):
    # Below eps, the loss does not depend on the variance; PyTorch has the derivative at eps there, as if it did.
    return F.gaussian_nll_loss(x, y, v.clamp(min=eps), full, eps, reduction)


def without_class(y, ignore_index):
    return torch.where(y < 0, ignore_index, y)


def nll_loss(x, y, w, ignore_index, reduction):
    y = without_class(y, ignore_index)
    return F.nll_loss(x, y, w, ignore_index=ignore_index, reduction=reduction)


def cross_entropy(x, y, w, ignore_index, reduction, label_smoothing):
    y = without_class(y, ignore_index)
    return F.cross_entropy(x, y, w, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


def cross_entropy_with_probabilities(x, y, w, reduction, label_smoothing):
    x, y = (a.movedim(-1, min(1, a.ndim - 1)) for a in (x, y))
    return F.cross_entropy(x, y, w, reduction=reduction, label_smoothing=label_smoothing)


def ctc_loss(x, y, input_lengths, target_lengths, blank, reduction, zero_infinity):
    # PyTorch's gradient is right for what comes out of a log-softmax, and for nothing else: probabilities are added to
    # it, which a log-softmax takes away again. Here they are taken away at once.
    log_p = x.detach().requires_grad_()
    losses = F.ctc_loss(log_p, y, input_lengths, target_lengths, blank, "none", zero_infinity)
    (given,) = torch.autograd.grad(losses.sum(), log_p)
    within = torch.arange(len(x))[:, None, None] < input_lengths[:, None]
    right = given - torch.where(within, log_p.detach().exp(), 0)
    losses = losses.detach() + (right * (x - x.detach())).sum((0, 2))
    return reduced(losses / target_lengths.clamp(min=1) if reduction == "mean" else losses, reduction)


def multi_margin_loss(x, y, w, p, margin, reduction):
    losses = F.multi_margin_loss(x.reshape(-1, x.shape[-1]), y.reshape(-1), p, margin, w, reduction=reduction)
    return losses.reshape(y.shape) if reduction == "none" else losses


def multilabel_margin_loss(x, y, reduction):
    losses = F.multilabel_margin_loss(x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1]), reduction=reduction)
    return losses.reshape(x.shape[:-1]) if reduction == "none" else losses


def cosine_embedding_loss(x, x2, y, margin, reduction):
    rows = [a.reshape(-1, x.shape[-1]) for a in (x, x2)]
    losses = F.cosine_embedding_loss(*rows, y.reshape(-1), margin, reduction=reduction)
    return losses.reshape(y.shape) if reduction == "none" else losses


IN_TORCH = (
    {
        "mse_loss": F.mse_loss,
        "l1_loss": F.l1_loss,
        "huber_loss": F.huber_loss,
        "smooth_l1_loss": F.smooth_l1_loss,
        "poisson_nll_loss": poisson_nll_loss,
        "gaussian_nll_loss": gaussian_nll_loss,
        "binary_cross_entropy": binary_cross_entropy,
        "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
        "soft_margin_loss": F.soft_margin_loss,
        "multilabel_soft_margin_loss": multilabel_soft_margin_loss,
        "nll_loss": classes_second(nll_loss),
        "cross_entropy": classes_second(cross_entropy),
        "cross_entropy_with_probabilities": cross_entropy_with_probabilities,
        "ctc_loss": ctc_loss,
        "kl_div": kl_div,
        "hinge_embedding_loss": F.hinge_embedding_loss,
        "margin_ranking_loss": F.margin_ranking_loss,
        "multi_margin_loss": multi_margin_loss,
        "multilabel_margin_loss": multilabel_margin_loss,
        "cosine_embedding_loss": cosine_embedding_loss,
        "triplet_margin_loss": F.triplet_margin_loss,
    }
    if F
    else {}
)

CONSTANT_IN_TORCH = {"binary_cross_entropy": ("w",), "binary_cross_entropy_with_logits": ("w", "p")}
