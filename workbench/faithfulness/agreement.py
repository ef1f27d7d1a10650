"""Whether two importances rank the items of a history alike."""

from typing import NamedTuple

import torch
from torch import Tensor

from models import Batch
from workbench.attention.known_batch import known_batch
from workbench.errors import WorkbenchError
from workbench.statistics import kendall_p_value, kendall_tau_b
from workbench.statistics.given_numbers import tensors
from workbench.statistics.rounding import levels, same

SHORTEST = 3  # items below which a rank correlation says nothing


class Agreement(NamedTuple):
    """Rank agreement of two importances, one number per history.

    Attributes
    ----------
    tau : [B], Kendall's tau-b; NaN below `SHORTEST` items, and where one side is constant.
    p_value : [B], two-sided, under independence; NaN where tau is.
    """

    tau: Tensor
    p_value: Tensor


def rank_agreement(importance: Tensor, other: Tensor, batch: Batch) -> Agreement:
    """Kendall's tau-b of two importances over the items of each history.

    Importances that differ by rounding are equal.

    Parameters
    ----------
    importance, other : [B, L], or wider; what comes after the L items is left out. Tensors, arrays
        of NumPy or lists.
    batch : the histories.

    Returns
    -------
    Agreement
        tau and its p value, [B] each; NaN for a history of fewer than `SHORTEST` items, and where
        one of the two is the same at all of them.

    Raises
    ------
    WorkbenchError
        If an importance is of another shape, or no numbers, or the batch is none.
    """
    importance, other = tensors(importance=importance, other=other)
    n, width = known_batch(batch).items.shape
    for each in (importance, other):
        if each.dim() != 2 or len(each) != n or each.shape[1] < width:
            raise WorkbenchError(
                f"an importance of {n:,} histories of up to {width} items is [{n}, {width}], or "
                f"wider, and what was given has the shape {list(each.shape)}; give what explain "
                "makes of this batch."
            )
    ranked = batch.valid & (batch.lengths >= SHORTEST)[:, None]  # [B, L]
    x, y = (levels(each[:, :width], ranked) for each in (importance, other))
    return Agreement(kendall_tau_b(x, y, ranked), kendall_p_value(x, y, ranked))


def most_important(importance: Tensor, valid: Tensor) -> Tensor:
    """Which item of each history is the most important; where several are, each is with a share.

    Parameters
    ----------
    importance : [B, L].
    valid : [B, L] bool, what is an item; at least one in each row.

    Returns
    -------
    Tensor
        [B, L] float64; the shares of a row are equal and add up to 1.
    """
    importance, valid = tensors(importance=importance, valid=valid)
    values = importance.double().masked_fill(~valid, -torch.inf)
    largest = values.amax(1, keepdim=True)
    first = same(values, largest).double()
    return first / first.sum(1, keepdim=True)


def of_one(importance: Tensor, other: Tensor) -> tuple[float, float]:
    """Kendall's tau-b and its p value for a single history.

    Parameters
    ----------
    importance, other : [L].
    """
    importance, other = tensors(importance=importance, other=other)
    items = torch.ones(1, len(importance), dtype=torch.long)
    agreement = rank_agreement(
        importance[None], other[None], Batch(items, torch.tensor([len(importance)]))
    )
    return float(agreement.tau), float(agreement.p_value)
