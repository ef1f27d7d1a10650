"""What a score owes to each item of a history: the score with it minus the score without it."""

from typing import Any

import torch
from torch import Tensor

from models import Batch
from workbench.mode import evaluation_mode


@torch.no_grad()
def leave_one_out(model: Any, batch: Batch, targets: Tensor, *, chunk: int = 512) -> Tensor:
    """Effect of every history item on the score of `targets` [B], [B, L].

    The item is deleted and the whole model runs again (erasure: Li, Monroe & Jurafsky 2016,
    arXiv 1612.08220): later items move up by one position, and without the last item the prediction
    is made from the one before. Positive: the item raises the score. Zero at padding; NaN for the
    only item of a history, since nothing is left to predict from. `chunk` shortened histories run
    at a time. The model is in evaluation mode meanwhile.
    """
    with evaluation_mode(model):
        whole = _scores(model, batch, targets)  # [B]
        effects = torch.zeros(batch.items.shape, dtype=whole.dtype, device=whole.device)
        effects[batch.lengths == 1, 0] = torch.nan
        case, removed = (batch.valid & (batch.lengths > 1)[:, None]).nonzero(as_tuple=True)
        for some, at in zip(case.split(chunk), removed.split(chunk), strict=True):
            without = _scores(model, _without(batch, some, at), targets[some])
            effects[some, at] = whole[some] - without
    return effects


def _without(batch: Batch, case: Tensor, removed: Tensor) -> Batch:
    """Histories `case` [N] of a batch, each without its item at `removed` [N]."""
    kept = torch.arange(batch.items.shape[1] - 1, device=case.device)
    kept = kept + (kept >= removed[:, None])  # [N, L - 1]
    return Batch(
        items=batch.items[case[:, None], kept],
        lengths=batch.lengths[case] - 1,
        times=None if batch.times is None else batch.times[case[:, None], kept],
        users=None if batch.users is None else batch.users[case],
    )


def _scores(model: Any, batch: Batch, targets: Tensor) -> Tensor:
    return model.score(model(batch), targets[:, None])[:, 0]
