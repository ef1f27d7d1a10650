"""A model whose attention is known by hand, small data for it, and results made up.

Every item has a salience; a row's attention is the salience of its allowed items, divided by their
sum. Embeddings are one-hot, so the score of item t is sum_j weight_j * effect[item_j, t], and the
saliency of position j is weight_j times the length of the vector effect[:, t].
"""

from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from analyses.diagnostic import Diagnostic
from analyses.running.comparison import Comparison, Part
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from models import AttentionTap, Batch, ModelConfig
from workbench.data.sequences import SequenceData

EFFECT = np.array(  # [from item, to item], row and column 0 unused
    [
        [0, 0, 0, 0, 0, 0],
        [0, 3, 0, 0, 9, 0],
        [0, 0, 4, 1, 0, 2],
        [0, 1, 0, 5, 0, 6],
        [0, 0, 1, 0, 2, 7],
        [0, 2, 0, 3, 1, 1],
    ],
    dtype=np.float64,
)
SALIENCE = [8.0, 4.0, 2.0, 1.0, 16.0]  # of items 1 to 5
HISTORY, TARGET = [1, 2, 3], 5


class Handmade(nn.Module):
    """One layer, one head; attention by salience alone."""

    stages = ("attention",)
    needs_times = needs_users = False

    def __init__(
        self,
        salience: list[float],
        name: str = "SASRec",
        attention: Literal["learned", "uniform"] = "learned",
    ) -> None:
        super().__init__()
        self.config = ModelConfig(
            name, n_items=5, n_layers=1, n_heads=1, hidden_size=6, attention=attention
        )
        self.card: dict = {}
        self.item_ids = self.user_ids = None
        self.salience = nn.Parameter(torch.tensor([0.0, *salience], dtype=torch.float64))
        self.effect = nn.Parameter(torch.from_numpy(EFFECT))
        self.tap = AttentionTap(0, "attention")
        self.eval()

    @property
    def device(self) -> torch.device:
        return self.effect.device

    def taps(self) -> list[AttentionTap]:
        return [self.tap]

    def allowed(self, batch: Batch) -> Tensor:
        width = batch.items.shape[1]
        causal = torch.ones(width, width, dtype=torch.bool).tril()
        return (causal & batch.valid[:, None, :])[:, None]

    def rows(self, batch: Batch) -> Tensor:
        return batch.rows

    def history(self, batch: Batch) -> Tensor:
        return batch.valid

    def embed(self, batch: Batch) -> Tensor:
        return nn.functional.one_hot(batch.items, self.config.hidden_size).double()

    def forward(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        values = self.embed(batch) if embeddings is None else embeddings
        weights = self.salience[batch.items][:, None, None, :] * self.allowed(batch)
        weights = self.tap(weights / weights.sum(-1, keepdim=True).clamp(min=1e-12))
        mixed = (weights @ values[:, None])[:, 0]  # [B, L, d]
        return mixed[torch.arange(len(mixed)), batch.rows]

    def score(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        scores = hidden @ self.effect
        scores = torch.cat([torch.full_like(scores[:, :1], -torch.inf), scores[:, 1:]], 1)
        return scores if items is None else scores.gather(1, items)

    def scores(
        self, batch: Batch, items: Tensor | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        return self.score(self(batch, embeddings), items)


def data_of(*sequences: list[int], n_items: int = 5) -> SequenceData:
    """Sequences of item ids, the last of each held out by the test split."""
    return SequenceData(
        name="hand",
        items=np.concatenate(sequences).astype(np.int32),
        times=None,
        offsets=np.concatenate([[0], np.cumsum([len(s) for s in sequences])]).astype(np.int64),
        item_ids=np.array(["[pad]", *(f"i{k}" for k in range(1, n_items + 1))], dtype=object),
        user_ids=np.array([f"u{k}" for k in range(len(sequences))], dtype=object),
    )


def salience_frame(diagnostic: Diagnostic, *more: list[int]) -> pd.DataFrame:
    """What a diagnostic measures of attention by `SALIENCE`.

    The first user has the history and then the target, the second a single item of history; `more`
    are the sequences of others.
    """
    data = data_of([*HISTORY, TARGET], [2, 4], *more)
    return measure_in_memory(diagnostic, {"SASRec": Handmade(SALIENCE)}, data).frame


def rank_by_hand(weights: dict[int, float], target: int) -> int:
    """Rank of the target when the prediction row gives these weights to these items."""
    total = sum(weights.values())
    scores = sum(w / total * EFFECT[item] for item, w in weights.items())[1:]
    higher, ties = (scores > scores[target - 1]).sum(), (scores == scores[target - 1]).sum() - 1
    return 1 + int(higher + (ties + 1) // 2)


PARTS = {
    "SASRec": Part("plain", "SASRec", "SASRec"),
    "SASRec-uniform": Part("uniform", "SASRec", "SASRec-uniform"),
    **{
        name: Part("calibrated", "SASRec", name)
        for name in ("AC-SASRec", "AC-SASRec-light", "AC-SASRec order=False")
    },
}


def results_of(frame: pd.DataFrame) -> Results:
    """Results as if models of `PARTS` had been measured."""
    return Results(
        Rows([frame]), Comparison({str(name): PARTS[str(name)] for name in frame["model"]})
    )
