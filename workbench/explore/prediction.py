"""What a model predicts in a scenario, and what that changes about its ranking."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from models import Batch
from workbench.attention.editing import edit_attention
from workbench.attention.edits import Edit, in_turn, remove_keys, remove_largest, uniform
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explore.ranks import Ranking
from workbench.explore.scenario import Scenario
from workbench.matching import check_numbering
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.statistics import jensen_shannon_of_scores


@dataclass(frozen=True)
class Prediction(Ranking):
    """What a model makes of a scenario, on the CPU; its ranking among other things.

    Attributes
    ----------
    items : [L], what the model sees.
    weights : [n_layers, H, L], the prediction row, as edited.
    """

    items: Tensor
    weights: Tensor


def predict(
    model: Model,
    scenario: Scenario,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    hide_seen: bool = False,
) -> Prediction:
    """Run a model on the last `max_length` items of a scenario.

    Attention is edited at the prediction row. In each layer and head, the largest weight of that
    layer and head is the one removed. Weights are renormalised after each removal, a row that would
    lose its last item keeps it, and a row of equal weights, which has no largest one, stays as it
    is. The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : a model with attention.
    scenario : the history and its edits.
    layers, heads : those in which attention is edited, from 0; all where None.
    hide_seen : whether items of the edited history, however long ago, are not ranked.

    Returns
    -------
    Prediction
        The scores of all items and their ranking, and the weights as edited.

    Raises
    ------
    WorkbenchError
        If the model does not have an item, a layer or a head, has no attention, or numbers items
        or users otherwise than the data that the scenario was made of.
    """
    if scenario.data is not None:
        check_numbering(model, scenario.data, "the scenario")
    window = slice(-model.config.max_length, None)
    entries = scenario.entries[window]
    known = model.config.n_items
    for entry in entries:
        if not 1 <= entry.item <= known:
            raise WorkbenchError(
                f"{model.config.name} knows no item {entry.item}; choose from 1 to {known}."
            )
    device = model.device
    batch = Batch(
        items=torch.tensor([[entry.item for entry in entries]]),
        lengths=torch.tensor([len(entries)]),
        times=None if scenario.times is None else torch.tensor([scenario.times[window]]),
        users=torch.tensor([scenario.user if scenario.number is None else scenario.number]),
    ).to(device)
    muted = torch.tensor([entry.muted for entry in entries], device=device)
    edits: list[Edit] = [uniform] * scenario.uniform
    edits += [remove_keys(muted)] * bool(muted.any())
    # one key is left at the least
    edits += [remove_largest] * min(scenario.largest, int((~muted).sum()) - 1)
    # all at once: each by itself would go through all modules and rows again
    edited = edit_attention(model, in_turn(edits), layers=layers, heads=heads)
    with torch.no_grad(), evaluation_mode(model), edited if edits else nullcontext():
        weights = record_attention(model, batch)["attention"][0]
        scores = model.scores(batch)[0]
    seen = {entry.item for entry in scenario.entries}
    return Prediction(
        batch.items[0].cpu(),
        weights.cpu(),
        scores=scores.cpu(),
        hidden=frozenset(seen if hide_seen else ()),
    )


def moves(
    before: Prediction, after: Prediction, also: Sequence[int] = (), k: int = 10
) -> pd.DataFrame:
    """The k best items before and the k best after, with their ranks and scores, by rank after.

    Parameters
    ----------
    before, after : the predictions compared.
    also : other items to be in the table.
    k : how many of the best items.

    Returns
    -------
    DataFrame
        A row per item, with the columns item, rank_before, rank_after, score_before, score_after;
        what is hidden has no rank, and comes last.
    """
    items = dict.fromkeys([*after.top(k), *before.top(k), *also])
    rows = [
        {
            "item": item,
            "rank_before": before.place(item),
            "rank_after": after.place(item),
            "score_before": float(before.scores[item]),
            "score_after": float(after.scores[item]),
        }
        for item in items
    ]
    frame = pd.DataFrame(rows).astype({"rank_before": "Int64", "rank_after": "Int64"})
    order = ["rank_after", "score_after"]
    return frame.sort_values(order, ascending=[True, False], ignore_index=True)


def divergence(before: Prediction, after: Prediction) -> float:
    """Jensen-Shannon divergence of the two score distributions, in nats, 0 to log 2."""
    return float(jensen_shannon_of_scores(before.scores[None], after.scores[None]))
