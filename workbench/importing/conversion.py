"""From a foreign checkpoint to a model like any of ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import Recommender
from workbench.cards import on_card
from workbench.checkpoint import build, save_model, with_rows
from workbench.data.load import load_data
from workbench.data.sequences import PAD, SequenceData
from workbench.errors import WorkbenchError
from workbench.evaluation import evaluate
from workbench.importing.format import Numbering
from workbench.importing.numbering import (
    best_rows,
    check_belonging,
    check_times,
    item_rows,
    relabelled,
    user_rows,
)
from workbench.importing.recognition import Undecided, Understood, understand
from workbench.model_folders import CARD


def import_checkpoint(
    path: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | SequenceData | None = None,
    numbering: Numbering | None = None,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Recommender:
    """Convert a model that other software trained to one of ours, ready for inference.

    Nothing in the file is executed. If an option would have to say which model it is, and none
    does, the data decide: the model that ranks their validation items best is taken.

    Parameters
    ----------
    path : the checkpoint file.
    out : a folder for weights and card, written wholly or not at all.
    data : what the model was trained on. Its item table is then put in the order of these data,
        and its quality is measured.
    numbering : how its items got their ids, if not as usual for its software: "appearance" in the
        interactions file, "ids" as they are in that file, "sorted" in the order of these ids, or
        "tokens", which the checkpoint holds.
    device : where the model is put and measured.
    options : what the file does not say, see `recognize`; and extra_rows, how many rows at the end
        of the item table stand for no item of the data (a mask token, or items that nobody chose).

    Returns
    -------
    Recommender
        The model. Its card's `origin` holds the file, its SHA-256, what was assumed, and what
        should be known; its card's `item_ids` are the names of the items 1, 2, ..., if the
        checkpoint has them.

    Raises
    ------
    Undecided
        If an option has to say which model it is, and no data are given.
    WorkbenchError
        If the file is not recognized (see `recognize`), the items or users of the data cannot be
        those of the model, the model is at chance level on the data, a numbering is given without
        data, or the folder holds a model that was not imported.
    """
    if out is not None:
        _check_imported(Path(out))
    candidates = _candidates(path, options, decidable=data is not None)
    ours = data if data is None or isinstance(data, SequenceData) else load_data(data)
    understood, figures = _best(candidates, numbering, ours, device)
    recognized, notes = understood.recognized, understood.recognized.notes + figures
    model = build(recognized.config, understood.state, device)
    if ours is not None:
        model, card, more = _put_in_order(model, understood, numbering, ours)
        notes += more
    elif numbering is not None:
        raise WorkbenchError("numbering says how items of data are numbered; give data with it.")
    else:
        card = {}
        if understood.item_ids is not None:
            card["item_ids"] = understood.item_ids
            model.item_ids = np.array([PAD, *understood.item_ids], dtype=object)
    origin = {
        "file": understood.weights.path.name,
        "sha256": understood.weights.sha256,
        "format": recognized.format,
        "model": recognized.model,
        "assumed": recognized.assumed,
        "notes": notes,
    }
    model.card = {"config": model.config.to_dict(), "origin": origin, **card}
    if out is not None:
        save_model(model, out)
    return model


def _put_in_order(
    model: Recommender,
    understood: Understood,
    numbering: Numbering | None,
    ours: SequenceData,
) -> tuple[Recommender, dict[str, Any], list[str]]:
    """The model with its items and users in the order of our data, which it learned from.

    Also what its card says of them and of its quality, and what should be known.
    """
    name, notes = understood.weights.path.name, []
    numbering = numbering or understood.format.numbering
    check_times(name, model, ours)
    if model.needs_users:
        model = with_rows(model, users=user_rows(name, model.config.n_users, ours))
    rows, chosen = _rows(understood, model, numbering, ours)
    if chosen:
        notes.append(chosen)
    theirs = _in_their_ids(understood, rows, ours)
    quality = on_card({split: evaluate(model, theirs, split) for split in ("valid", "test")})
    if warning := check_belonging(name, model, theirs):
        notes.append(warning)
    if theirs is not ours:
        model = with_rows(model, items=rows)
    if absent := understood.recognized.config.n_items - ours.n_items:
        notes.append(
            f"{absent:,} of its items do not occur in {ours.name}: they were ranked in the "
            "metrics of this card, and left out of the model."
        )
    model.item_ids, model.user_ids = ours.item_ids, ours.user_ids if model.needs_users else None
    card: dict[str, Any] = {}
    if understood.item_ids is not None:
        card["item_ids"] = [understood.item_ids[row - 1] for row in rows[1:]]
    card |= {"numbering": numbering, "data": ours.identity(), **quality}
    return model, card, notes


def _check_imported(folder: Path) -> None:
    """Raise WorkbenchError if a folder holds a model that came there otherwise."""
    if not (folder / CARD).exists():
        return
    try:
        imported = "origin" in json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        imported = False
    if not imported:
        raise WorkbenchError(
            f"{folder}: holds a model that was not imported; choose another folder, or delete it."
        )


def _candidates(
    path: str | Path, options: dict[str, Any], *, decidable: bool
) -> dict[str, Understood]:
    """The file as understood; where data may decide what it is, each way, by its option."""
    try:
        return {"": understand(path, options)}
    except Undecided as undecided:
        if not decidable:
            raise
        return {
            f"{undecided.option}={choice}": understand(path, options | {undecided.option: choice})
            for choice in undecided.choices
        }


def _best(
    candidates: dict[str, Understood],
    numbering: Numbering | None,
    ours: SequenceData | None,
    device: str | torch.device,
) -> tuple[Understood, list[str]]:
    """The only candidate, or the one that ranks validation items best, with a note of all."""
    if ours is None or len(candidates) == 1:
        return next(iter(candidates.values())), []
    reached: dict[str, float] = {}
    for option, understood in candidates.items():
        model = build(understood.recognized.config, understood.state, device)
        rows, _ = _rows(understood, model, numbering or understood.format.numbering, ours)
        measured = evaluate(model, _in_their_ids(understood, rows, ours), "valid")
        reached[option] = measured.metrics["ndcg@10"]
    best = max(reached, key=lambda option: reached[option])
    figures = ", ".join(f"{option} {quality:.4f}" for option, quality in reached.items())
    note = (
        f"The file does not tell which model it is; {best} was chosen, which ranks the validation "
        f"items best (NDCG@10: {figures})."
    )
    return candidates[best], [note]


def _rows(
    understood: Understood, model: Recommender, numbering: Numbering, ours: SequenceData
) -> tuple[np.ndarray, str | None]:
    """Their id of each of our items, and a note where there was a choice; see `best_rows`."""
    name = understood.weights.path.name
    possible = item_rows(
        name,
        understood.recognized.config.n_items,
        numbering,
        ours,
        extra_rows=understood.extra_rows,
        item_ids=understood.item_ids,
    )
    return best_rows(name, model, ours, possible)


def _in_their_ids(understood: Understood, rows: np.ndarray, ours: SequenceData) -> SequenceData:
    n_items = understood.recognized.config.n_items
    if np.array_equal(rows, np.arange(n_items + 1)):
        return ours
    return relabelled(ours, rows, n_items)
