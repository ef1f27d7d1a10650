"""Cross-entropy over an entire catalogue without keeping its logits."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from models.kernels.large_products import large_products

CHUNK = 128  # rows whose logits are held at once: their products are quickest

_buffers: dict[tuple[torch.device, torch.dtype], Tensor] = {}


def catalogue_cross_entropy(hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the softmax of hidden @ table^T.

    Parameters
    ----------
    hidden : [N, d].
    table : [V, d], a row for every item; a detached one gets no gradient, and costs none.
    targets : [N], rows of the table.

    Returns
    -------
    Tensor
        A scalar, in the precision of the table.
    """
    return _LinearCrossEntropy.apply(hidden, table, targets)


class _LinearCrossEntropy(torch.autograd.Function):
    """Loss and gradients in one pass over chunks of rows: the softmax is computed once, in place.

    Under autocast the products run in its lower precision, sums and gradients stay in full.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        wants_table = ctx.needs_input_grad[1]  # type: ignore[attr-defined]
        kind = table.device.type
        lower = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else table.dtype
        h_all, w = hidden.to(lower), table.to(lower)  # [N, d], [V, d]
        grad_hidden = torch.empty_like(hidden)
        grad_table = torch.zeros_like(table) if wants_table else None
        total = hidden.new_zeros((), dtype=table.dtype)
        n = len(hidden)
        with torch.autocast(kind, enabled=False), large_products(w, CHUNK):
            for start in range(0, n, CHUNK):
                h, t = h_all[start : start + CHUNK], targets[start : start + CHUNK, None]
                p = _logits_buffer(len(h), w)  # [CHUNK, V]
                torch.mm(h, w.T, out=p)
                torch.softmax(p, 1, out=p)
                of_target = p.gather(1, t).to(total.dtype)  # [CHUNK, 1]
                # the gradient is exact where a probability underflows; only the value is clamped
                total -= of_target.clamp_min(torch.finfo(of_target.dtype).tiny).log().sum()
                p.scatter_(1, t, (of_target - 1).to(lower))
                grad_hidden[start : start + CHUNK] = p @ w
                if grad_table is not None:
                    if lower == table.dtype:
                        grad_table.addmm_(p.T, h)
                    else:
                        grad_table += p.T @ h
        ctx.save_for_backward(grad_hidden, grad_table)  # type: ignore[arg-type]
        ctx.n = n  # type: ignore[attr-defined]
        return total / n

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_table = ctx.saved_tensors  # type: ignore[attr-defined]
        scale = grads[0] / ctx.n  # type: ignore[attr-defined]
        return grad_hidden * scale, None if grad_table is None else grad_table * scale, None


def _logits_buffer(rows: int, table: Tensor) -> Tensor:
    """Room for logits [rows, V], kept between steps: fresh pages cost more than the product."""
    key = (table.device, table.dtype)
    needed = rows * len(table)
    if key not in _buffers or _buffers[key].numel() < needed:
        _buffers[key] = torch.empty(needed, device=table.device, dtype=table.dtype)
    return _buffers[key][:needed].view(rows, len(table))
