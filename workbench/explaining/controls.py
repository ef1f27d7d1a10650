"""Importances that know nothing of a model's reasons: what others must exceed."""

import numpy as np
import torch
from torch import Tensor

from models import Batch
from workbench.explaining.importance import Importance
from workbench.model import DifferentiableModel, Model


def random(model: Model, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """Random numbers that depend on the seed and the history alone, not on its batch; [B, L]."""
    values = np.zeros(batch.items.shape)
    items = batch.items.cpu().numpy()
    for row, (history, n) in enumerate(zip(items, batch.lengths.tolist(), strict=True)):
        values[row, :n] = np.random.default_rng([seed, *history[:n]]).random(n)
    return torch.from_numpy(values).to(batch.items.device)


def recency(model: Model, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """The later, the more: the position of an item, from 1; [B, L]."""
    positions = torch.arange(1, batch.items.shape[1] + 1, device=batch.items.device)
    return positions.double().expand(batch.items.shape)


def similarity(model: DifferentiableModel, batch: Batch, targets: Tensor, seed: int) -> Tensor:
    """Item embedding . embedding of the target, [B, L]."""
    last = batch.lengths[:, None] - 1
    times = None if batch.times is None else batch.times.gather(1, last)
    target = Batch(targets[:, None], torch.ones_like(targets), times, batch.users)
    with torch.no_grad():
        return (model.embed(batch) * model.embed(target)).sum(-1)


CONTROLS = (
    Importance("random", "control", random, "chance", targeted=False),
    Importance("recency", "control", recency, "the order of the history", targeted=False),
    Importance(
        "similarity",
        "control",
        similarity,
        "item embedding . target embedding",
        need="embeddings",
        signed=True,
    ),
)
