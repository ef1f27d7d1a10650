"""Models by name."""

import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import models  # whose classes are imported when one is built
from models.config import BACKBONE_NAMES, KEEPING_POSITIONS, CalibrationConfig, ModelConfig
from workbench.errors import WorkbenchError, WorkbenchWarning, loaded
from workbench.phrases import choices

if TYPE_CHECKING:
    from models import Recommender
    from workbench.data.sequences import SequenceData

LIGHT, POSITIONS, DIRECT, UNIFORM = "-light", "-positions", "-direct", "-uniform"
KINDS_OF_MODEL = (
    "{}",
    "{}" + UNIFORM,
    "AC-{}",
    "AC-{}" + LIGHT,
    "AC-{}" + LIGHT + POSITIONS,
    "AC-{}" + DIRECT,
)
# a backbone, with attention frozen to uniform, calibrated, with the spatial calibrator alone, that
# with positions embedded beside it, where they are not anyway, and that with attention that mixes
# the states themselves
NAMES = tuple(
    kind.format(name)
    for name in BACKBONE_NAMES
    for kind in KINDS_OF_MODEL
    if not (name in KEEPING_POSITIONS and kind.endswith(POSITIONS))
)
CALIBRATION = {f.name: f.type for f in fields(CalibrationConfig)}
TYPES: dict[str, Any] = {
    option: kind
    for option, kind in ({f.name: f.type for f in fields(ModelConfig)} | CALIBRATION).items()
    if option not in ("name", "backbone", "calibration", "n_items", "n_users")
}  # of all options; the name of the model, or the data, give those left out


def check_name(name: str) -> None:
    """Refuse what is none of `NAMES`.

    Raises
    ------
    WorkbenchError
        If the name is unknown.
    """
    if name not in NAMES:
        raise WorkbenchError(f"no model {name!r}; {choices(name, NAMES)}.")


def build_model(name: str, data: "SequenceData", /, **options: Any) -> "Recommender":
    """A new model for the items of `data`.

    Parameters
    ----------
    name : one of `NAMES`.
    data : the items and users that the model is for.
    options : fields of ModelConfig (hidden_size, n_layers, ...) and of CalibrationConfig
        (correction, two_level, order, ...).

    Raises
    ------
    WorkbenchError
        If the name or an option is unknown, the value of an option is not possible, or would change
        nothing beside the others, or the data do not have the times that the model needs.
    """
    check_name(name)
    loaded(data, "workbench.load_data", "offsets")
    backbone = models.BACKBONES[_backbone(name)]
    calibration = _calibration(name) if name.startswith("AC-") else None
    direct = name.endswith(DIRECT)
    config = ModelConfig(
        name=name,
        n_items=data.n_items,
        attention="uniform" if name.endswith(UNIFORM) else "learned",
        position_embedding=calibration is None or _keeps_positions(name, backbone),
        calibration=calibration,
        value_projection=not direct,
        output_projection=not direct,
        backbone=backbone.name,
        n_users=data.n_users if backbone.needs_users else 0,
    )
    if backbone.needs_times and data.times is None:
        raise WorkbenchError(
            f"{name} lives by the time between items, and {data.name} has no times; give data with "
            "a time column, or choose another model."
        )
    try:
        _check_options(config, options)
        outer = {k: v for k, v in options.items() if k not in CALIBRATION}
        if calibration is not None:
            inner = {k: v for k, v in options.items() if k in CALIBRATION}
            outer["calibration"] = calibration = replace(calibration, **inner)
            _check_idle(calibration, inner)
        config = replace(config, **outer)
    except (TypeError, ValueError) as error:
        raise WorkbenchError(f"{name}: {error}.") from error
    try:
        model = models.make_model(config)
    except (RuntimeError, MemoryError, OverflowError, TypeError) as error:  # PyTorch's own
        reason = str(error).partition("\n")[0]
        raise WorkbenchError(
            f"{name}: no memory holds a model of these sizes ({reason}); give smaller ones."
        ) from error
    model.item_ids = data.item_ids
    model.user_ids = data.user_ids if model.needs_users else None
    return model


def warn_of_idle(
    name: str, data: "SequenceData", said: Mapping[str, Any], others: Mapping[str, Any]
) -> None:
    """Warn of an option that changes nothing in this model, though recipes have it for all models.

    Parameters
    ----------
    name, data : as in `build_model`, which also says what is raised.
    said : options that a person chose for this model.
    others : what it is built with besides, as by a recipe.
    """
    if not {"position_from", "scale_embeddings"} & set(said):
        return
    model = build_model(name, data, **{**others, **said})
    if model.position_embedding is not None:
        return
    idle: dict[str, Any] = {"position_from": "start"}
    if model.config.input_norm:  # which takes the scale out again
        idle["scale_embeddings"] = False
    for option, default in idle.items():
        if said.get(option, default) != default:
            warnings.warn(
                f"{name} adds no positions to its items, so that {option}={said[option]} changes "
                "nothing; leave it out, or choose a model that does.",
                WorkbenchWarning,
                stacklevel=2,
            )


def variant(config: Any) -> str:
    """A model's name, with the calibration options that the name does not say.

    For example `AC-SASRec order=False`. Beside the calibration, positions and maps of values are
    told.
    """
    calibration = getattr(config, "calibration", None)  # a module that was adapted has no such word
    if calibration is None:
        return str(config.name)
    default = _calibration(config.name)
    differing = {
        f.name: getattr(calibration, f.name)
        for f in fields(default)
        if getattr(calibration, f.name) != getattr(default, f.name)
    }
    # one may be used without a name here
    backbone = models.BACKBONES.get(config.backbone, models.Recommender)
    if config.position_embedding != _keeps_positions(config.name, backbone):
        differing["position_embedding"] = config.position_embedding
    if config.value_projection == config.name.endswith(DIRECT):
        differing["value_projection"] = config.value_projection
    return " ".join([config.name, *(f"{name}={value}" for name, value in differing.items())])


def _calibration(name: str) -> CalibrationConfig:
    """The calibration that the name of a calibrated model says."""
    return CalibrationConfig(adversarial=LIGHT not in name and not name.endswith(DIRECT))


def _keeps_positions(name: str, backbone: "type[Recommender]") -> bool:
    """Whether positions are embedded beside calibrators, which as published take their place."""
    return backbone.keeps_positions or name.endswith((POSITIONS, DIRECT))


def _check_options(config: ModelConfig, options: dict[str, Any]) -> None:
    """Raise ValueError for what is no option, would mean nothing here, or belies the name."""
    for option in options:
        if option not in TYPES:
            raise ValueError(f"there is no option {option!r}; {choices(option, TYPES)}")
        if option in CALIBRATION and config.calibration is None:
            raise ValueError(f"{config.name} has no calibration, so {option!r} means nothing")
        owners = [b.name for b in models.BACKBONES.values() if option in b.options]
        if owners and config.backbone not in owners:
            raise ValueError(
                f"{option!r} is an option of {' and '.join(owners)} and means nothing to "
                f"{config.name}"
            )
    if options.get("attention") in {"learned", "uniform"} - {config.attention}:
        bare = _backbone(config.name)
        raise ValueError(
            f"its attention is {config.attention}, by its name; {bare} has learned attention, and "
            f"{bare}{UNIFORM} uniform"
        )


def _check_idle(calibration: CalibrationConfig, options: dict[str, Any]) -> None:
    """Raise ValueError for an option, other than by default, that changes nothing here."""
    for option, (why, remedy) in calibration.idle().items():
        default = getattr(CalibrationConfig(), option)
        if options.get(option, default) != default:
            raise ValueError(f"{why}, so {option!r} means nothing; leave it out, or {remedy}")


def _backbone(name: str) -> str:
    for ending in (POSITIONS, LIGHT, DIRECT, UNIFORM):
        name = name.removesuffix(ending)
    return name.removeprefix("AC-")
