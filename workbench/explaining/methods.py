"""Every importance by its name, and the one entry to all of them."""

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench.attention.known_batch import known_batch
from workbench.errors import WorkbenchError, WorkbenchWarning, loaded
from workbench.explaining.attention_weights import ROLLED, named, reductions
from workbench.explaining.controls import CONTROLS
from workbench.explaining.erasure import ERASURES
from workbench.explaining.gradients import GRADIENTS, READINGS, read_each
from workbench.explaining.importance import Importance
from workbench.mode import evaluation_mode
from workbench.model import Model, with_gradients
from workbench.phrases import counted
from workbench.statistics.given_numbers import tensors

OTHERS = (
    *ROLLED,
    *GRADIENTS,
    *ERASURES,
)  # a line each, so that one more is a line
FIXED = {each.name: each for each in (*CONTROLS, *OTHERS)}


def importances(model: Model) -> dict[str, Importance]:
    """The importances that serve a model, by name: controls, attention, gradients, erasure.

    Of attention these are the reductions of what multiplies the values: its mean, each layer, and
    each head. `explain` knows other stages too, such as "attention before_spatial layer 1".

    Parameters
    ----------
    model : what is explained.

    Returns
    -------
    dict
        The name that `explain` takes -> what is known of it: how it is computed, what it needs, how
        many passes it costs, and where it is from.
    """
    every = [*CONTROLS, *reductions(model), *OTHERS]
    return {each.name: each for each in every if each.serves(model)}


def importance(model: Model, name: str) -> Importance:
    """The importance of a name, for a model.

    Parameters
    ----------
    model : what is explained.
    name : as `method` of `explain`.

    Raises
    ------
    WorkbenchError
        If there is none of this name, or it does not serve the model.
    """
    if not isinstance(name, str):
        raise WorkbenchError(f"an importance is called by one name, and {name!r} is none.")
    chosen = FIXED.get(name) or named(name, model)
    if chosen is None:
        raise WorkbenchError(
            f"no importance is called {name!r}; {model.config.name} has "
            f"{', '.join(importances(model))}."
        )
    chosen.check(model)
    return chosen


def default_erasure(model: Model) -> str:
    """By which erasure an item is taken from a history: "replacement" where a model can.

    A model that gives no item embeddings knows deletion alone.
    """
    return "replacement" if FIXED["replacement"].serves(model) else "deletion"


def explain(
    model: Model,
    batch: Batch,
    targets: Tensor | np.ndarray,
    method: str = "replacement",
    *,
    seed: int = 0,
) -> Tensor:
    """How important every history item is for the score of a target.

    The model is in evaluation mode meanwhile.

    Parameters
    ----------
    model : any model that gives what the method needs.
    batch : the histories. It may be on another device than the model.
    targets : [B] items, whole numbers; also as an array of NumPy or a list.
    method : a name that `importances` lists. "attention", which may be followed by a stage, a layer
        and a head, as in "attention before_spatial layer 1 head 2"; means over others.
    seed : of what is random in a method: "random" alone.

    Returns
    -------
    Tensor
        [B, L], zero at padding, on the device of the batch; the higher, the more the item is said
        to do for the target. In units of the score where items are taken away (by how much it falls
        without the item; below 0 it rises) and of gradients times embeddings; of attention, shares
        of the prediction row. NaN where an item cannot be taken away: for a deletion, the only item
        of a history.

    Warns
    -----
    WorkbenchWarning
        If other numbers are NaN, too, as where the model gives no number as a score.

    Raises
    ------
    WorkbenchError
        If there is no such method, it does not serve the model, the targets are others, or a method
        of gradients is asked for within `torch.inference_mode()`.
    """
    found = explain_each(model, batch, targets, [method], seed=seed)[method]
    several = batch.lengths > 1  # the only item of a history may be what cannot be taken away
    if unknown := int((found.isnan().any(1) & several).sum()):
        warnings.warn(
            f"{model.config.name} gives no number (NaN) from which {method!r} could tell what "
            f"matters in {counted(unknown, 'history', 'histories')}; half precision that runs over "
            "does so, or a row of attention without an item.",
            WorkbenchWarning,
            stacklevel=2,
        )
    return found


def explain_each(
    model: Model,
    batch: Batch,
    targets: Tensor | np.ndarray,
    methods: Iterable[str],
    *,
    seed: int = 0,
) -> dict[str, Tensor]:
    """What `explain` gives by several methods, [B, L] each; they share what gradients they read.

    Parameters and errors as in `explain`; nobody is warned.
    """
    loaded(model, "workbench.load_model", "config")
    chosen = {name: importance(model, name) for name in methods}
    batch, (targets,) = known_batch(batch), tensors(targets=targets)
    n, n_items = len(batch.items), model.config.n_items
    fit = targets.shape == (n,) and not targets.is_floating_point() and targets.dtype != torch.bool
    if not fit or not ((targets > 0) & (targets <= n_items)).all():
        raise WorkbenchError(
            f"targets are an item from 1 to {n_items:,} for each of the {n:,} histories, and what "
            f"was given has the shape {list(targets.shape)}{_span(targets)}, and is "
            f"{targets.dtype}; give whole numbers, such as the second of the two that "
            "workbench.held_out makes."
        )
    targets = targets.long()
    home = batch.items.device
    batch, targets = batch.to(model.device), targets.to(model.device)
    read = [name for name in chosen if name in READINGS]
    with evaluation_mode(model):
        values = read_each(with_gradients(model), batch, targets, read) if read else {}
        for name, each in chosen.items():
            if name not in values:
                values[name] = each.compute(model, batch, targets, seed)
    return {
        name: each.detach().masked_fill(~batch.valid, 0.0).to(home) for name, each in values.items()
    }


def _span(targets: Tensor) -> str:
    """From which to which number they go, in words."""
    return f", from {int(targets.min()):,} to {int(targets.max()):,}" if targets.numel() else ""
