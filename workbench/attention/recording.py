"""Reading attention weights as they pass, without changing them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from models import AttentionTap, Batch
from workbench.attention.hooks import hooked, taps_at
from workbench.attention.known_batch import known_batch
from workbench.errors import WorkbenchError, loaded, several
from workbench.mode import evaluation_mode
from workbench.model import AttentionModel, Model, with_attention

Rows = Literal["prediction", "all"]


@torch.no_grad()
def record_attention(
    model: Model, batch: Batch, *, stages: Sequence[str] = ("attention",), rows: Rows = "prediction"
) -> dict[str, Tensor]:
    """Attention weights of every layer, from one pass in evaluation mode.

    Parameters
    ----------
    model, batch : T tokens pass through the model: the L items of the longest history and, in some,
        a mask token, or one that stands for padding. The batch may be on another device than the
        model.
    stages : where the weights are read; `model.stages` names the points.
    rows : "prediction", what the prediction row gives to each item, or "all" rows and tokens.

    Returns
    -------
    dict
        Stage -> [B, n_layers, H, L] for the prediction row, without the share of a token that is no
        item; or [B, n_layers, H, T, T] for all rows. On the device of the batch. Layers and heads
        count from 0 here, and from 1 in names: "attention layer 1 head 2" is [:, 0, 1].

    Raises
    ------
    WorkbenchError
        If the model has no attention, or no such stage, or one of the two is something else.
    """
    attentive, home = with_stages(model, stages), known_batch(batch).items.device
    batch = batch.to(model.device)
    with recording(model, batch, stages=stages, rows=rows) as recorded:
        attentive(batch)
    return {stage: weights.to(home) for stage, weights in recorded.items()}


@contextmanager
def recording(
    model: Model, batch: Batch, *, stages: Sequence[str] = ("attention",), rows: Rows = "prediction"
) -> Iterator[dict[str, Tensor]]:
    """Record the attention weights of the pass that the block runs, in evaluation mode.

    Parameters
    ----------
    model, batch : as in `record_attention`, the batch on the device of the model.
    stages, rows : as in `record_attention`.

    Yields
    ------
    dict
        Empty, and what `record_attention` gives once the block is left.

    Raises
    ------
    WorkbenchError
        If the model has no attention, or no such stage.
    """
    model, batch = with_stages(model, stages), known_batch(batch)
    passed: dict[str, dict[int, Tensor]] = {stage: {} for stage in stages}  # by layer
    at, row = torch.arange(len(batch.items), device=batch.items.device), model.rows(batch)
    width = batch.items.shape[1]
    outside = ~model.history(batch)[:, None, :width]  # [B, 1, L]

    def keep(tap: nn.Module, _: object, weights: Tensor) -> None:
        assert isinstance(tap, AttentionTap)
        weights = weights.detach()
        if rows == "prediction":
            weights = weights[at, :, row, :width].masked_fill(outside, 0.0)
        passed[tap.stage][tap.layer] = weights

    recorded: dict[str, Tensor] = {}
    with hooked(taps_at(model, *stages), keep), evaluation_mode(model):
        yield recorded
    recorded |= {stage: torch.stack([*layers.values()], 1) for stage, layers in passed.items()}


def mean_attention(model: Model, batch: Batch) -> Tensor:
    """What the prediction row gives to each item, [B, L]: the mean over layers and heads.

    Parameters
    ----------
    model, batch : what attends, and to which histories; see `record_attention`.

    Raises
    ------
    WorkbenchError
        If the model has no attention.
    """
    return record_attention(model, batch)["attention"].mean((1, 2))


def with_stages(model: Model, stages: Sequence[str]) -> AttentionModel:
    """The same model, known to have attention at these stages.

    Raises
    ------
    WorkbenchError
        If it has no attention, or not at one of the stages.
    """
    loaded(model, "workbench.load_model", "config")
    attentive = with_attention(model)
    several("stages", stages)
    for stage in stages:
        if stage not in model.stages:
            raise WorkbenchError(
                f"{model.config.name} has no attention stage {stage!r}; "
                f"it has {', '.join(model.stages)}."
            )
    return attentive
