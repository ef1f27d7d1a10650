"""What a file holds: of which software and model, and with which configuration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import CalibrationConfig, ModelConfig, Recommender, make_model
from models.config import Backbone
from workbench.errors import WorkbenchError
from workbench.importing.formats import (
    BACKBONE_MARKS,
    BACKBONE_NAMES,
    FORMATS,
    OUTPUT_HEAD,
    STRANGERS,
    Format,
)
from workbench.importing.weights import Weights, read_weights

# what no shape tells, and what is taken where no setting tells it either
DEFAULTS: dict[str, Any] = {
    "hidden_dropout": 0.5,
    "attention_dropout": 0.5,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
N_HEADS, MAX_LENGTH = 2, 50


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
    """Recognized, and the weights under our names."""

    recognized: Recognized
    format: Format
    weights: Weights
    state: dict[str, Tensor]


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
    told = _Told(weights, format, dict(options))
    try:
        if (activation := weights.settings.get("hidden_act", "gelu")) != "gelu":
            raise ValueError(f"its feed-forward blocks use {activation}, and those here use gelu")
        layers = {int(n.split(".")[2]) for n in state if n.startswith("encoder.layers.")}
        n_layers = len(layers)
        if layers != set(range(n_layers)):
            raise ValueError(f"its layers are numbered {sorted(layers)[:5]}")
        calibration = None
        if format.name == "AC-TSR":
            calibration = _calibration(told, state, backbone)
        table = state["item_embedding.weight"]
        config = ModelConfig(
            name=f"AC-{backbone}" if calibration else backbone,
            backbone=backbone,
            n_items=len(table) - 1 - max(format.extra_rows, backbone == "BERT4Rec"),
            n_layers=n_layers,
            hidden_size=len(state["norm.weight"]),
            inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
            n_heads=_n_heads(told, state),
            max_length=_max_length(told, state) - (backbone == "BERT4Rec" and _positions(state)),
            position_embedding=_positions(state),
            position_from="end" if format.left_padded else "start",
            calibration=calibration,
            **_particular(backbone, state),
            **{name: told.value(name, default) for name, default in DEFAULTS.items()},
        )
        if backbone != "BERT4Rec":  # which needs its mask token
            state["item_embedding.weight"] = table[: config.n_items + 1]
        _fits(config, state)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WorkbenchError(
            f"{weights.path} looks like {format.name} {backbone}, but cannot be taken as one: "
            f"{reason}."
        ) from error
    if told.options:
        raise WorkbenchError(
            f"{next(iter(told.options))} is no option here or is told by {weights.path} itself; "
            f"what it cannot tell is {', '.join(told.assumed) or 'nothing'}."
        )
    notes = list(format.notes)
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
    return Understood(recognized, format, weights, state)


def build(config: ModelConfig, state: Mapping[str, Tensor]) -> Recommender:
    """A model of this configuration with these weights, ready for inference."""
    with torch.device("meta"):
        model = make_model(config)
    own = {n: t.float() if t.is_floating_point() else t for n, t in state.items()}
    model.load_state_dict(own, assign=True)
    return model.eval()


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
    head = next((n for n in weights.tensors if re.fullmatch(OUTPUT_HEAD, n)), None)
    if head is not None:
        raise WorkbenchError(
            f"{weights.path} is BERT4Rec of RecBole 1.1 or later, whose output head ({head}, ...) "
            "the workbench does not have yet; it takes BERT4Rec as RecBole 1.0 has it."
        )
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


@dataclass
class _Told:
    """What the settings in a file tell, and what is left to options or defaults."""

    weights: Weights
    format: Format
    options: dict[str, Any]
    assumed: dict[str, object] = field(default_factory=dict)

    def value(self, name: str, default: Any) -> Any:
        """The file's own value, else the option's (which is used up), else the default."""
        setting = self.format.settings.get(name)
        if setting in self.weights.settings:
            value = self.weights.settings[setting]
        else:
            value = self.assumed[name] = self.options.pop(name, default)
        kind = int | float if isinstance(default, float) else type(default)
        if not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool):
            raise ValueError(f"{name} is {value!r}, where one such as {default!r} is expected")
        return value


def _n_heads(told: _Told, state: Mapping[str, Tensor]) -> int:
    for term in ("order", "distance"):  # their maps act on the query and the key of one head
        affine = state.get(f"encoder.layers.0.weights.spatial.{term}.weight")
        if affine is not None:
            return 2 * len(state["norm.weight"]) // affine.shape[1]
    return told.value("n_heads", N_HEADS)


def _positions(state: Mapping[str, Tensor]) -> bool:
    return "position_embedding.weight" in state or "key_positions.weight" in state


def _particular(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What only one backbone has."""
    if backbone == "SSE-PT":
        users = state["user_embedding.weight"]
        return {"n_users": len(users) - 1, "user_size": users.shape[1]}
    if backbone == "TiSASRec":  # RecBole clips the bare differences of timestamps
        return {"time_span": len(state["key_intervals.weight"]) - 1, "time_unit": "second"}
    return {}


def _max_length(told: _Told, state: Mapping[str, Tensor]) -> int:
    for name in (
        "position_embedding.weight",
        "key_positions.weight",
        "encoder.layers.0.weights.correction.gate.bias",
    ):
        if name in state:
            return len(state[name])
    return told.value("max_length", MAX_LENGTH)


def _calibration(told: _Told, state: dict[str, Tensor], backbone: Backbone) -> CalibrationConfig:
    """The calibrators a state has; an annealing correction gets its count of steps."""
    first = "encoder.layers.0.weights."
    learned = f"{first}ratio" in state
    correction: Any = "gate"
    if f"{first}correction.gate.weight" not in state:
        correction = told.value("correction", "fixed")
    if correction == "annealing":
        step = told.value("annealing_step", -1)
        if step < 0:
            raise ValueError(
                "its correction depends on how many steps it was trained, which no file tells; "
                "give the option annealing_step"
            )
        for layer in range(len({n.split(".")[2] for n in state if n.startswith("encoder.")})):
            state[f"encoder.layers.{layer}.weights.correction.step"] = torch.tensor(step)
    return CalibrationConfig(
        order=f"{first}spatial.order.weight" in state,
        distance=f"{first}spatial.distance.weight" in state,
        adversarial=f"{first}adversarial.query.weight" in state,
        correction=correction,
        alpha=told.value("alpha", 0.5) if correction == "fixed" else 0.5,
        two_level=not learned and told.value("two_level", True),
        mix="learned" if learned else "half",
        # the reference does not normalise again in these two
        normalization="none" if backbone in ("SSE-PT", "TiSASRec") else "softmax",
        penalty=told.value("penalty", 0.03),
    )


def _fits(config: ModelConfig, state: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless a state has exactly the tensors of a configuration."""
    with torch.device("meta"):  # nothing of the size a file claims is allocated
        wanted = make_model(config).state_dict()
    for name, tensor in wanted.items():
        if name not in state:
            raise ValueError(f"it lacks what is here {name}")
        if state[name].shape != tensor.shape:
            raise ValueError(
                f"{name} is {list(state[name].shape)} where {list(tensor.shape)} is expected"
            )
    for name in state:
        if name not in wanted:
            raise ValueError(f"it has what would here be {name}, without the rest of it")


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
