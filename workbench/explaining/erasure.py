"""What a score owes to items of a history: the score with them minus the score without them.

"Without" has several meanings, and they disagree. Of an item that is *replaced* the embedding
becomes the mean over the catalogue, and everything else stays; on planted data this finds the cause
under every rule. An item that is *deleted* lets later ones move up, so that where positions matter
all of them change; with its *position kept* they do not. An item that is *masked* gets no
attention in any row, but its own row goes on, and in a causal model the last item's is the one
that predicts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from models import Batch
from workbench.attention.edits import without_keys
from workbench.explaining.importance import Importance, Need
from workbench.mode import evaluation_mode
from workbench.model import DifferentiableModel, Model, with_attention

Without = Callable[[Any, Batch, Tensor, Tensor | None], Tensor]
CHUNK = 512  # histories that run at a time


def replaced(
    model: DifferentiableModel, batch: Batch, removed: Tensor, items: Tensor | None
) -> Tensor:
    """Scores with removed items' embeddings exchanged for the mean one; as `scores_without`."""
    embeddings = torch.where(removed[:, :, None], mean_embedding(model, batch), model.embed(batch))
    return model.scores(batch, items, embeddings)


def deleted(model: Model, batch: Batch, removed: Tensor, items: Tensor | None) -> Tensor:
    """Scores of the histories without removed items, later ones moved up; as `scores_without`."""
    return model.scores(batch.without(removed), items)


def hidden(model: Model, batch: Batch, removed: Tensor, items: Tensor | None) -> Tensor:
    """Scores with removed items hidden, the others in their places; as `scores_without`."""
    return model.scores(batch.hiding(removed), items)


def masked(model: Model, batch: Batch, removed: Tensor, items: Tensor | None) -> Tensor:
    """Scores where no row of any layer attends to a removed item; as `scores_without`."""
    with _unattended(model, batch, removed):
        return model.scores(batch, items)


OPERATORS: Mapping[str, Without] = {
    "replacement": replaced,
    "deletion": deleted,
    "deletion, positions kept": hidden,
    "masking": masked,
}
EMPTIES = ("deletion", "deletion, positions kept")  # they must leave something to predict from


@torch.no_grad()
def scores_without(
    model: Model,
    batch: Batch,
    removed: Tensor,
    items: Tensor | None = None,
    operator: str = "replacement",
) -> Tensor:
    """Scores of histories without some of their items.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model, batch : what scores, and the histories, on its device.
    removed : [B, L] bool, True at the items taken away.
    items : [B, K] ids to score; None for all.
    operator : a key of `OPERATORS`.

    Returns
    -------
    Tensor
        [B, K], or [B, n_items + 1] with -inf for padding. NaN where a deletion takes all items of a
        history, since nothing is left to predict from.
    """
    removed = removed & batch.valid
    with evaluation_mode(model):
        scores = OPERATORS[operator](model, batch, removed, items)
    if operator in EMPTIES:
        emptied = (removed == batch.valid).all(1)
        scores = scores.masked_fill(emptied[:, None], torch.nan)
    return scores


@torch.no_grad()
def effects_of_each(
    model: Model, batch: Batch, targets: Tensor, operator: str = "replacement"
) -> Tensor:
    """Effect of every item on the scores of `targets` [B, K]: with it minus without it.

    The model is in evaluation mode, and the batch on its device. `operator` as in `scores_without`.

    Returns
    -------
    Tensor
        [B, L, K], zero at padding, NaN as in `scores_without`.
    """
    complete = model.scores(batch, targets)  # [B, K]
    effects = complete.new_zeros(*batch.items.shape, targets.shape[1])
    case, position = batch.valid.nonzero(as_tuple=True)
    for rows, at in zip(case.split(CHUNK), position.split(CHUNK), strict=True):
        taken = batch.take(rows)
        one = torch.zeros_like(taken.valid).scatter(1, at[:, None], True)
        without = scores_without(model, taken, one, targets[rows], operator)
        effects[rows, at] = complete[rows] - without
    return effects


def _erasure(operator: str, model: Model, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    return effects_of_each(model, batch, targets[:, None], operator)[..., 0]


def mean_embedding(model: DifferentiableModel, batch: Batch) -> Tensor:
    """The mean of all items' embeddings, [d]; `batch` is one like those that are scored."""
    n, one = model.config.n_items, torch.ones_like(batch.lengths[:1])
    users = None if batch.users is None else batch.users[:1]
    total: Tensor | int = 0
    with torch.no_grad():
        for ids in torch.arange(1, n + 1, device=one.device).split(2**16):
            alone = Batch(
                ids[:, None],
                one.expand(len(ids)),
                None if batch.times is None else batch.times[:1, :1].expand(len(ids), -1),
                None if users is None else users.expand(len(ids)),
            )
            total = total + model.embed(alone).sum((0, 1))
    assert isinstance(total, Tensor)
    return total / n


@contextmanager
def _unattended(model: Model, batch: Batch, removed: Tensor) -> Iterator[None]:
    """While it lasts, removed items [B, L] get no weight in any row that may look elsewhere."""
    attentive = with_attention(model)
    allowed = attentive.allowed(batch)  # [B, 1, T, T]
    width = allowed.shape[-1] - removed.shape[1]
    keys = torch.nn.functional.pad(removed, (0, width))[:, None, None]  # [B, 1, 1, T]
    taps = [tap for tap in attentive.taps() if tap.stage == "attention"]
    handles = [
        tap.register_forward_hook(
            lambda _, __, weights: without_keys(weights, allowed, keys.expand_as(weights))
        )
        for tap in taps
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _importance(operator: str, need: Need, misses: str = "") -> Importance:
    return Importance(
        operator,
        "erasure",
        partial(_erasure, operator),
        "erasure (Li, Monroe & Jurafsky 2016, arXiv 1612.08220)",
        need,
        signed=True,
        passes=1,
        passes_per_item=1,
        misses=misses,
    )


ERASURES = (
    _importance("replacement", "embeddings"),
    _importance(
        "deletion",
        "scores",
        "Later items move up by one place, so that it also measures the move: where positions "
        "matter it finds a planted cause in few cases.",
    ),
    _importance(
        "deletion, positions kept",
        "layers",
        "Without the last item a causal model predicts at the row of the one before.",
    ),
    _importance(
        "masking",
        "attention",
        "In a causal model the last item's own row makes the prediction, so that masking cannot "
        "take the last item away.",
    ),
)
