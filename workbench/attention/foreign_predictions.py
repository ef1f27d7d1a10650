"""Whether a foreign model predicts as is presumed of it: at the last item, padded or not."""

import warnings
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from models import AttentionTap, Batch
from workbench.attention.followed_weights import Followed
from workbench.attention.hooks import hooked, taps_at
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.model import AttentionModel, Model
from workbench.phrases import counted, listing

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

    def others_to_the_first(_: object, __: object, weights: Tensor) -> Tensor:
        changed = _to_the_first(weights)
        changed[each, :, row] = weights[each, :, row]
        return changed

    scores = model.scores(batch)[:, 1:]
    with hooked(taps_at(model)[-1:], others_to_the_first):
        if not _differ(scores, model.scores(batch)[:, 1:]):
            return
    raise WorkbenchError(
        f"{name} passes weights of other rows than the last item's that change the scores, so that "
        "what is read would not be the attention behind a prediction. Name all layers, from the "
        "input up, and predict at batch.rows; one that pads on the left is run on histories that "
        "are padded on the right, as docs/checkpoints.md says."
    )


@torch.no_grad()
def check_used(model: AttentionModel, names: Sequence[str]) -> None:
    """Let all rows of one layer after another attend to the first item.

    Parameters
    ----------
    model : what is tried.
    names : of the submodules where weights pass, by layer.

    Raises
    ------
    WorkbenchError
        If that changes no score by anything, though the items differ.
    """
    batch = _tried(model, padded=True)
    if batch.items[0, 0] == batch.items[0, 1]:  # nothing to choose from
        return
    scores = model.scores(batch)
    for name, tap in zip(names, taps_at(model), strict=True):
        with hooked([tap], lambda _, __, weights: _to_the_first(weights)):
            if not torch.equal(scores, model.scores(batch)):
                continue
        raise WorkbenchError(
            f"no score depends on what passes {name}, so that it is not the attention that the "
            "model uses. Name the softmax, or the dropout after it, whose output is multiplied "
            "with the values; a model whose values are all 0 has to be trained first."
        )


@torch.no_grad()
def tell_changed(model: AttentionModel, names: Sequence[str]) -> None:
    """Warn of weights that are changed after they have passed, before they meet the values.

    Parameters
    ----------
    model : what is tried.
    names : of the submodules where weights pass, by layer.
    """
    followed = Followed()

    def follow(tap: AttentionTap, _: object, weights: Tensor) -> None:
        followed.passed(tap.layer, weights)

    with hooked(taps_at(model), follow), followed:
        model.scores(_tried(model, padded=False))
    if followed.changed:
        changed = [names[layer] for layer in sorted(followed.changed)]
        warnings.warn(
            f"what passes {listing(changed, 3)} is changed before it meets the values, as by a "
            "gate, so that what is recorded is not all that acts; where the rows of what does act "
            "sum to one, let it pass a module, and name that.",
            WorkbenchWarning,
            stacklevel=3,
        )


@torch.no_grad()
def check_longest(model: Foreign) -> None:
    """Try a history of as many items as the model is said to read.

    Raises
    ------
    WorkbenchError
        If that fails.
    """
    length = model.config.max_length
    items = torch.arange(length)[None] % model.config.n_items + 1
    try:
        model.raw_scores(made_up(model, items, torch.tensor([length])))
    except (RuntimeError, IndexError) as error:
        raise WorkbenchError(
            f"the module fails on a history of max_length={length} items "
            f"({' '.join(str(error).split())}); give the number of positions that it was built for."
        ) from error


def _to_the_first(weights: Tensor) -> Tensor:
    """Weights [B, H, Q, L] of rows that attend to the first item alone."""
    changed = torch.zeros_like(weights)
    changed[..., 0] = 1
    return changed


def _tried(model: Model, *, padded: bool) -> Batch:
    """A long history and a short one, or two short ones, whose items differ if there are enough."""
    long = min(LONG, model.config.max_length)
    short = min(SHORT, max(long - 1, 1))
    lengths = torch.tensor([long if padded else short, short])
    places = torch.arange(int(lengths[0]))
    items = (places % model.config.n_items + 1) * (places < lengths[:, None])
    return made_up(model, items, lengths)


def _differ(scores: Tensor, others: Tensor) -> bool:
    """Whether scores differ by more than a pass is inexact.

    That is measured by those that are not the same, since items may be masked by a huge number.
    """
    apart = scores != others
    pairs = torch.stack([scores[apart], others[apart]]).double()
    kind = torch.finfo(scores.dtype)
    steps = 1e3 if kind.bits >= 32 else 16  # in which half precision is a number of two digits
    size = float(pairs[pairs.isfinite()].abs().max()) if pairs.isfinite().any() else 0.0
    return not torch.allclose(pairs[0], pairs[1], rtol=0.0, atol=steps * kind.eps * size)
