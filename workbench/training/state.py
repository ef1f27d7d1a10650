"""A training run: the state that a killed run continues from, and finished runs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from models import ModelConfig, Recommender
from workbench.checkpoint import load_model
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.files import not_written, replaced_file
from workbench.model_folders import CARD
from workbench.training.objectives import check_objective
from workbench.training.sampling import check_loss
from workbench.training.settings import Training

STATE = "training.pt"
History = list[dict[str, float]]  # number, loss, seconds and validation metrics of every epoch


def settled(options: Mapping[str, Any], model: Recommender, n_items: int) -> Training:
    """The options by their names, with the objective and the loss that are taken by default.

    Raises
    ------
    WorkbenchError
        If an option is not known or out of range, or the model cannot learn so.
    """
    try:
        how = Training(**options)
    except TypeError as error:
        raise WorkbenchError(f"{str(error).rpartition(') ')[2]} for training.") from error
    return replace(
        how,
        objective=check_objective(model, how.objective),
        loss=check_loss(how.loss, how.negatives, how.gbce_t, n_items),
    )


@dataclass
class Progress:
    """How far a run is, which a resumed run has to know.

    Attributes
    ----------
    epoch : epochs that are done.
    best : the best validation NDCG@10, -1 before the first epoch.
    best_epoch : the epoch that reached it.
    history : of the epochs that are done.
    """

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: History = field(default_factory=list)


def write_state(
    folder: Path, identity: Mapping[str, Any], at: Progress, tensors: Mapping[str, Any]
) -> None:
    """Keep the state of a run in its folder; a kill leaves the old state or the new one.

    Parameters
    ----------
    folder : the folder of the run.
    identity : what must be the same for the run to be continued, JSON-able.
    at : how far the run is.
    tensors : what else to keep, by name; the state of PyTorch's random numbers is added.

    Raises
    ------
    WorkbenchError
        If it cannot be written, as on a disk that is full.
    """
    state = {
        "identity": _text(identity),
        "progress": asdict(at),
        "random": torch.get_rng_state(),
        **tensors,
    }
    path = folder / STATE
    try:
        with replaced_file(path) as aside, aside.open("wb") as file:
            torch.save(state, file)
    except OSError as error:
        raise not_written(path, error) from error
    except RuntimeError as error:  # PyTorch's own, which does not say why a write has failed
        cut = OSError("not all of it was taken, as where a disk is full")
        raise not_written(path, cut) from error


def read_state(
    folder: Path, identity: Mapping[str, Any], device: torch.device
) -> tuple[Progress, dict[str, Any]] | None:
    """What `write_state` kept, None if there is none.

    Raises
    ------
    WorkbenchError
        If the file cannot be read, or belongs to another run.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location=device)
    except Exception as error:
        raise _not_state(path) from error
    if not (isinstance(state, dict) and {"identity", "progress", "random"} <= state.keys()):
        raise _not_state(path)
    if state["identity"] != _text(identity):
        raise WorkbenchError(
            f"{path}: belongs to a run with other data, model or options; delete it, or "
            "choose another folder."
        )
    return Progress(**state["progress"]), state


def _text(identity: Mapping[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True)


def _not_state(path: Path) -> WorkbenchError:
    return WorkbenchError(f"{path}: cannot be read; delete it to start anew.")


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a model, and no state of a run that is still to be continued."""
    return (folder / CARD).exists() and not (folder / STATE).exists()


def is_begun(folder: Path) -> bool:
    """Whether a folder holds a model, or the state of a run that is still to be continued."""
    return (folder / CARD).exists() or (folder / STATE).exists()


def finished_model(
    folder: Path, config: ModelConfig, how: Training, data: SequenceData
) -> Recommender | None:
    """The model of a finished folder, wherever it was trained; None if it is not finished.

    Raises
    ------
    WorkbenchError
        If the model is not the one that these options make of these data.
    """
    if not is_finished(folder):
        return None
    try:
        model = load_model(folder)
    except WorkbenchError as error:
        raise other_model(folder) from error
    checksum = model.card.get("data", {}).get("checksum")
    trained = {**model.card.get("training", {}), "progress": how.progress, "device": how.device}
    if model.config != config or trained != asdict(how) or checksum != data.checksum_as_read:
        raise other_model(folder)
    return model


def other_model(folder: Path) -> WorkbenchError:
    """The error to raise if a finished model is not the one that was asked for."""
    return WorkbenchError(
        f"{folder}: holds a model that was not trained with these options on these data; choose "
        "another folder, or delete it."
    )
