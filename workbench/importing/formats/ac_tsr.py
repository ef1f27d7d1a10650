"""AC-TSR's reference implementation: RecBole's models with calibrated attention."""

from typing import Any

import torch
from torch import Tensor

from models import CalibrationConfig, ModelConfig
from workbench.importing.format import KIND, Facts, Format, Renames, count_layers
from workbench.importing.formats import recbole_models

PENALTY = "penalty"  # lambda, where it was trained: a parameter there, an option here
RATIO = "rich_calibrated_combine"  # the setting that says whether one was trained
RENAMES: Renames = (
    (rf"{recbole_models.ATTENTION}\.scalar", r"encoder.layers.\1.weights.spatial.theta"),
    (
        rf"{recbole_models.ATTENTION}\.(order|distance)_affine\.{KIND}",
        r"encoder.layers.\1.weights.spatial.\2.\3",
    ),
    (
        rf"{recbole_models.ATTENTION}\.attack_(query|key)_transform\.{KIND}",
        r"encoder.layers.\1.weights.adversarial.\2.\3",
    ),
    (rf"{recbole_models.LAYER}\.gate\.{KIND}", r"encoder.layers.\1.weights.correction.gate.\2"),
    (rf"{recbole_models.LAYER}\.rich_calibrated_combine_ratio", r"encoder.layers.\1.weights.ratio"),
    (r"mask_loss_weight", PENALTY),
)
SPELLING = {
    "correction": "combine_option",
    "two_level": "two_level",
    "order": "use_order",
    "distance": "use_distance",
    "penalty": "mask_loss_weight",
}


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """The configuration, as RecBole's, with calibrators.

    A state with an annealing correction gets its count of steps.

    Raises
    ------
    KeyError
        If the state lacks what the configuration is taken from.
    ValueError
        If the correction is annealing and no option says how many steps it was trained, lambda is
        not one number, the activation is none of those here, or an option or setting is of the
        wrong type.
    """
    calibration = _calibration(state, facts)
    return recbole_models.configuration(state, facts, calibration=calibration)


def _calibration(state: dict[str, Tensor], facts: Facts) -> CalibrationConfig:
    first = "encoder.layers.0.weights."
    learned = f"{first}ratio" in state
    correction: Any = "gate"
    if f"{first}correction.gate.weight" not in state:
        correction = facts.value("correction", "fixed")
    if correction == "annealing":
        step = facts.value("annealing_step", -1)
        if step < 0:
            raise ValueError(
                "its correction depends on how many steps it was trained, which no file tells; "
                "give the option annealing_step"
            )
        for layer in range(count_layers(state)):
            state[f"encoder.layers.{layer}.weights.correction.step"] = torch.tensor(step)
    two_level = not learned and facts.value("two_level", True)
    if not (two_level or learned) and facts.settings.get(RATIO) == "trainable":
        raise KeyError("rich_calibrated_combine_ratio")
    return CalibrationConfig(
        order=f"{first}spatial.order.weight" in state,
        distance=f"{first}spatial.distance.weight" in state,
        adversarial=f"{first}adversarial.query.weight" in state,
        correction=correction,
        alpha=facts.value("alpha", 0.5) if correction == "fixed" else 0.5,
        two_level=two_level,
        mix="learned" if learned else "half",
        # the reference does not normalise again in these two
        normalization="none"
        if {"user_embedding.weight", "key_intervals.weight"} & state.keys()
        else "softmax",
        penalty=_penalty(state, facts),
    )


def _penalty(state: dict[str, Tensor], facts: Facts) -> float:
    """Lambda: a parameter where it was trained, whatever the settings say, else a setting."""
    trained = state.pop(PENALTY, None)
    if trained is None:
        return facts.value("penalty", 0.03)
    if trained.numel() != 1:
        raise ValueError(f"its mask_loss_weight is {list(trained.shape)}, where one is expected")
    return trained.item()


FORMAT = Format(
    "AC-TSR",
    rf"{recbole_models.LAYER}\.attack_attention\..*",
    recbole_models.RENAMES + RENAMES,
    configure,
    recbole_models.UNSCORED,
    recbole_models.SPELLING | SPELLING,
)
