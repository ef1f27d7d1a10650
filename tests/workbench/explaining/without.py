"""Histories without some of their items, each a whole pass, whatever a model could keep."""

import torch
from torch import Tensor

from models import Batch
from workbench.attention.base_pass import BasePass
from workbench.explaining import erasure
from workbench.model import Model


def scores_without(
    model: Model, batch: Batch, removed: Tensor, operator: str = "replacement"
) -> Tensor:
    """Scores [B, n_items + 1] of a batch, without the items where `removed` [B, L] is True."""
    base, every = BasePass(model, batch), torch.arange(len(removed))
    base.kept = None
    parts = list(erasure.scores_without(base, every, removed, operator=operator))
    order = torch.cat([numbers for numbers, _ in parts]).argsort()
    return torch.cat([scores for _, scores in parts])[order]
