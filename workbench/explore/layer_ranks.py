"""What a model would recommend if it stopped after a layer: its states through the output head.

The state of the row that predicts, after the embeddings and after each layer, goes through the last
LayerNorm (where a model has one) and the output head, as if that layer were the last (the logit
lens, nostalgebraist 2020; for recommenders nothing else is needed, as the head is the item table).
It shows when the item that comes first in the end gets ahead. It does not show what a layer knows:
only the last layer's state was trained to be read by the head, so that a poor rank in between may
mean that what is known stands there in another form.
"""

import pandas as pd
import torch
from torch import Tensor

from models import Batch
from workbench.explore.ranks import Ranking
from workbench.mode import evaluation_mode
from workbench.model import Model, with_layers


def scores_after_each_layer(model: Model, batch: Batch) -> Tensor:
    """Scores of all items from the state after the embeddings and after each layer.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : one of this repository's.
    batch : the histories, on any device.

    Returns
    -------
    Tensor
        [n_layers + 1, B, n_items + 1], -inf for padding; the last are `model.scores`.

    Raises
    ------
    WorkbenchError
        If the model is another one, whose layers are not known.
    """
    model = with_layers(model, "choose a model that was trained or imported here")
    batch = batch.to(model.device)
    with torch.no_grad(), evaluation_mode(model):
        x, context = model.prepare(batch)
        assert context.rows is not None
        every = torch.arange(len(x), device=x.device)
        states = [x[every, context.rows]]  # [B, d]
        for layer in model.encoder.layers:
            x = layer(x, context)
            states.append(x[every, context.rows])
        return torch.stack([model.score(model.encoder.norm(state)) for state in states])


def rank_after_each_layer(
    model: Model, batch: Batch, target: int, *, hidden: frozenset[int] = frozenset()
) -> pd.DataFrame:
    """The rank of an item after each layer, and what comes first there.

    Parameters
    ----------
    model : as in `scores_after_each_layer`.
    batch : a batch of one history.
    target : the item.
    hidden : items that are not ranked.

    Returns
    -------
    DataFrame
        A row per layer, the embeddings (layer 0) first: layer, rank, score, first (the item that
        comes first).
    """
    scores = scores_after_each_layer(model, batch)[:, 0].cpu()
    rankings = [Ranking(scores=one, hidden=hidden) for one in scores]
    return pd.DataFrame(
        {
            "layer": range(len(rankings)),
            "rank": [ranking.rank(target) for ranking in rankings],
            "score": scores[:, target].tolist(),
            "first": [ranking.first for ranking in rankings],
        }
    )
