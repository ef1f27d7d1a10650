"""The configuration of a foreign model, from shapes, settings saved beside them, and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from models import CalibrationConfig, ModelConfig
from models.config import Backbone
from workbench.importing.formats import PENALTY, Format

# what no shape tells, and what is taken where no setting tells it either
DEFAULTS: dict[str, Any] = {
    "hidden_dropout": 0.5,
    "attention_dropout": 0.5,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
N_HEADS, MAX_LENGTH = 2, 50


@dataclass
class Told:
    """What the settings in a file tell, and what is left to options or defaults."""

    settings: Mapping[str, Any]
    format: Format
    options: dict[str, Any]
    assumed: dict[str, object] = field(default_factory=dict)

    def extra_rows(self, masks: bool) -> int:
        """Rows of the item table after the last item, without the mask token of one that `masks`.

        The option's number (which is used up), else the one usual for the format.
        """
        rows = self.options.pop("extra_rows", max(self.format.extra_rows - masks, 0))
        if type(rows) is not int or rows < 0:
            raise ValueError(f"extra_rows is {rows!r}, where a number of rows is expected")
        return rows

    def value(self, name: str, default: Any) -> Any:
        """The file's own value, else the option's (which is used up), else the default."""
        setting = self.format.settings.get(name, "")
        if setting in self.settings:
            value = self.settings[setting]
        else:
            value = self.assumed[name] = self.options.pop(name, default)
        kind = int | float if isinstance(default, float) else type(default)
        if not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool):
            raise ValueError(f"{name} is {value!r}, where one such as {default!r} is expected")
        return value

    def n_heads(self, hidden_size: int, usual: int) -> int:
        """`value` of n_heads; the default is `usual`, or 1 where that does not divide the size."""
        return self.value("n_heads", 1 if hidden_size % usual else usual)


def configure(told: Told, state: dict[str, Tensor], backbone: Backbone) -> tuple[ModelConfig, int]:
    """The configuration of a state under our names, and how many rows stand for no item.

    These rows of the item table and a penalty that was trained are taken out of the state, and an
    annealing correction's count of steps is added to it. Raises LookupError or ValueError where
    they belong to no model of ours.
    """
    if (activation := told.settings.get("hidden_act", "gelu")) != "gelu":
        raise ValueError(f"its feed-forward blocks use {activation}, and those here use gelu")
    layers = {int(n.split(".")[2]) for n in state if n.startswith("encoder.layers.")}
    if layers != set(range(len(layers))):
        raise ValueError(f"its layers are numbered {sorted(layers)[:5]}")
    calibrated = told.format.name == "AC-TSR"
    calibration = _calibration(told, state, backbone, len(layers)) if calibrated else None
    masks = backbone == "BERT4Rec"
    extra_rows, table = told.extra_rows(masks), state["item_embedding.weight"]
    config = ModelConfig(
        name=f"AC-{backbone}" if calibration else backbone,
        backbone=backbone,
        n_items=len(table) - 1 - masks - extra_rows,
        n_layers=len(layers),
        hidden_size=len(state["norm.weight"]),
        inner_size=len(state["encoder.layers.0.feed_forward.dense_1.weight"]),
        n_heads=_n_heads(told, state),
        max_length=_max_length(told, state) - (masks and _positions(state)),
        position_embedding=_positions(state),
        position_from="end" if told.format.left_padded else "start",
        calibration=calibration,
        **_particular(backbone, state),
        **{name: told.value(name, default) for name, default in DEFAULTS.items()},
    )
    if extra_rows:
        known = config.n_items + 1
        state["item_embedding.weight"] = torch.cat([table[:known], table[len(table) - masks :]])
        if "head.bias" in state:
            state["head.bias"] = state["head.bias"][:known]
    return config, extra_rows


def _n_heads(told: Told, state: Mapping[str, Tensor]) -> int:
    for term in ("order", "distance"):  # their maps act on the query and the key of one head
        affine = state.get(f"encoder.layers.0.weights.spatial.{term}.weight")
        if affine is not None:
            return 2 * len(state["norm.weight"]) // affine.shape[1]
    return told.n_heads(len(state["norm.weight"]), N_HEADS)


def _positions(state: Mapping[str, Tensor]) -> bool:
    return "position_embedding.weight" in state or "key_positions.weight" in state


def _particular(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What only one backbone has."""
    if backbone == "SSE-PT":
        users = state["user_embedding.weight"]
        return {"n_users": len(users) - 1, "user_size": users.shape[1]}
    if backbone == "BERT4Rec":
        return {"output_head": any(name.startswith("head.") for name in state)}
    if backbone == "TiSASRec":  # RecBole clips the bare differences of timestamps
        return {"time_span": len(state["key_intervals.weight"]) - 1, "time_unit": "second"}
    return {}


def _max_length(told: Told, state: Mapping[str, Tensor]) -> int:
    for name in (
        "position_embedding.weight",
        "key_positions.weight",
        "encoder.layers.0.weights.correction.gate.bias",
    ):
        if name in state:
            return len(state[name])
    return told.value("max_length", MAX_LENGTH)


def _calibration(
    told: Told, state: dict[str, Tensor], backbone: Backbone, n_layers: int
) -> CalibrationConfig:
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
        for layer in range(n_layers):
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
        penalty=_penalty(told, state),
    )


def _penalty(told: Told, state: dict[str, Tensor]) -> float:
    """Lambda: a parameter where it was trained, whatever the settings say, else a setting."""
    trained = state.pop(PENALTY, None)
    if trained is None:
        return told.value("penalty", 0.03)
    if trained.numel() != 1:
        raise ValueError(f"its mask_loss_weight is {list(trained.shape)}, where one is expected")
    return trained.item()
