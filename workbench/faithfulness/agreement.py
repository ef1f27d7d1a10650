"""Whether two importances rank the items of a history alike."""

from typing import NamedTuple

import torch
from torch import Tensor

from models import Batch
from workbench.statistics import kendall_p_value, kendall_tau_b

SHORTEST = 3  # items below which a rank correlation says nothing
SAME = 1e-6  # of the largest importance, within which others are as large


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

    They are compared in single precision, in which equal weights are equal.

    Parameters
    ----------
    importance, other : [B, L], or wider; what comes after the L items is left out.
    batch : the histories.

    Returns
    -------
    Agreement
        tau and its p value, [B] each; NaN for a history of fewer than `SHORTEST` items, and where
        one of the two is the same at all of them.
    """
    width = batch.items.shape[1]
    x, y = importance[:, :width].float(), other[:, :width].float()
    ranked = batch.valid & (batch.lengths >= SHORTEST)[:, None]  # [B, L]
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
    values = importance.double().masked_fill(~valid, -torch.inf)
    largest = values.amax(1, keepdim=True)
    first = values >= largest - SAME * largest.abs()
    return first.double() / first.sum(1, keepdim=True)


def of_one(importance: Tensor, other: Tensor) -> tuple[float, float]:
    """Kendall's tau-b and its p value for a single history.

    Parameters
    ----------
    importance, other : [L].
    """
    items = torch.ones(1, len(importance), dtype=torch.long)
    agreement = rank_agreement(
        importance[None], other[None], Batch(items, torch.tensor([len(importance)]))
    )
    return float(agreement.tau), float(agreement.p_value)
