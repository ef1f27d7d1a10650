"""Softmax and averages over the keys a row may attend to."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LANES = 16  # numbers that a processor takes at once; PyTorch's softmax takes fewer one by one


def masked_softmax(scores: Tensor, allowed: Tensor, scale: float = 1.0) -> Tensor:
    """Softmax of scale * scores over the allowed keys, exactly 0 elsewhere.

    Parameters
    ----------
    scores : [..., L], left as they are.
    allowed : bool, broadcast to the shape of `scores`; a row allows one key or more.
    scale : what scores are multiplied by first.

    Returns
    -------
    Tensor
        Weights [..., L]; each row sums to one. Under autocast in single precision.
    """
    if torch.is_autocast_enabled(scores.device.type):
        scores = scores.float()
    return _MaskedSoftmax.apply(scores, allowed, scale)


def renormalize(weights: Tensor, allowed: Tensor) -> Tensor:
    """Weights [..., L] over the allowed keys divided by their sum, 0 elsewhere.

    A row of which dropout left nothing stays 0.
    """
    kept = weights.masked_fill(~allowed, 0.0)
    total = kept.sum(-1, keepdim=True)
    return kept / total.masked_fill(total == 0, 1.0)


def uniform_weights(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """The same weight for every allowed key of a row, 0 where none is; the shape of `allowed`."""
    return allowed.to(dtype) / allowed.sum(-1, keepdim=True).clamp(min=1)


WORDS = {  # integers as long as a number, and the one with the bits of minus infinity
    kind: (word, int(torch.tensor(-torch.inf, dtype=kind).view(word)))
    for kind, word in (
        (torch.float16, torch.int16),
        (torch.bfloat16, torch.int16),
        (torch.float32, torch.int32),
        (torch.float64, torch.int64),
    )
}


def _forbidding(scores: Tensor, allowed: Tensor) -> Tensor:
    """The scores, which are changed, minus infinity where not allowed, whatever stood there.

    As `masked_fill_`, which goes through a mask element by element and takes three times as long:
    forbidden numbers lose all their bits, and get those of minus infinity.
    """
    word, infinity = WORDS[scores.dtype]
    kept = allowed.to(word).neg_()  # -1 has all bits
    bits = scores.view(word).bitwise_and_(kept)
    bits.bitwise_or_(kept.add_(1).mul_(infinity))
    return scores


class _MaskedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, allowed: Tensor, scale: float) -> Tensor:
        weights = _forbidding(scores * scale, allowed)
        if weights.shape[-1] < LANES:
            wide = F.pad(weights, (0, LANES - weights.shape[-1]), value=-torch.inf)
            weights.copy_(torch.softmax(wide, -1)[..., : weights.shape[-1]])
        else:
            weights = torch.softmax(weights, -1)  # slower in place
        ctx.save_for_backward(weights)
        ctx.scale = scale
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (weights,) = ctx.saved_tensors
        if weights.shape[-1] < LANES:
            to_scores = grad * weights
            to_scores.addcmul_(weights, to_scores.sum(-1, keepdim=True), value=-1)
        else:
            to_scores = torch._softmax_backward_data(grad, weights, -1, weights.dtype)
        return to_scores if ctx.scale == 1 else to_scores.mul_(ctx.scale), None, None
