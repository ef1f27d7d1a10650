"""What a file holds: of which software and model, and with which configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from torch import Tensor

from models import ModelConfig
from workbench.checkpoint import check_shapes
from workbench.errors import WorkbenchError
from workbench.importing.format import Doubt, Facts, Format
from workbench.importing.formats import FORMATS
from workbench.importing.weights import Weights, read_weights


class Undecided(WorkbenchError):
    """A file could be of several models.

    Attributes
    ----------
    option : the option that decides.
    choices : its values.
    """

    def __init__(self, message: str, option: str, choices: Sequence[str]) -> None:
        super().__init__(message)
        self.option = option
        self.choices = tuple(choices)


@dataclass(frozen=True)
class Recognized:
    """What a file holds.

    Attributes
    ----------
    format : the software, such as "RecBole".
    model : its model by our name, such as "AC-SASRec".
    config : as inferred.
    assumed : options that the file does not say, with the values taken.
    notes : sentences that a person should read.
    """

    format: str
    model: str
    config: ModelConfig
    assumed: dict[str, object]
    notes: list[str]


@dataclass(frozen=True)
class Understood:
    """What a file holds, and its weights under our names.

    Attributes
    ----------
    recognized : what `recognize` returns.
    format : the family of software.
    weights : the tensors as the software names them.
    state : the tensors under our names, in our shapes.
    extra_rows : rows of the item table that were left out; None if its software has none.
    item_ids : the names of the items 1, 2, ..., if the file has them.
    """

    recognized: Recognized
    format: Format
    weights: Weights
    state: dict[str, Tensor]
    extra_rows: int | None
    item_ids: list[str] | None


def recognize(path: str | Path, **options: Any) -> Recognized:
    """What a checkpoint of other software holds; nothing in the file is executed.

    Parameters
    ----------
    path : the checkpoint file.
    options : what the file does not say (`assumed` lists it), such as n_heads.

    Raises
    ------
    Undecided
        If an option has to say which model it is.
    WorkbenchError
        If the file is no checkpoint, its architecture is not in the workbench, or an option is
        unknown or is one that the file itself says.
    """
    return understand(path, options).recognized


def understand(path: str | Path, options: Mapping[str, Any]) -> Understood:
    """What a checkpoint of other software holds, with its weights; parameters as in `recognize`.

    Raises
    ------
    Undecided, WorkbenchError
        If `recognize` does.
    """
    weights = read_weights(path)
    format = _format(weights)
    state = _renamed(weights, format)
    facts = Facts(
        list(weights.tensors),
        format.settings(weights),
        format.spelling,
        dict(options),
        weights.tree,
    )
    try:
        config = format.configure(state, facts)
        _check_settings(config, facts)
        check_shapes(config, {name: tensor.shape for name, tensor in state.items()})
    except Doubt as doubt:
        raise Undecided(
            f"{weights.path} could be of several models of {format.name}: {doubt}.",
            doubt.option,
            doubt.choices,
        ) from doubt
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WorkbenchError(
            f"{weights.path} looks like {format.name}, but cannot be taken as a model of it: "
            f"{reason}."
        ) from error
    if facts.options:
        untold = "it tells everything, so leave options out"
        if facts.assumed:
            untold = f"what it does not tell is {', '.join(facts.assumed)}"
        raise WorkbenchError(
            f"{next(iter(facts.options))} is no option here or is told by {weights.path} itself; "
            f"{untold}."
        )
    if config.position_from == "end" and config.position_embedding:
        facts.notes.append(
            "Trained on left-padded histories: position embeddings count from the last item."
        )
    if config.left_padding != "masked":
        facts.notes.append(
            "Items attend to the padding before a history, so that scores depend on max_length."
        )
    if weights.foreign:
        facts.notes.append(
            f"The file asks for {_listed(weights.foreign)}; nothing of it was imported or executed."
        )
    if data := facts.settings.get("dataset"):
        facts.notes.append(f"According to its settings it was trained on {data}.")
    recognized = Recognized(format.name, config.name, config, facts.assumed, facts.notes)
    return Understood(recognized, format, weights, state, facts.extra_rows, facts.item_ids)


def _check_settings(config: ModelConfig, facts: Facts) -> None:
    """Raise ValueError if settings contradict what the weights have; fractions no weights tell."""
    values = config.to_dict()
    values |= values["calibration"] or {}
    if config.backbone == "BERT4Rec":  # the mask token's position is counted by some
        del values["max_length"]
    for name, value in values.items():
        if not isinstance(value, float):
            facts.check(name, value)


def _format(weights: Weights) -> Format:
    for format in FORMATS:
        if any(re.fullmatch(format.mark, name) for name in weights.tensors):
            return format
    _check_behind_prefix(weights)
    known = ", ".join(format.name for format in FORMATS)
    raise WorkbenchError(
        f"{weights.path}: its parameters ({_listed(list(weights.tensors), 3)}) are of no model the "
        f"workbench knows; it takes models of {known}, and others by `workbench.adapt`."
    )


def _check_behind_prefix(weights: Weights) -> None:
    """Tell what stands beside parameters of a known model whose names all begin alike."""
    for format, name in product(FORMATS, weights.tensors):
        if match := re.fullmatch(rf"(.+?\.)(?:{format.mark})", name):
            beside = [other for other in weights.tensors if not other.startswith(match[1])]
            if 2 * len(beside) < len(weights.tensors):
                raise WorkbenchError(
                    f"{weights.path} has parameters of {format.name} whose names begin with "
                    f"{match[1]}, and beside them {_listed(beside)}; leave these out, or save the "
                    "state_dict of the model alone."
                )


def _renamed(weights: Weights, format: Format) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, tensor in weights.tensors.items():
        ours = format.rename(name)
        if ours is None and format.ignores(name):
            continue
        if ours is None or ours in state:
            raise WorkbenchError(
                f"{weights.path} looks like {format.name}, but has {name}, which none of its "
                "models known here has; adapt the model by `workbench.adapt` instead."
            )
        if ours.endswith((".weight", ".bias")) and not tensor.is_floating_point():
            raise WorkbenchError(
                f"{weights.path}: {name} holds whole numbers ({tensor.dtype}), as quantised "
                "weights do; save the model in float32, before it is quantised."
            )
        table = ours.endswith(("embedding.weight", "ids"))
        usable = tensor.numel() and tensor.dim() > 0 and (tensor.dim() == 2 or not table)
        if ours.endswith((".weight", ".bias", "ids")) and not usable:
            raise WorkbenchError(
                f"{weights.path}: {name} has the shape {list(tensor.shape)}, where "
                f"{'rows and columns' if table else 'rows'} are expected; get the file again, or "
                "save it again where it was trained."
            )
        state[ours] = tensor
    return state


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
