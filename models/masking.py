"""Softmax and averages over the keys a row may attend to."""

import torch
from torch import Tensor


def masked_softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    """Softmax over the allowed keys; exactly 0 elsewhere. [..., L], bool [..., L] -> [..., L]."""
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1)


def renormalize(weights: Tensor, allowed: Tensor) -> Tensor:
    """Weights over the allowed keys divided by their sum."""
    kept = weights.masked_fill(~allowed, 0.0)
    return kept / kept.sum(-1, keepdim=True)


def uniform(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """The same weight for every allowed key."""
    return allowed.to(dtype) / allowed.sum(-1, keepdim=True)
