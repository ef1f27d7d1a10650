"""Every variant of every backbone at toy size, with weights strong enough to matter."""

from itertools import product
from typing import Any

import torch
from torch import Tensor

from models import BACKBONES, Batch, CalibrationConfig, ModelConfig, Recommender, make_model
from models.adversary import Attack, adversarial_losses, attack
from models.calibration import AnnealingCorrection
from models.recommender import Losses

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
    "direct": {
        "calibration": LIGHT["light-od"],
        "value_projection": False,
        "output_projection": False,
    },
}


PARTICULAR: dict[str, dict[str, Any]] = {
    "SSE-PT": {"n_users": 5, "user_size": 2},
    "TiSASRec": {"time_span": 6},
}  # options without which a backbone of toy size would not show what is its own
SIZES = {backbone: PARTICULAR.get(backbone, {}) for backbone in BACKBONES}


def lively(model: Recommender, seed: int = 0) -> Recommender:
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


def build(variant: str, seed: int = 0, backbone: str = "SASRec", **options: Any) -> Recommender:
    """A lively model of two layers and two heads."""
    sizes = {"max_length": MAX_LENGTH, "hidden_size": 8, "inner_size": 12, **SIZES[backbone]}
    about = {"backbone": backbone, **sizes, **VARIANTS[variant], **options}
    return lively(make_model(ModelConfig(variant, N_ITEMS, **about)), seed)


def near(found: Tensor, wanted: Tensor) -> None:
    """Whether two ways to the same numbers agree, in double precision."""
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def losses_of(model: Recommender, batch: Batch, targets: Tensor, noise: Tensor | None) -> Losses:
    """`model.losses`, with the adversary's noise [B, H, T, T] given."""
    if not model.is_adversarial:
        return model.losses(batch, targets)
    return Losses(*adversarial_losses(model, batch, targets, noise))


def attack_on(model: Recommender, batch: Batch, noise: Tensor | None, **how: Any) -> Attack:
    """`model.encode`, under attack too; `how` as there."""
    return attack(model.encoder, *model.prepare(batch, **how), noise)


def batch_of(*histories: list[int], width: int | None = None) -> Batch:
    """Histories of item ids, padded to `width` or to the longest."""
    width = width or max(map(len, histories))
    items = torch.tensor([h + [0] * (width - len(h)) for h in histories])
    return Batch(items, torch.tensor([len(h) for h in histories]))


def stamped(*histories: list[int], width: int | None = None) -> Batch:
    """The same with users, and times that follow from the items up to then."""
    batch = batch_of(*histories, width=width)
    times = (100 + (batch.items * 7 % 5).cumsum(1)) * batch.valid
    return Batch(batch.items, batch.lengths, times, torch.arange(len(histories)))
