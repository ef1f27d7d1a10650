"""Reading attention weights as they pass, without changing them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from models import AttentionTap, Batch
from workbench.errors import WorkbenchError
from workbench.mode import evaluation_mode

Rows = Literal["prediction", "all"]


@torch.no_grad()
def record_attention(
    model: Any, batch: Batch, *, stages: Sequence[str] = ("attention",), rows: Rows = "prediction"
) -> dict[str, Tensor]:
    """Attention weights of every layer, from one pass.

    Returns stage -> [B, n_layers, H, L], what the prediction row gives to each item of the history
    (a mask token of BERT4Rec has a share of its own, which is left out), or all of
    [B, n_layers, H, T, T]. The model is in evaluation mode meanwhile. Raises WorkbenchError for a
    stage the model does not have.
    """
    check_stages(model, stages)
    found: dict[str, list[Tensor]] = {stage: [] for stage in stages}
    at, row = torch.arange(len(batch.items), device=batch.items.device), model.rows(batch)
    width = batch.items.shape[1]
    outside = ~model.history(batch)[:, None, :width]  # [B, 1, L]

    def keep(tap: nn.Module, _: object, weights: Tensor) -> None:
        assert isinstance(tap, AttentionTap)
        if rows == "prediction":
            weights = weights[at, :, row, :width].masked_fill(outside, 0.0)
        found[tap.stage].append(weights)

    handles: list[RemovableHandle] = []
    try:
        for tap in model.taps():
            if tap.stage in found:
                handles.append(tap.register_forward_hook(keep))
        with evaluation_mode(model):
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return {stage: torch.stack(layers, 1) for stage, layers in found.items()}


def check_stages(model: Any, stages: Sequence[str]) -> None:
    """Raise WorkbenchError for a stage the model does not have."""
    for stage in stages:
        if stage not in model.stages:
            raise WorkbenchError(
                f"{model.config.name} has no attention stage {stage!r}; "
                f"it has {', '.join(model.stages)}."
            )
