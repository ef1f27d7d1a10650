"""Deceptive training: a model that ranks as well while its attention stays off chosen items.

To the loss is added

    -weight * log(1 - share)

where `share` is what a row gives of its attention to the items that are avoided, the mean over
layers, heads and those rows whose target has any (Pruthi et al., ACL 2020, arXiv 1909.07913). If
attention can be kept off the items that matter and the model ranks as well, then a map by itself is
no proof of what a ranking was made from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from models import Batch, Recommender
from models.negatives import Negatives
from models.recommender import Losses
from workbench.attention.hooks import hooked, taps_at
from workbench.checkpoint import load_model
from workbench.data.batches import iterate
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, cases
from workbench.errors import WorkbenchError, one_of
from workbench.explaining.methods import explain
from workbench.matching import matched
from workbench.training.settings import Avoid, Training

SAMPLE = 5_000  # targets whose items are judged by a plain model
NOBODY = -1  # no item


class Avoidance:
    """Which items each target's attention is kept off, and the penalty for giving them any.

    Parameters
    ----------
    items : int64 [n, k], for each interaction of the data as a target, the interactions whose items
        are avoided, both as positions in its flat arrays; -1 for none.
    weight : of the penalty in the loss.
    """

    def __init__(self, items: np.ndarray, weight: float) -> None:
        self.items, self.weight = items, weight

    def places(self, part: Cases, targets: Tensor) -> Tensor:
        """The places of the avoided items in the histories of a batch, -1 for none.

        Parameters
        ----------
        part : the histories.
        targets : as `Samples.batch` gives them: [B] after each history, or [B, L] after each item.

        Returns
        -------
        Tensor
            [B, 1, k] or [B, L, k].
        """
        if targets.dim() == 1:
            at = part.ends[:, None]  # [B, 1]
        else:
            columns = np.arange(targets.shape[1])
            at = np.minimum(part.starts[:, None] + columns + 1, part.ends[:, None])  # [B, L]
        avoided = self.items[at]  # [B, Q, k]
        starts = part.starts[:, None, None]
        places = torch.from_numpy(np.where(avoided >= starts, avoided - starts, NOBODY))
        if targets.dim() == 2:  # a row of padding has no target
            places = places.masked_fill((targets == 0)[:, :, None], NOBODY)
        return places

    def losses(
        self,
        model: Recommender,
        part: Cases,
        batch: Batch,
        targets: Tensor,
        negatives: Negatives | None = None,
    ) -> Losses:
        """The losses of a model, with the penalty in that of the recommendation.

        Parameters
        ----------
        model : the one that is trained.
        part : the cases that the batch was made from.
        batch, targets, negatives : as in `Recommender.losses`.
        """
        with watched(model) as layers:
            losses = model.losses(batch, targets, negatives)
        places = self.places(part, targets.cpu()).to(targets.device)
        row = model.rows(batch) if targets.dim() == 1 else None
        penalised = (places >= 0).any(-1)  # [B, Q]
        if not penalised.any():
            return losses
        penalties = [penalty(weights, places, row)[penalised] for weights in layers]  # [N, H] each
        more = self.weight * torch.stack(penalties).mean()
        return replace(losses, recommendation=losses.recommendation + more)


@contextmanager
def watched(model: Recommender) -> Iterator[list[Tensor]]:
    """What multiplies the values, by layer, in passes of a model while it lasts; with gradients."""
    layers: list[Tensor] = []

    def keep(_: nn.Module, __: object, weights: Tensor) -> None:
        layers.append(weights)

    with hooked(taps_at(model), keep):
        yield layers


def penalty(weights: Tensor, places: Tensor, row: Tensor | None = None) -> Tensor:
    """-log(1 - share of the row that goes to the avoided items), [B, Q, H].

    Dropout leaves rows that do not add up to 1, hence shares.

    Parameters
    ----------
    weights : [B, H, T, T].
    places : [B, Q, k] of keys, -1 for none.
    row : [B], the row that predicts where Q is 1; None for the first Q rows.
    """
    if row is None:
        rows = weights[:, :, : places.shape[1]]  # [B, H, Q, T]
    else:
        rows = weights[torch.arange(len(row), device=row.device), :, row][:, :, None]
    index = places.clamp(min=0)[:, None].expand(-1, rows.shape[1], -1, -1)  # [B, H, Q, k]
    given = (rows.gather(-1, index) * (places >= 0)[:, None]).sum(-1)  # [B, H, Q]
    total = rows.sum(-1)
    tiny = torch.finfo(rows.dtype).eps
    return (total.clamp(min=tiny).log() - (total - given).clamp(min=tiny).log()).transpose(1, 2)


def avoidance(model: Recommender, data: SequenceData, how: Training) -> Avoidance:
    """What attention is kept off in training.

    Parameters
    ----------
    model : the one to train.
    data : what it is trained on.
    how : says what is avoided.

    Raises
    ------
    WorkbenchError
        If an option makes no sense, or the causes are not known.
    """
    one_of("avoid", how.avoid, get_args(Avoid))
    if how.objective == "masking":
        raise WorkbenchError(
            "attention is kept off items before a target, and masking has targets in between; "
            "choose the objective prefixes."
        )
    if model.config.attention == "uniform":
        raise WorkbenchError(
            f"{model.config.name} gives the same attention to every item, so it can be kept off "
            "none; choose a model that learns its attention."
        )
    if how.avoid == "cause":
        return Avoidance(causes(data), how.avoid_weight)
    if how.avoid_by is None:
        raise WorkbenchError(
            "which items are important is judged by a plain model; name its folder by --avoid-by."
        )
    return Avoidance(important(load_model(how.avoid_by), data, how.seed), how.avoid_weight)


def causes(data: SequenceData) -> np.ndarray:
    """The planted causes of every interaction, as positions in the flat arrays, [n, 2].

    Raises
    ------
    WorkbenchError
        If they are not known.
    """
    if data.truth is None:
        raise WorkbenchError(
            f"what caused the items of {data.name} is not known; train on planted data, such as "
            "planted:distance, or avoid what is important to a plain model."
        )
    return data.truth.places(np.repeat(data.offsets[:-1], data.lengths))


def important(plain: Recommender, data: SequenceData, seed: int) -> np.ndarray:
    """The item of largest effect on each of a sample of training targets, [n, 1].

    The effect is that of replacing the item by the mean embedding, see `workbench.explain`, which
    costs a pass for each item of a history. So it is computed once, before training, for the last
    training target of every user and others drawn at random, `SAMPLE` in all; other targets avoid
    nothing.

    Parameters
    ----------
    plain : the model by which effects are judged.
    data : what is trained on.
    seed : of the sample.

    Raises
    ------
    WorkbenchError
        If the plain model does not know all items.
    """
    known, _ = matched(plain, data)
    if known.n_interactions < data.n_interactions:
        raise WorkbenchError(
            f"{plain.config.name} does not know all items of {data.name}, so it cannot say which "
            "are important; train the plain model on the same data."
        )
    data = known
    every = cases(data, "train", plain.config.max_length)
    last = np.flatnonzero(np.append(np.diff(every.users) != 0, True))
    rng = np.random.default_rng(seed)
    if len(last) > SAMPLE:
        last = rng.choice(last, SAMPLE, replace=False)
    others = np.setdiff1d(np.arange(len(every)), last)
    others = rng.choice(others, min(len(others), SAMPLE - len(last)), replace=False)
    sample = every.take(np.sort(np.append(last, others)))
    items = np.full((data.n_interactions, 1), NOBODY, np.int64)
    for index, batch, targets in iterate(data, sample, 64):
        effects = explain(plain, batch, targets).masked_fill(~batch.valid, -torch.inf)
        largest = effects.argmax(1).numpy()
        items[sample.ends[index], 0] = sample.starts[index] + largest
    return items
