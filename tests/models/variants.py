"""Every variant of SASRec at toy size, with weights strong enough to matter."""

from itertools import product
from typing import Any

import torch

from models import Batch, CalibrationConfig, ModelConfig, SASRec
from models.calibration import AnnealingCorrection

N_ITEMS, MAX_LENGTH = 12, 8

LEVELS: dict[str, dict[str, Any]] = {
    "two": {"two_level": True},
    "one-half": {"two_level": False, "mix": "half"},
    "one-learned": {"two_level": False, "mix": "learned"},
}
CALIBRATIONS = {
    f"AC-{correction}-{level}-{normalization}-{'o' * order}{'d' * distance}": CalibrationConfig(
        order=order,
        distance=distance,
        correction=correction,
        normalization=normalization,
        **LEVELS[level],
    )
    for correction, level, normalization, order, distance in product(
        ("fixed", "gate", "annealing"),
        LEVELS,
        ("softmax", "renormalize"),
        (True, False),
        (True, False),
    )
}
LIGHT = {
    f"light-{'o' * order}{'d' * distance}": CalibrationConfig(
        order=order, distance=distance, adversarial=False
    )
    for order, distance in ((True, True), (True, False), (False, True))
}
VARIANTS: dict[str, dict[str, Any]] = {
    "SASRec": {},
    "SASRec-uniform": {"attention": "uniform"},
    **{
        name: {"calibration": calibration, "position_embedding": False}
        for name, calibration in (CALIBRATIONS | LIGHT).items()
    },
}


def lively(model: SASRec, seed: int = 0) -> SASRec:
    """The model in double precision, in eval mode, with large random weights everywhere."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        model.item_embedding.weight[0] = 0
    for module in model.modules():
        if isinstance(module, AnnealingCorrection):
            module.step.fill_(50_000)  # both terms count
    return model


def build(variant: str, seed: int = 0, **options: Any) -> SASRec:
    """A lively model of two layers and two heads."""
    sizes = {"max_length": MAX_LENGTH, "hidden_size": 8, "inner_size": 12, **options}
    return lively(SASRec(ModelConfig(variant, N_ITEMS, **sizes, **VARIANTS[variant])), seed)


def batch_of(*histories: list[int], width: int | None = None) -> Batch:
    """Histories of item ids, padded to `width` or to the longest."""
    width = width or max(map(len, histories))
    items = torch.tensor([h + [0] * (width - len(h)) for h in histories])
    return Batch(items, torch.tensor([len(h) for h in histories]))
