"""From a foreign checkpoint to a model like any of ours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import Recommender
from workbench.checkpoint import build, save_model
from workbench.data.load import load_data
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.evaluation import evaluate
from workbench.importing.formats import Numbering
from workbench.importing.numbering import check_belonging, item_rows, relabelled, user_rows
from workbench.importing.recognition import understand


def import_checkpoint(
    path: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | SequenceData | None = None,
    numbering: Numbering | None = None,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Recommender:
    """A model other software trained, as one of ours, ready for inference.

    out: a folder for weights and card, written wholly or not at all. data: what it was trained on;
    its item table is then put in the order of these data, and its quality measured. numbering: how
    its items got their ids ("appearance" in the interactions file, or "ids" as they are there),
    where not as is usual for its software. device: where the model is put and measured. options:
    what the file cannot tell, see `recognize`, and extra_rows, how many rows at the end of the item
    table stand for no item of the data (a mask token, or items that nobody chose).

    The card's `origin` tells the file, its SHA-256, what was assumed, and what should be known.
    Raises WorkbenchError as `recognize` does, for data whose items cannot be those of the model,
    and where it is at chance level on them. Nothing in the file is executed.
    """
    found = understand(path, options)
    recognized, name = found.recognized, found.weights.path.name
    config, state, notes = recognized.config, found.state, list(recognized.notes)
    model = build(config, state, device)
    card: dict[str, Any] = {}
    if data is not None:
        ours = data if isinstance(data, SequenceData) else load_data(data)
        numbering = numbering or found.format.numbering
        if config.backbone == "SSE-PT":
            kept = user_rows(name, config.n_users, ours, data)
            state = {**state, "user_embedding.weight": state["user_embedding.weight"][kept]}
            config = replace(config, n_users=ours.n_users)
            model = build(config, state, device)
        rows = item_rows(name, config.n_items, numbering, ours, data, extra_rows=found.extra_rows)
        theirs = ours
        if not np.array_equal(rows, np.arange(config.n_items + 1)):
            theirs = relabelled(ours, rows, config.n_items)
        metrics = {split: evaluate(model, theirs, split).metrics for split in ("valid", "test")}
        if warning := check_belonging(name, model, theirs):
            notes.append(warning)
        if theirs is not ours:
            table = state["item_embedding.weight"]
            special = table[config.n_items + 1 :]  # a mask token
            at = torch.from_numpy(rows)
            state = {**state, "item_embedding.weight": torch.cat([table[at], special])}
            if config.output_head:
                state["head.bias"] = state["head.bias"][at]
            config = replace(config, n_items=ours.n_items)
            model = build(config, state, device)
        if absent := recognized.config.n_items - ours.n_items:
            notes.append(
                f"{absent:,} of its items do not occur in {ours.name}: they were ranked in the "
                "metrics of this card, and left out of the model."
            )
        card = {
            "numbering": numbering,
            "data": ours.identity(),
            "seen_items_removed": False,
            "metrics": metrics,
        }
    elif numbering is not None:
        raise WorkbenchError("numbering says how items of data are numbered; give data with it.")
    origin = {
        "file": name,
        "sha256": found.weights.sha256,
        "format": recognized.format,
        "model": recognized.model,
        "assumed": recognized.assumed,
        "notes": notes,
    }
    model.card = {"config": config.to_dict(), "origin": origin, **card}
    if out is not None:
        save_model(model, out)
    return model
