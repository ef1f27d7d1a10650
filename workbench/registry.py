"""Models by name."""

import difflib
from dataclasses import replace
from typing import Any

from models import CalibrationConfig, ModelConfig, SASRec
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError

NAMES = ("SASRec", "SASRec-uniform", "AC-SASRec", "AC-SASRec-light")


def build_model(name: str, data: SequenceData, **options: Any) -> SASRec:
    """A new model for the items of `data`.

    options: fields of ModelConfig (hidden_size, n_layers, ...) and of CalibrationConfig
    (correction, two_level, order, ...). Raises WorkbenchError for an unknown name or option.
    """
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        raise WorkbenchError(
            f"no model {name!r}; choose from {', '.join(NAMES)}"
            + (f" (did you mean {close[0]}?)." if close else ".")
        )
    calibration = None
    if name.startswith("AC-"):
        calibration = CalibrationConfig(adversarial=not name.endswith("-light"))
    config = ModelConfig(
        name=name,
        n_items=data.n_items,
        attention="uniform" if name.endswith("-uniform") else "learned",
        position_embedding=calibration is None,
    )
    try:
        inner = {k: v for k, v in options.items() if k in CalibrationConfig.__dataclass_fields__}
        outer = {k: v for k, v in options.items() if k not in inner}
        if inner and calibration is None:
            raise ValueError(f"{name} has no calibration, so {next(iter(inner))!r} means nothing")
        if calibration is not None:
            outer["calibration"] = replace(calibration, **inner)
        return SASRec(replace(config, **outer))
    except (TypeError, ValueError) as error:
        raise WorkbenchError(f"{name}: {error}.") from error
