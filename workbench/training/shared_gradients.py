"""Gradients of several ranks made one; those of item tables hold the rows of a step alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:  # seconds to import
    from lightning_fabric import Fabric


def mean_over_targets(grads: Sequence[Tensor], targets: int, fabric: "Fabric") -> list[Tensor]:
    """The gradients of a mean over all targets, of which ranks hold unequal shares.

    Parameters
    ----------
    grads : this rank's, of a mean over its targets; dense, or sparse in their first dimension.
    targets : how many those are.
    fabric : knows the other ranks.

    Returns
    -------
    list of Tensor
        The same on every rank.
    """
    dense = [grad for grad in grads if not grad.is_sparse]
    n = dense[0].new_tensor([targets])
    flat = torch.cat([*(g.flatten() * n for g in dense), n])
    flat = fabric.all_reduce(flat, reduce_op="sum")  # type: ignore[assignment]
    flat, total = flat[:-1] / flat[-1], flat[-1]
    parts = iter(flat.split([g.numel() for g in dense]))
    return [
        _rows_of_all(grad, n / total, fabric) if grad.is_sparse else next(parts).view_as(grad)
        for grad in grads
    ]


def _rows_of_all(grad: Tensor, share: Tensor, fabric: "Fabric") -> Tensor:
    """Every rank's rows, so that what is sent grows with a step's rows and not with the table."""
    grad = grad.coalesce()
    count = grad.values().shape[0]
    counted = torch.tensor(count, device=grad.device)
    missing = int(fabric.all_reduce(counted, reduce_op="max")) - count  # type: ignore[arg-type]
    rows = F.pad(grad.indices()[0], (0, missing))  # filled up with nothing for row 0
    values = F.pad(grad.values() * share, (0, 0, 0, missing))
    every = [fabric.all_gather(each).flatten(0, 1) for each in (rows, values)]  # type: ignore[union-attr]
    return torch.sparse_coo_tensor(every[0][None], every[1], grad.shape)
