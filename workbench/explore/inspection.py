"""Everything about one history and one target: weights, importances, scores, and agreement."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from models import Batch
from workbench.attention.recording import record_attention
from workbench.errors import WorkbenchError
from workbench.explaining.methods import default_erasure, explain
from workbench.explore.ranks import Ranking
from workbench.faithfulness.agreement import of_one
from workbench.mode import evaluation_mode
from workbench.model import Model, with_attention
from workbench.statistics.rounding import even

METHODS = ("saliency, attention held", "input x gradient, attention held")
FIRST = 3  # items named first that are compared, at most


class RowAgreement(NamedTuple):
    """How far a row of weights agrees with an importance.

    Attributes
    ----------
    tau : Kendall's tau-b; NaN if there is none.
    p_value : of tau, under independence; NaN if there is no tau.
    n : the number of items.
    """

    tau: float
    p_value: float
    n: int


class Pointing(NamedTuple):
    """What attention points at, beside what moves the score: places in the history, from 0.

    Attributes
    ----------
    named : the item of the largest weight.
    moving : the item without which the score falls most.
    place : how many-th `named` is by that fall, 1 is the largest.
    shared : how many of the first `first` items by weight are among the first `falling`.
    first : `FIRST`, or half of a shorter history, of which more would share some by necessity.
    falling : of as many items without which the score falls most, those without which it falls.
    """

    named: int
    moving: int
    place: int
    shared: int
    first: int
    falling: int


@dataclass(frozen=True)
class Inspection(Ranking):
    """What a model makes of a history of L items, on the CPU; its ranking among other things.

    Attributes
    ----------
    items : [L] ids, oldest first.
    times : [L] seconds, or None.
    target : the item explained.
    weights : stage -> [n_layers, H, T, T], NaN where a row may not look. T is L, or L + 1 with
        BERT4Rec's mask token, and the last row is the prediction's. Rows sum to less than one where
        a model attends to padding. Empty for a model without attention.
    importance : method of `explain` -> [L], as it gives them; zeros where it vanishes.
    effects : [L], leave-one-out, by `default_erasure`: signed, NaN where undefined.
    """

    items: Tensor
    times: Tensor | None
    target: int
    weights: dict[str, Tensor]
    importance: dict[str, Tensor]
    effects: Tensor

    def matrix(self, stage: str, layer: int | None = None, head: int | None = None) -> Tensor:
        """Weights of a stage, [T, T].

        Parameters
        ----------
        stage : the point where the weights were read.
        layer, head : which one, from 0; the mean over all where None.
        """
        layers = self.weights[stage] if layer is None else self.weights[stage][layer][None]
        heads = layers if head is None else layers[:, head][:, None]
        return heads.mean((0, 1))

    def row(self, stage: str, layer: int | None = None, head: int | None = None) -> Tensor:
        """What the prediction row gives to the items of the history, [L]; as in `matrix`."""
        return self.matrix(stage, layer, head)[-1, : len(self.items)]

    def agreement(self, row: Tensor, method: str) -> RowAgreement:
        """Rank agreement of a row of weights with an importance.

        They are compared in single precision, in which equal weights are equal. The tau is NaN for
        fewer than three items, or where one side is constant.

        Parameters
        ----------
        row : [L] weights.
        method : a key of `importance`, of which magnitudes are taken.
        """
        return RowAgreement(*of_one(row, self.importance[method].abs()), len(row))

    def vanishes(self, method: str) -> bool:
        """Whether an importance is zero everywhere, as `gradients` says why."""
        return not self.importance[method].any()

    def pointing(self, row: Tensor) -> Pointing | None:
        """What a row of weights [L] points at, beside what moves the score of the target.

        None where it points at nothing, since all weights are equal, or where nothing can be taken
        away.
        """
        effects = self.effects
        if len(row) < 2 or effects.isnan().any() or even(row):
            return None
        named, first = int(row.argmax()), min(FIRST, len(row) // 2)
        falling = [at for at in effects.topk(first).indices.tolist() if effects[at] > 0]
        both = set(row.topk(first).indices.tolist()) & set(falling)
        place = 1 + int((effects > effects[named]).sum())
        return Pointing(named, int(effects.argmax()), place, len(both), first, len(falling))


def inspect_case(
    model: Model,
    batch: Batch,
    target: int | Literal["top"],
    *,
    hidden: Collection[int] = (),
    methods: Collection[str] = METHODS,
) -> Inspection:
    """Look at one history and one target.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : any model that gives what the methods need.
    batch : a batch of one history, such as `workbench.held_out` makes.
    target : an item, or "top" for the item that the model ranks first.
    hidden : items that are not ranked, such as those that the user has seen.
    methods : the importances to compute, by their names in `explain`.

    Returns
    -------
    Inspection
        Attention weights, importances and effects of each item, and the ranking.

    Raises
    ------
    WorkbenchError
        If there is more than one history, the model does not know the item, no item is left to
        rank, or a method does not serve the model.
    """
    if len(batch.items) != 1:
        raise WorkbenchError(f"inspect_case takes one history, and was given {len(batch.items)}.")
    batch = batch.to(model.device)
    with torch.no_grad(), evaluation_mode(model):
        scores = model.scores(batch)  # [1, V]
    ranking = Ranking(scores=scores[0].cpu(), hidden=frozenset(hidden))
    item = ranking.first if target == "top" else int(target)
    if not 1 <= item < scores.shape[1]:
        raise WorkbenchError(
            f"{model.config.name} knows no item {item}; choose from 1 to {scores.shape[1] - 1}."
        )
    targets = torch.tensor([item], device=scores.device)
    importance = {method: explain(model, batch, targets, method)[0].cpu() for method in methods}
    erasure = default_erasure(model)
    effects = importance.get(erasure)
    if effects is None:
        effects = explain(model, batch, targets, erasure)[0].cpu()
    return Inspection(
        items=batch.items[0].cpu(),
        times=None if batch.times is None else batch.times[0].cpu(),
        target=item,
        weights=_weights(model, batch) if model.stages else {},
        importance=importance,
        effects=effects,
        scores=ranking.scores,
        hidden=ranking.hidden,
    )


def _weights(model: Model, batch: Batch) -> dict[str, Tensor]:
    """The weights of every stage, as in `Inspection`."""
    attentive = with_attention(model)
    weights = record_attention(model, batch, stages=model.stages, rows="all")
    forbidden = ~attentive.allowed(batch)[:, None]  # [1, 1, 1, T, T]
    n = int(attentive.rows(batch)[0]) + 1  # what comes after the row that predicts is padding
    return {
        stage: recorded.masked_fill(forbidden, torch.nan)[0, ..., :n, :n].cpu()
        for stage, recorded in weights.items()
    }
