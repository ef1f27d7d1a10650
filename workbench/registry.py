"""Models by name."""

import difflib
from dataclasses import fields, replace
from typing import Any

from models import CalibrationConfig, ModelConfig, Recommender, make_model
from models.config import BACKBONES, OPTIONS, Backbone
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError

NAMES = tuple(
    name for b in BACKBONES for name in (b, f"{b}-uniform", f"AC-{b}", f"AC-{b}-light")
)  # a backbone, with attention frozen to uniform, calibrated, and with the spatial calibrator alone


def build_model(name: str, data: SequenceData, **options: Any) -> Recommender:
    """A new model for the items of `data`.

    options: fields of ModelConfig (hidden_size, n_layers, ...) and of CalibrationConfig
    (correction, two_level, order, ...). Raises WorkbenchError for an unknown name or option, and
    for TiSASRec where the data have no times.
    """
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        raise WorkbenchError(
            f"no model {name!r}; choose from {', '.join(NAMES)}"
            + (f" (did you mean {close[0]}?)." if close else ".")
        )
    bare = name.removeprefix("AC-").removesuffix("-light").removesuffix("-uniform")
    backbone = next(b for b in BACKBONES if b == bare)
    calibration = None
    if name.startswith("AC-"):
        calibration = CalibrationConfig(adversarial=not name.endswith("-light"))
    config = ModelConfig(
        name=name,
        n_items=data.n_items,
        attention="uniform" if name.endswith("-uniform") else "learned",
        # as published, the calibrators take the place of positions, but for TiSASRec's own
        position_embedding=calibration is None or backbone == "TiSASRec",
        backbone=backbone,
        n_users=data.n_users if backbone == "SSE-PT" else 0,
    )
    if backbone == "TiSASRec" and data.times is None:
        raise WorkbenchError(
            f"{name} lives by the time between items, and {data.name} has no times; give data with "
            "a time column, or choose another model."
        )
    try:
        inner = {k: v for k, v in options.items() if k in CalibrationConfig.__dataclass_fields__}
        outer = {k: v for k, v in options.items() if k not in inner}
        if inner and calibration is None:
            raise ValueError(f"{name} has no calibration, so {next(iter(inner))!r} means nothing")
        _refuse_foreign(name, backbone, outer)
        if calibration is not None:
            outer["calibration"] = replace(calibration, **inner)
        return make_model(replace(config, **outer))
    except (TypeError, ValueError) as error:
        raise WorkbenchError(f"{name}: {error}.") from error


def variant(config: Any) -> str:
    """A model's name with what of its calibration is not the default: `AC-SASRec order=False`."""
    calibration = getattr(config, "calibration", None)  # a module that was adapted has no such word
    if calibration is None:
        return str(config.name)
    default = CalibrationConfig(adversarial=calibration.adversarial)
    told = {
        f.name: getattr(calibration, f.name)
        for f in fields(default)
        if getattr(calibration, f.name) != getattr(default, f.name)
    }
    if config.position_embedding != (config.backbone == "TiSASRec"):
        told["position_embedding"] = config.position_embedding
    return " ".join([config.name, *(f"{name}={value}" for name, value in told.items())])


def _refuse_foreign(name: str, backbone: Backbone, options: dict[str, Any]) -> None:
    """Raise ValueError for what would have no effect on this backbone."""
    for owner, owned in OPTIONS.items():
        for option in owned:
            if option in options and owner != backbone:
                raise ValueError(f"{option!r} is an option of {owner} and means nothing to {name}")
