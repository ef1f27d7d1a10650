"""Changing attention weights as they pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from models import AttentionTap, Batch
from workbench.attention.edits import Edit
from workbench.attention.recording import Rows, with_stages
from workbench.errors import WorkbenchError
from workbench.mode import evaluation_mode
from workbench.model import Model


@contextmanager
def edit_attention(
    model: Model,
    edit: Edit,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    rows: Rows = "prediction",
    stage: str = "attention",
) -> Iterator[None]:
    """While it lasts, every pass of the model runs with edited weights, in evaluation mode.

    Items of the history are edited among themselves: what a row gives to a mask token, or to
    padding that may be attended to, stays.

    Parameters
    ----------
    model : the model whose passes are edited.
    edit : what becomes of the weights, see `workbench.attention.edits`.
    layers, heads : which ones, from 0; all where None.
    rows : "prediction", the prediction row only, or "all" rows.
    stage : where the weights are changed; `model.stages` names the points.

    Raises
    ------
    WorkbenchError
        If the model has no attention, or no such stage, layer or head.
    """
    model = with_stages(model, [stage])
    _within("layer", layers, model.config.n_layers, model)
    _within("head", heads, model.config.n_heads, model)
    seen: dict[str, Any] = {}

    def remember(_: nn.Module, args: tuple[Any, ...]) -> None:
        batch: Batch = args[0]
        seen["rows"], seen["items"] = model.rows(batch), model.history(batch)[:, None]  # [B, 1, T]
        seen["allowed"] = model.allowed(batch) & seen["items"][:, :, None]  # [B, 1, T, T]
        seen["others"] = (
            seen["items"].shape[-1] > batch.items.shape[1]
        )  # by a token that is no item

    def among_items(weights: Tensor, allowed: Tensor, items: Tensor) -> Tensor:
        if not seen["others"]:
            return edit(weights, allowed)
        kept = weights.masked_fill(items, 0.0)
        given = weights.masked_fill(~items, 0.0)
        share = given.sum(-1, keepdim=True).clamp(min=torch.finfo(given.dtype).tiny)
        edited = edit(given / share, allowed) * share + kept  # an edit is of a distribution
        return torch.where(allowed.any(-1, keepdim=True), edited, weights)

    def change(_: nn.Module, __: object, weights: Tensor) -> Tensor:
        allowed, items, row = seen["allowed"], seen["items"], seen["rows"]
        chosen = slice(None) if heads is None else list(heads)
        if rows == "all" and heads is None:
            return among_items(weights, allowed, items[:, :, None])
        edited = weights.clone()
        if rows == "all":
            edited[:, chosen] = among_items(weights[:, chosen], allowed, items[:, :, None])
            return edited
        at = torch.arange(len(weights), device=weights.device)
        new = weights[at, :, row]  # [B, H, T]
        new[:, chosen] = among_items(new[:, chosen], allowed[at, :, row], items)
        edited[at, :, row] = new
        return edited

    handles: list[RemovableHandle] = []
    try:
        handles.append(model.register_forward_pre_hook(remember))
        for tap in model.taps():
            assert isinstance(tap, AttentionTap)
            if tap.stage == stage and (layers is None or tap.layer in layers):
                handles.append(tap.register_forward_hook(change))
        with evaluation_mode(model):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _within(what: str, chosen: Sequence[int] | None, count: int, model: Model) -> None:
    for one in chosen or ():
        if not 0 <= one < count:
            raise WorkbenchError(
                f"{model.config.name} has no {what} {one}; choose from 0 to {count - 1}."
            )
