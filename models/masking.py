"""Softmax and averages over the keys a row may attend to."""

import torch
from torch import Tensor

from models.fused import MaskedSoftmax


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
