"""Softmax and averages over the keys a row may attend to."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class MaskedSoftmax(torch.autograd.Function):
    """softmax(scale * scores) over the allowed keys, exactly 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, allowed: Tensor, scale: float) -> Tensor:
        weights = scores * scale
        weights.masked_fill_(~allowed, -torch.inf)
        torch.softmax(weights, -1, out=weights)
        ctx.save_for_backward(weights)
        ctx.scale = scale
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (weights,) = ctx.saved_tensors
        found = torch._softmax_backward_data(grad, weights, -1, weights.dtype)
        return found if ctx.scale == 1 else found.mul_(ctx.scale), None, None


def masked_softmax(scores: Tensor, allowed: Tensor, scale: float = 1.0) -> Tensor:
    """Softmax of scale * scores over the allowed keys; 0 elsewhere. [..., L], bool [..., L]."""
    return MaskedSoftmax.apply(scores, allowed, scale)


def renormalize(weights: Tensor, allowed: Tensor) -> Tensor:
    """Weights over the allowed keys divided by their sum."""
    kept = weights.masked_fill(~allowed, 0.0)
    return kept / kept.sum(-1, keepdim=True)


def uniform(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """The same weight for every allowed key."""
    return allowed.to(dtype) / allowed.sum(-1, keepdim=True)
