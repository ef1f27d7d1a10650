"""A training run: its options, what a killed one goes on from, and how a finished one is told."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from models import ModelConfig, Recommender
from workbench.checkpoint import CARD, load_model
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.files import replaced_file
from workbench.training.objectives import Objective

STATE = "training.pt"


@dataclass(frozen=True)
class Training:
    """How to train.

    objective: "positions", the loss at all positions of a window, or "prefixes", every prefix a
    sample with the loss at its last position (RecBole's and the paper's), which ranks as well and
    costs more; for BERT4Rec "masking", the loss at items masked with the chance mask_ratio or, in a
    share mask_last of the samples, at the last one alone. None: masking for BERT4Rec, else
    positions. batch_size: targets in a step, whatever the objective. patience: epochs without a
    better validation NDCG@10 before it stops. device: what `choose_device` takes.
    """

    objective: Objective | None = None
    mask_ratio: float = 0.2
    mask_last: float = 0.5
    epochs: int = 100
    patience: int = 10
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    progress: bool = True


@dataclass
class Progress:
    """What a resumed run has to know."""

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def write_state(
    folder: Path, identity: Mapping[str, Any], at: Progress, tensors: Mapping[str, Any]
) -> None:
    """Keep the state of a run in its folder; a kill leaves the old one or the new one.

    identity: what must be the same for the run to be gone on with, JSON-able.
    """
    state = {
        "identity": json.dumps(identity, sort_keys=True),
        "progress": asdict(at),
        "random": torch.get_rng_state(),
        **tensors,
    }
    with replaced_file(folder / STATE) as file:
        torch.save(state, file)


def read_state(
    folder: Path, identity: Mapping[str, Any], device: torch.device
) -> tuple[Progress, dict[str, Any]] | None:
    """What `write_state` kept, None where there is none.

    Raises WorkbenchError for a file that cannot be read, or is of another run.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location=device)
    except Exception as error:
        raise WorkbenchError(f"{path}: cannot be read; delete it to start anew.") from error
    if state["identity"] != json.dumps(identity, sort_keys=True):
        raise WorkbenchError(
            f"{path}: belongs to a run with other data, model or options; delete it, or "
            "choose another folder."
        )
    return Progress(**state["progress"]), state


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a model, and no run that is to go on."""
    return (folder / CARD).exists() and not (folder / STATE).exists()


def finished_model(
    folder: Path, config: ModelConfig, how: Training, data: SequenceData
) -> Recommender | None:
    """The model of a finished folder, None where it is not finished.

    Raises WorkbenchError unless it is what these options make of these data.
    """
    if not is_finished(folder):
        return None
    try:
        model = load_model(folder)
    except WorkbenchError as error:
        raise other_model(folder) from error
    options, checksum = model.card.get("training"), model.card.get("data", {}).get("checksum")
    asked = [asdict(replace(how, progress=progress)) for progress in (False, True)]
    if model.config != config or options not in asked or checksum != data.checksum_as_read:
        raise other_model(folder)
    return model


def other_model(folder: Path) -> WorkbenchError:
    """What to raise where a finished model is not the one asked for."""
    return WorkbenchError(
        f"{folder}: holds a model that was not trained with these options on these data; choose "
        "another folder, or delete it."
    )
