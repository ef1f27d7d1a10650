"""What a score owes to each item of a history: the score with it minus the score without it."""

import torch
from torch import Tensor

from models import Batch
from workbench.mode import evaluation_mode
from workbench.model import Model


@torch.no_grad()
def leave_one_out(model: Model, batch: Batch, targets: Tensor, *, chunk: int = 512) -> Tensor:
    """Effect of every history item on the score of `targets`, [B, L].

    The item is deleted and the whole model runs again (erasure: Li, Monroe & Jurafsky 2016, arXiv
    1612.08220): later items move up by one position, and without the last item the prediction is
    made from the one before. The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : any model that gives scores.
    batch : the histories. It may be on another device than the model.
    targets : [B] items.
    chunk : how many shortened histories run at a time.

    Returns
    -------
    Tensor
        The score with the item minus the score without it: positive if the item raises the score.
        Zero at padding; NaN for the only item of a history, since nothing is left to predict from.
        On the device of the batch.
    """
    home = batch.items.device
    batch, targets = batch.to(model.device), targets.to(model.device)
    with evaluation_mode(model):
        complete = model.scores(batch, targets[:, None])[:, 0]  # [B]
        effects = torch.zeros(batch.items.shape, dtype=complete.dtype, device=complete.device)
        effects[batch.lengths == 1, 0] = torch.nan
        case, removed = (batch.valid & (batch.lengths > 1)[:, None]).nonzero(as_tuple=True)
        for rows, at in zip(case.split(chunk), removed.split(chunk), strict=True):
            shortened = batch.take(rows).without(at)
            without = model.scores(shortened, targets[rows][:, None])[:, 0]  # [N]
            effects[rows, at] = complete[rows] - without
    return effects.to(home)
