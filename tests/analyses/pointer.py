"""A model whose reasons are known, and which shows them or something else."""

import numpy as np
import torch
from torch.nn.functional import one_hot

from models import ModelConfig, SASRec
from workbench.data import Planted, planted

LAG = 2


def made(n_users: int) -> Planted:
    """Data in which the item that a `Pointer` points at causes every next one."""
    return planted(
        "distance",
        lag=LAG + 1,
        n_users=n_users,
        n_items=200,
        length=10,
        shortest=8,
        signal=1,
        noise=0,
        n_causes=8,
    )


class Pointer(SASRec):
    """Scores by the item `LAG` before the last alone; its attention says so, or says otherwise.

    What follows that item is scored highest, and each number above it half as high as the one
    before: whatever is recommended to whom has had the first of them is due to that item as well.

    Parameters
    ----------
    effects : [n_items + 1], what follows each item.
    honest : whether the weights shown are those used.
    """

    def __init__(self, effects: np.ndarray, honest: bool) -> None:
        n = len(effects) - 1
        super().__init__(
            ModelConfig(
                "pointer", n_items=n, max_length=12, hidden_size=n + 1, n_heads=1, n_layers=1
            )
        )
        self.item_embedding = torch.nn.Embedding.from_pretrained(torch.eye(n + 1), padding_idx=0)
        above = (np.arange(n) - (effects[1:, None] - 1)) % n  # [from item, to item]
        self.effects = torch.zeros(n + 1, n + 1)
        self.effects[1:, 1:] = torch.from_numpy(6 * 0.5**above)
        self.honest = honest

    def forward(self, batch, embeddings=None):
        x = self.embed(batch) if embeddings is None else embeddings
        at = (batch.rows - LAG).clamp(min=0)
        each = torch.arange(len(at))
        weights = torch.zeros(len(at), 1, x.shape[1], x.shape[1])
        shown = at if self.honest else batch.rows - (batch.rows > 0).long()
        weights[each, 0, batch.rows, shown] = 1.0
        weights = self.taps()[0](weights)
        used = weights[each, 0, batch.rows] if self.honest else one_hot(at, x.shape[1]).float()
        scores = (used[:, :, None] * x).sum(1) @ self.effects
        return scores.masked_fill(torch.arange(scores.shape[1]) == 0, -torch.inf)

    def scores(self, batch, items=None, embeddings=None):
        scores = self(batch, embeddings)
        return scores if items is None else scores.gather(1, items)
