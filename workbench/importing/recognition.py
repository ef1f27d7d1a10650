"""What a file holds: of which software and model, and with which configuration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from models import ModelConfig
from models.config import Backbone
from workbench.checkpoint import check_shapes
from workbench.errors import WorkbenchError
from workbench.importing.configuration import Told, configure
from workbench.importing.formats import BACKBONE_MARKS, BACKBONE_NAMES, FORMATS, STRANGERS, Format
from workbench.importing.weights import Weights, read_weights


@dataclass(frozen=True)
class Recognized:
    """What a file was found to be.

    format: the software, such as "RecBole". model: its model in our words, such as "AC-SASRec".
    config: as inferred. assumed: options the file cannot tell, with the values taken. notes:
    sentences a person should read.
    """

    format: str
    model: str
    config: ModelConfig
    assumed: dict[str, object]
    notes: list[str]


@dataclass(frozen=True)
class Understood:
    """Recognized, and the weights under our names; extra_rows of the item table were left out."""

    recognized: Recognized
    format: Format
    weights: Weights
    state: dict[str, Tensor]
    extra_rows: int


def recognize(path: str | Path, **options: Any) -> Recognized:
    """What a checkpoint of other software holds. Nothing in the file is executed.

    options: what the file cannot tell (`assumed` lists it), such as n_heads. Raises WorkbenchError
    for a file that is no checkpoint, one of an architecture the workbench does not have, or an
    option that the file itself tells.
    """
    return understand(path, options).recognized


def understand(path: str | Path, options: Mapping[str, Any]) -> Understood:
    """`recognize`, with the weights."""
    weights = read_weights(path)
    format = _format(weights)
    backbone = _backbone(weights, format)
    state = _renamed(weights, format)
    told = Told(weights.settings, format, dict(options))
    try:
        config, extra_rows = configure(told, state, backbone)
        check_shapes(config, {name: tensor.shape for name, tensor in state.items()})
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WorkbenchError(
            f"{weights.path} looks like {format.name} {backbone}, but cannot be taken as one: "
            f"{reason}."
        ) from error
    if told.options:
        untold = "it tells everything, so leave options out"
        if told.assumed:
            untold = f"what it does not tell is {', '.join(told.assumed)}"
        raise WorkbenchError(
            f"{next(iter(told.options))} is no option here or is told by {weights.path} itself; "
            f"{untold}."
        )
    notes = list(format.notes)
    if extra_rows:
        rows, were = ("row", "was") if extra_rows == 1 else (f"{extra_rows:,} rows", "were")
        notes.append(
            f"The last {rows} of the item table, taken for no item of the data (such as a mask "
            f"token of pretraining), {were} left out."
        )
    if config.output_head:
        notes.append(
            "RecBole leaves out the oldest item of every history when this model predicts; here it "
            "is read where there is room."
        )
    if weights.foreign:
        notes.append(
            f"The file asks for {_listed(weights.foreign)}; nothing of it was imported or executed."
        )
    called = weights.settings.get("model")
    if called and not _known(called):
        notes.append(f"The file calls its model {called}; its parameters are those of {backbone}.")
    if data := weights.settings.get("dataset"):
        notes.append(f"According to its settings it was trained on {data}.")
    recognized = Recognized(format.name, config.name, config, told.assumed, notes)
    return Understood(recognized, format, weights, state, extra_rows)


def _format(weights: Weights) -> Format:
    for format in FORMATS:
        if any(re.fullmatch(format.mark, name) for name in weights.tensors):
            return format
    known = ", ".join(format.name for format in FORMATS)
    for stranger, mark in STRANGERS.items():
        if any(re.fullmatch(mark, name) for name in weights.tensors):
            raise WorkbenchError(
                f"{weights.path} is of {stranger}, whose layers the workbench does not have; it "
                f"takes models of {known}, and others by `workbench.adapt`."
            )
    raise WorkbenchError(
        f"{weights.path}: its parameters ({_listed(list(weights.tensors), 3)}) are of no model the "
        f"workbench knows; it takes models of {known}, and others by `workbench.adapt`."
    )


def _backbone(weights: Weights, format: Format) -> Backbone:
    backbone: Backbone = _known(weights.settings.get("model")) or "SASRec"
    for name, mark in BACKBONE_MARKS.items():
        if any(re.fullmatch(mark, parameter) for parameter in weights.tensors):
            backbone = name
    return backbone


def _renamed(weights: Weights, format: Format) -> dict[str, Tensor]:
    state = {}
    for name, tensor in weights.tensors.items():
        ours = format.rename(name)
        if ours is not None:
            state[ours] = tensor
        elif not format.ignores(name):
            raise WorkbenchError(
                f"{weights.path} looks like {format.name}, but has {name}, which none of its "
                "models known here has; adapt the model by `workbench.adapt` instead."
            )
    return state


def _known(name: object) -> Backbone | None:
    """The backbone RecBole or AC-TSR means by the name of a model."""
    return BACKBONE_NAMES.get(str(name).lower().removeprefix("ac"))


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
