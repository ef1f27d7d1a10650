"""Chains of element-wise operations on [B, H, Q, L] with hand-written gradients.

What autograd would keep and read again costs most of a step; here the steps between run in place.
None can be differentiated twice.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

SOFTPLUS_LINEAR = 60.0  # beyond it log(1 + e^z) = z even in double precision


class OrderError(torch.autograd.Function):
    """-log(1 + e^z) with z_ij = row_i + column_j, and -z where the key comes later."""

    @staticmethod
    def forward(ctx: Any, row: Tensor, column: Tensor, later: Tensor | None) -> Tensor:
        logit = row + column  # [B, H, Q, L]
        if later is not None:
            logit = torch.where(later, -logit, logit)
        error = F.softplus(logit, threshold=SOFTPLUS_LINEAR).neg_()
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(logit.sigmoid_())
        ctx.later = later
        return error

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        (probability,) = ctx.saved_tensors
        found = (grad * probability).neg_()
        if ctx.later is not None:
            found = torch.where(ctx.later, -found, found)
        return found.sum(-1, keepdim=True), found.sum(-2, keepdim=True), None


class DistanceError(torch.autograd.Function):
    """-(gap_ij - row_i - column_j)^2 / 2, all three multiplied by theta beforehand."""

    @staticmethod
    def forward(ctx: Any, gap: Tensor, row: Tensor, column: Tensor) -> Tensor:
        miss = (gap - row).sub_(column)  # [B, H, Q, L]
        ctx.save_for_backward(miss)
        ctx.gap_shape = gap.shape
        return (miss * miss).mul_(-0.5)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (miss,) = ctx.saved_tensors
        found = grad * miss
        gap = found.sum_to_size(ctx.gap_shape).neg()
        return gap, found.sum(-1, keepdim=True), found.sum(-2, keepdim=True)


class Amplified(torch.autograd.Function):
    """weights * exp(1 - mask)."""

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


class Gated(torch.autograd.Function):
    """gate * weights + (1 - gate) * calibrated, one gate [B, 1, Q, L] for all heads."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, calibrated: Tensor, gate: Tensor) -> Tensor:
        gap = weights - calibrated
        ctx.save_for_backward(gap, gate)
        return torch.addcmul(calibrated, gap, gate)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        gap, gate = ctx.saved_tensors
        to_weights = grad * gate
        to_gate = None
        if ctx.needs_input_grad[2]:
            to_gate = (grad * gap).sum(1, keepdim=True)
        return to_weights, grad - to_weights, to_gate


class MaskPenalty(torch.autograd.Function):
    """||1 - mask||_2 over the whole tensor."""

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
        return gap * (-grad / norm)
