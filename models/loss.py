"""Cross-entropy over a whole catalogue without keeping its logits."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

CHUNK = 256  # rows; their logits stay in the cache


class _LinearCrossEntropy(torch.autograd.Function):
    """Loss and gradients in one pass over chunks of rows: softmax is computed once, in place."""

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        wants_table = ctx.needs_input_grad[1]  # type: ignore[attr-defined]
        grad_hidden = torch.empty_like(hidden)
        grad_table = torch.zeros_like(table) if wants_table else None
        total = hidden.new_zeros(())
        n = len(hidden)
        for start in range(0, n, CHUNK):
            h, t = hidden[start : start + CHUNK], targets[start : start + CHUNK, None]
            logits = h @ table.T  # [C, V]
            target_logits = logits.gather(1, t)
            top, where = logits.max(1, keepdim=True)
            p = torch.softmax(logits, 1, out=logits)
            # the largest probability is at least 1 / V, so its logarithm is safe
            total += (top - p.gather(1, where).log() - target_logits).sum()
            p.scatter_add_(1, t, torch.full_like(target_logits, -1.0))
            torch.mm(p, table, out=grad_hidden[start : start + CHUNK])
            if grad_table is not None:
                grad_table.addmm_(p.T, h)
        ctx.save_for_backward(grad_hidden, grad_table)  # type: ignore[arg-type]
        ctx.n = n  # type: ignore[attr-defined]
        return total / n

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_table = ctx.saved_tensors  # type: ignore[attr-defined]
        scale = grads[0] / ctx.n  # type: ignore[attr-defined]
        return grad_hidden * scale, None if grad_table is None else grad_table * scale, None


def catalogue_cross_entropy(hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of hidden @ table^T; never differentiable twice.

    hidden: [N, d]. table: [V, d]. targets: [N], rows of the table. Returns a scalar.
    """
    return _LinearCrossEntropy.apply(hidden, table, targets)
