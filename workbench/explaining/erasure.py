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

import torch
from torch import Tensor

from models import Batch
from models.attention import queries_of
from models.kept_pass import last_rows
from workbench.attention.base_pass import BasePass
from workbench.attention.edits import without_keys
from workbench.attention.hooks import hooked, taps_at
from workbench.explaining.importance import CHUNK, Importance, Need
from workbench.model import Model, with_attention

Without = Callable[[BasePass, Tensor, Batch, Tensor, Tensor | None], Tensor]


def replaced(
    base: BasePass, which: Tensor, batch: Batch, removed: Tensor, items: Tensor | None
) -> Tensor:
    """Scores with removed items' embeddings made the mean one; as in `scores_without`."""
    return base.replaced(which, removed, items)


def deleted(
    base: BasePass, which: Tensor, batch: Batch, removed: Tensor, items: Tensor | None
) -> Tensor:
    """Scores of histories without removed items, later ones moved up; as in `scores_without`."""
    return base.continued(which, batch.without(removed), items)


def hidden(
    base: BasePass, which: Tensor, batch: Batch, removed: Tensor, items: Tensor | None
) -> Tensor:
    """Scores with removed items hidden, the others in place; as in `scores_without`."""
    return base.continued(which, batch.hiding(removed), items)


def masked(
    base: BasePass, which: Tensor, batch: Batch, removed: Tensor, items: Tensor | None
) -> Tensor:
    """Scores where no row of any layer attends to a removed item; as in `scores_without`."""
    first = _first_changed(base, "masking", removed, batch.valid, batch.rows)
    with _unattended(base.model, batch, removed):
        return base.reweighted(which, first, items)


OPERATORS: Mapping[str, Without] = {
    "replacement": replaced,
    "deletion": deleted,
    "deletion, positions kept": hidden,
    "masking": masked,
}
EMPTIES = ("deletion", "deletion, positions kept")  # they must leave something to predict from


@torch.no_grad()
def scores_without(
    base: BasePass,
    which: Tensor,
    removed: Tensor,
    items: Tensor | None = None,
    operator: str = "replacement",
) -> Iterator[tuple[Tensor, Tensor]]:
    """Scores of histories without some of their items, a chunk at a time.

    Those that change from about the same row on come together, since what stands before that row
    is not run again where the model allows it.

    Parameters
    ----------
    base : the pass of the histories as they are.
    which : [N], a history of the pass for each of what is taken away.
    removed : [N, L] bool, True at the items taken away.
    items : [B, K] ids to score; None for all.
    operator : a key of `OPERATORS`.

    Yields
    ------
    tuple of Tensor
        Which of the N these are, [n]; and their scores, [n, K], or [n, n_items + 1] with -inf for
        padding. NaN where a deletion takes all items of a history, since nothing is left to predict
        from.
    """
    valid, rows = base.batch.valid[which], base.batch.rows[which]
    removed = removed & valid
    first = _first_changed(base, operator, removed, valid, rows)
    rest = rows - first
    for numbers in rest.argsort(stable=True).split(CHUNK):
        histories, gone = which[numbers], removed[numbers]
        batch = base.batch.take(histories)
        asked = None if items is None else items[histories]
        scores = OPERATORS[operator](base, histories, batch, gone, asked)
        if operator in EMPTIES:
            emptied = (gone == batch.valid).all(1)
            scores = scores.masked_fill(emptied[:, None], torch.nan)
        yield numbers, scores


@torch.no_grad()
def effects_of_each(base: BasePass, targets: Tensor, operator: str = "replacement") -> Tensor:
    """Effect of every item on the scores of `targets` [B, K]: with it minus without it.

    `base` and `operator` as in `scores_without`.

    Returns
    -------
    Tensor
        [B, L, K], zero at padding, NaN as in `scores_without`.
    """
    complete, batch = base.scores(targets), base.batch  # [B, K]
    effects = complete.new_zeros(*batch.items.shape, targets.shape[1])
    case, position = batch.valid.nonzero(as_tuple=True)
    one = torch.zeros_like(batch.valid[case]).scatter(1, position[:, None], True)
    for numbers, scores in scores_without(base, case, one, targets, operator):
        rows = case[numbers]
        effects[rows, position[numbers]] = complete[rows] - scores
    return effects


def _erasure(operator: str, model: Model, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    return effects_of_each(BasePass(model, batch), targets[:, None], operator)[..., 0]


def _first_changed(
    base: BasePass, operator: str, removed: Tensor, valid: Tensor, rows: Tensor
) -> Tensor:
    """The first row that is not as in a kept pass, [N], where the model keeps one.

    Where all items up to a row are replaced, it is as where all of the history are; and where it
    may look at no other, a mask leaves it as it was.
    """
    first = _first(removed, rows)
    if base.kept is None:
        return first
    if operator == "replacement" or (operator == "masking" and base.kept.context.causal):
        return first.maximum(_first(valid & ~removed, rows))
    return first


def _first(marked: Tensor, rows: Tensor) -> Tensor:
    """The place of the first item marked in [N, L], [N]; the row that predicts if there is none."""
    places = torch.arange(marked.shape[1], device=marked.device)
    return torch.where(marked, places, rows[:, None]).amin(1)


@contextmanager
def _unattended(model: Model, batch: Batch, removed: Tensor) -> Iterator[None]:
    """While it lasts, removed items [B, L] get no weight in any row that may look elsewhere."""
    attentive = with_attention(model)
    allowed, predicting = attentive.allowed(batch), attentive.rows(batch)  # [B, 1, T, T], [B]
    width = allowed.shape[-1] - removed.shape[1]
    keys = torch.nn.functional.pad(removed, (0, width))[:, None, None]  # [B, 1, 1, T]

    def change(_: object, __: object, weights: Tensor) -> Tensor:
        rows = last_rows(predicting, weights.shape[-2])
        return without_keys(weights, queries_of(allowed, rows), keys)

    with hooked(taps_at(attentive), change):
        yield


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
