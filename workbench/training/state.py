"""A training run: its options, the state that a killed run continues from, and finished runs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from models import ModelConfig, Recommender
from workbench.checkpoint import CARD, load_model
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.files import replaced_file
from workbench.training.objectives import Objective, check_objective
from workbench.training.sampling import Loss, check_loss

STATE = "training.pt"
History = list[dict[str, float]]  # number, loss, seconds and validation metrics of every epoch
Avoid = Literal["cause", "important"]


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes
    ----------
    objective : "positions", the loss at all positions of a window; "prefixes", every prefix as a
        sample with the loss at its last position (RecBole's and the paper's), which ranks as well
        and costs more; "masking", for BERT4Rec, the loss at masked items. None is masking for
        BERT4Rec and positions for the others.
    loss : "exact", the cross-entropy over all items; "sampled", the same estimated from items that
        are drawn for each step; "gbce", the generalised binary cross-entropy of gSASRec over drawn
        ones. With either of these, rows of item tables are updated where a step has them (lazy
        Adam). None is exact up to `workbench.training.sampling.EXACT_UP_TO` items, then sampled.
    negatives : how many items are drawn for a step, shared by all of its targets.
    gbce_t : for "gbce", how far scores are calibrated, from 0 to 1.
    mask_ratio : the chance of an item to be masked.
    mask_last : the share of the samples in which only the last item is masked.
    epochs : how many epochs at most.
    patience : how many epochs without a better validation NDCG@10 before training stops.
    batch_size : targets in a step, for every objective.
    learning_rate, weight_decay : of the optimizer, Adam.
    seed : of everything random.
    device : a name that `choose_device` takes.
    precision : a name that Lightning Fabric takes, such as "32-true" or "bf16-mixed".
    avoid : what attention is kept off, see `workbench.training.avoidance`; None for nothing.
        "cause": the planted causes of each target; "important": what matters most to a plain model.
    avoid_by : that plain model, a folder or a name.
    avoid_weight : of the penalty for attention to what is avoided.
    progress : whether bars and lines are shown.
    """

    objective: Objective | None = None
    loss: Loss | None = None
    negatives: int = 256
    gbce_t: float = 0.75
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
    avoid: Avoid | None = None
    avoid_by: str | None = None
    avoid_weight: float = 0.1
    progress: bool = True


def settled(how: Training, model: Recommender, n_items: int) -> Training:
    """The options with the objective and the loss that are taken where none is named.

    Raises
    ------
    WorkbenchError
        If the model cannot learn so, or an option is out of range.
    """
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
        raise WorkbenchError(f"{path}: cannot be read; delete it to start anew.") from error
    if state["identity"] != json.dumps(identity, sort_keys=True):
        raise WorkbenchError(
            f"{path}: belongs to a run with other data, model or options; delete it, or "
            "choose another folder."
        )
    return Progress(**state["progress"]), state


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a model, and no state of a run that is still to be continued."""
    return (folder / CARD).exists() and not (folder / STATE).exists()


def finished_model(
    folder: Path, config: ModelConfig, how: Training, data: SequenceData
) -> Recommender | None:
    """The model of a finished folder, None if it is not finished.

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
    try:
        options = {"loss": "exact", **model.card.get("training", {})}  # the only one there was
        trained = replace(Training(**options), progress=how.progress)
    except TypeError as error:  # options that are not known here
        raise other_model(folder) from error
    if model.config != config or trained != how or checksum != data.checksum_as_read:
        raise other_model(folder)
    return model


def other_model(folder: Path) -> WorkbenchError:
    """The error to raise if a finished model is not the one that was asked for."""
    return WorkbenchError(
        f"{folder}: holds a model that was not trained with these options on these data; choose "
        "another folder, or delete it."
    )
