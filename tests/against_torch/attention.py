"""Attention, as PyTorch has it."""

from tests.clients import functional as F
from tests.clients import torch


def scaled_dot_product_attention(q, k, v, is_causal, scale):
    return _with_heads(F.scaled_dot_product_attention, q, k, v, is_causal=is_causal, scale=scale)


def masked_attention(q, k, v, mask, scale):
    return _with_heads(F.scaled_dot_product_attention, q, k, v, attn_mask=mask, scale=scale)


def biased_attention(q, k, v, bias, is_causal, scale):
    # PyTorch takes a mask or is causal, and not both.
    if is_causal:
        bias = bias.masked_fill(~torch.ones(bias.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    return _with_heads(F.scaled_dot_product_attention, q, k, v, attn_mask=bias, scale=scale)


def attention_with_dropout(q, k, v, keep, is_causal, dropout_p, scale):
    def attention(q, k, v, **options):  # the one way to give PyTorch a dropout mask
        return torch.ops.aten._scaled_dot_product_attention_math(q, k, v, dropout_mask=keep, **options)[0]

    return _with_heads(attention, q, k, v, is_causal=is_causal, dropout_p=dropout_p, scale=scale)


def _with_heads(attention, q, k, v, **options):
    if q.ndim == 2:
        return attention(q[None], k[None], v[None], **options)[0]
    return attention(q, k, v, enable_gqa=True, **options)


IN_TORCH = {
    function.__name__: function
    for function in (scaled_dot_product_attention, masked_attention, biased_attention, attention_with_dropout)
}
