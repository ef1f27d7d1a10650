"""What is left of one prediction as items are taken away, the most important first."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from models import Batch
from workbench.attention.base_pass import BasePass
from workbench.explaining.methods import default_erasure, explain
from workbench.faithfulness.curves import Removals, most_important_first
from workbench.mode import evaluation_mode
from workbench.model import Model

MOST = 20  # items taken away
RANDOM = "random"
SEEDS = 10  # orders that "random" is the mean of


@torch.no_grad()
def deletion_curves(
    model: Model, batch: Batch, target: int, importances: Mapping[str, Tensor], *, most: int = MOST
) -> pd.DataFrame:
    """The target's log probability and rank without the k most important items, k from 0.

    The sooner a curve falls, the better its order names what the prediction needs. Items are taken
    away by `default_erasure`; of equal importance in random order. The model is in evaluation mode
    meanwhile.

    Parameters
    ----------
    model, batch : what scores, and one history.
    target : the item.
    importances : name -> [L], the orders beside random ones.
    most : items taken away at most; at least one stays.

    Returns
    -------
    DataFrame
        A row per order and k: importance, removed (k), nats (log probability over the catalogue),
        rank (among all items, 1 is best). Of "random" it is the mean over `SEEDS` orders.
    """
    batch = batch.to(model.device)
    n = int(batch.lengths[0])
    items = torch.tensor([target], device=model.device)
    orders = [
        (RANDOM, most_important_first(explain(model, batch, items, RANDOM, seed=seed), batch.valid))
        for seed in range(SEEDS)
    ]
    orders += [
        (name, most_important_first(values[None].to(model.device), batch.valid))
        for name, values in importances.items()
        if name != RANDOM
    ]
    sizes = range(min(most, n - 1) + 1)
    removed = torch.cat([order < k for _, order in orders for k in sizes])  # [N, L]
    rows = torch.zeros(len(removed), dtype=torch.long, device=model.device)
    with evaluation_mode(model):
        removals = Removals(BasePass(model, batch), items[:, None], default_erasure(model))
        found = removals.outcomes(rows, removed)
    frame = pd.DataFrame(
        {
            "importance": [name for name, _ in orders for _ in sizes],
            "removed": [k for _ in orders for k in sizes],
            "nats": found.nats[:, 0].tolist(),
            "rank": found.ranks[:, 0].double().tolist(),
        }
    )
    return frame.groupby(["importance", "removed"], sort=False).mean().reset_index()
