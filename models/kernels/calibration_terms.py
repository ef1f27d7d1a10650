"""Chains of element-wise operations on [B, H, Q, L] with hand-written gradients.

What autograd would keep and read again costs most of a step; here the steps between run in place.
Formulas: AC-TSR (CIKM 2023), equations of its two calibrators.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

SOFTPLUS_LINEAR = 60.0  # beyond it log(1 + e^z) = z even in double precision


def add_order_error(scores: Tensor, row: Tensor, column: Tensor, later: Tensor | None) -> Tensor:
    """Scores and the order term of the spatial calibrator: ln p of later keys, else ln(1 - p).

    With z_ij = row_i + column_j and p = sigmoid(z): -log(1 + e^-z) and -log(1 + e^z).

    Parameters
    ----------
    scores : [B, H, Q, L].
    row : [B, H, Q, 1], what the query adds to z.
    column : [B, H, 1, L], what the key adds to z.
    later : bool, [B or 1, 1, Q, L], where the key comes later; None where none does.

    Returns
    -------
    Tensor
        [B, H, Q, L].
    """
    return _OrderError.apply(scores, row, column, later)


def add_distance_error(scores: Tensor, gap: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Scores and the distance term of the spatial calibrator, -(gap_ij - row_i - column_j)^2 / 2.

    Parameters
    ----------
    scores : [B, H, Q, L].
    gap : [B or 1, 1, Q, L], ln(1 + |i - j|) times theta.
    row, column : [B, H, Q, 1] and [B, H, 1, L], the parts of the expected gap, times theta.

    Returns
    -------
    Tensor
        [B, H, Q, L].
    """
    return _DistanceError.apply(scores, gap, row, column)


def amplify(weights: Tensor, mask: Tensor) -> Tensor:
    """weights * exp(1 - mask), both [B, H, Q, L]: more for keys that the adversary attacks."""
    return _Amplify.apply(weights, mask)


def gate(weights: Tensor, calibrated: Tensor, share: Tensor) -> Tensor:
    """share * weights + (1 - share) * calibrated.

    Parameters
    ----------
    weights, calibrated : [B, H, Q, L].
    share : [B, 1, Q, L], the same for all heads.

    Returns
    -------
    Tensor
        [B, H, Q, L].
    """
    return _Gate.apply(weights, calibrated, share)


def mask_penalty(mask: Tensor) -> Tensor:
    """||1 - mask||_2 over the entire tensor, a scalar."""
    return _MaskPenalty.apply(mask)


class _OrderError(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, row: Tensor, column: Tensor, later: Tensor | None
    ) -> Tensor:
        logit = row + column  # [B, H, Q, L]
        if later is not None:
            logit = torch.where(later, -logit, logit)
        loss = F.softplus(logit, threshold=SOFTPLUS_LINEAR)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(logit.sigmoid_())
        ctx.later = later
        return torch.sub(scores, loss, out=loss)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (probability,) = ctx.saved_tensors
        to_logit = (grad * probability).neg_()  # [B, H, Q, L]
        if ctx.later is not None:
            to_logit = torch.where(ctx.later, -to_logit, to_logit)
        return grad, to_logit.sum(-1, keepdim=True), to_logit.sum(-2, keepdim=True), None


class _DistanceError(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, gap: Tensor, row: Tensor, column: Tensor) -> Tensor:
        miss = (gap - row).sub_(column)  # [B, H, Q, L]
        ctx.save_for_backward(miss)
        ctx.gap_shape = gap.shape
        return torch.addcmul(scores, miss, miss, value=-0.5)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        (miss,) = ctx.saved_tensors
        to_parts = grad * miss  # [B, H, Q, L]
        to_gap = to_parts.sum_to_size(ctx.gap_shape).neg()
        return grad, to_gap, to_parts.sum(-1, keepdim=True), to_parts.sum(-2, keepdim=True)


class _Amplify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, mask: Tensor) -> Tensor:
        factor = (1 - mask).exp_()
        amplified = weights * factor
        ctx.save_for_backward(factor, amplified)
        return amplified

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        factor, amplified = ctx.saved_tensors
        return (
            grad * factor if ctx.needs_input_grad[0] else None,
            (grad * amplified).neg_() if ctx.needs_input_grad[1] else None,
        )


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, calibrated: Tensor, share: Tensor) -> Tensor:
        gap = weights - calibrated
        ctx.save_for_backward(gap, share)
        return torch.addcmul(calibrated, gap, share)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        gap, share = ctx.saved_tensors
        to_weights = grad * share
        to_share = None
        if ctx.needs_input_grad[2]:
            to_share = (grad * gap).sum(1, keepdim=True)  # [B, 1, Q, L]
        return to_weights, grad - to_weights, to_share


class _MaskPenalty(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mask: Tensor) -> Tensor:
        gap = 1 - mask
        norm = gap.norm()
        ctx.save_for_backward(gap, norm)
        return norm

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        gap, norm = ctx.saved_tensors
        return gap * torch.where(norm > 0, -grad / norm, 0.0)  # no slope at 0, as `norm` has it
