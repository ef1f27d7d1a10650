"""Whether a foreign model predicts as is presumed of it: at the last item, padded or not."""

from typing import Protocol

import torch
from torch import Tensor

from models import Batch
from workbench.attention.hooks import hooked, taps_at
from workbench.errors import WorkbenchError
from workbench.model import AttentionModel, Model
from workbench.phrases import counted

LONG, SHORT = 3, 2  # items of the histories that are tried


class Foreign(Model, Protocol):
    """A model around scores of somebody else's."""

    def raw_scores(self, batch: Batch) -> Tensor:
        """Scores as they come, [B, n_items + 1]."""


def made_up(model: Model, items: Tensor, lengths: Tensor) -> Batch:
    """Histories of the first user, all at one time, on the device of a model.

    Parameters
    ----------
    model : that is to read them.
    items : [B, L], padded on the right with 0.
    lengths : [B].
    """
    times = torch.zeros_like(items) if model.needs_times else None
    users = torch.zeros_like(lengths) if model.needs_users else None
    return Batch(items, lengths, times, users).to(model.device)


@torch.no_grad()
def check_padding(model: Foreign) -> None:
    """Try a history with padding behind it, and without.

    Raises
    ------
    WorkbenchError
        If its scores are not of floating point, are no numbers, or change with the padding.
    """
    batch = _tried(model, padded=True)
    scores = model.raw_scores(batch)[1, 1:]
    if not scores.is_floating_point():
        raise WorkbenchError(
            f"score gives {scores.dtype}, in which padding cannot be ruled out; give floating "
            "point, as `.double()` does."
        )
    if scores.isnan().any():
        raise WorkbenchError(
            f"score gives NaN for a history of {counted(int(batch.lengths[1]), 'item')} with "
            "padding behind it; let no row of attention be without an item to attend to."
        )
    if _differ(scores, model.raw_scores(_tried(model, padded=False))[1, 1:]):
        raise WorkbenchError(
            "score gives the same history other scores once padding follows it, so that they would "
            "depend on what else is in a batch. Take the last item at batch.rows, let no item "
            "attend to padding, count no positions from the width of a batch, and draw nothing at "
            "random."
        )


@torch.no_grad()
def check_rows(model: AttentionModel, name: str) -> None:
    """Let all rows of the last layer attend elsewhere, but for those of the last items.

    Parameters
    ----------
    model : what is tried.
    name : of the submodule where the weights of the last layer pass.

    Raises
    ------
    WorkbenchError
        If the scores change.
    """
    batch = _tried(model, padded=True)
    each, row = torch.arange(len(batch.items), device=batch.items.device), model.rows(batch)

    def to_the_first(_: object, __: object, weights: Tensor) -> Tensor:
        changed = torch.zeros_like(weights)
        changed[..., 0] = 1
        changed[each, :, row] = weights[each, :, row]
        return changed

    scores = model.scores(batch)[:, 1:]
    with hooked(taps_at(model)[-1:], to_the_first):
        if not _differ(scores, model.scores(batch)[:, 1:]):
            return
    raise WorkbenchError(
        f"{name} passes weights of other rows than the last item's that change the scores, so that "
        "what is read would not be the attention behind a prediction. Name all layers, from the "
        "input up, and predict at batch.rows; one that pads on the left is run on histories that "
        "are padded on the right, as docs/checkpoints.md says."
    )


def _tried(model: Model, *, padded: bool) -> Batch:
    """A long history and a short one, or two short ones, whose items differ if there are enough."""
    long = min(LONG, model.config.max_length)
    short = min(SHORT, max(long - 1, 1))
    lengths = torch.tensor([long if padded else short, short])
    places = torch.arange(int(lengths[0]))
    items = (places % model.config.n_items + 1) * (places < lengths[:, None])
    return made_up(model, items, lengths)


def _differ(scores: Tensor, others: Tensor) -> bool:
    """Whether scores differ by more than a pass is inexact."""
    known = scores[scores.isfinite()].abs()
    size = float(known.max()) if len(known) else 0.0
    inexact = 1e3 * torch.finfo(scores.dtype).eps * size
    return not torch.allclose(scores, others, rtol=0.0, atol=inexact)
