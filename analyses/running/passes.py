"""What every diagnostic needs of a pass over the test cases: batches, ranks and metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from models import Batch
from workbench.data.batches import iterate
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.evaluation import target_ranks
from workbench.mode import evaluation_mode

BATCH_SIZE = 128
CUTOFF = 10
METRICS = {"hit": "Hit@10", "ndcg": "NDCG@10"}  # columns of `quality`, and what they are called
SHARES = ("hit",)  # those of them that are shares of users


def held_out_batches(
    model: Any, data: SequenceData, users: np.ndarray, batch_size: int = BATCH_SIZE
) -> Iterator[tuple[np.ndarray, Batch, Tensor]]:
    """Yield (user indices [B], batch, held-out items [B]) on the device of the model.

    Until the last of them is done with, the model is in evaluation mode.
    """
    chosen = held_out_cases(data, model.config.max_length, np.unique(users))
    device = model.device
    with evaluation_mode(model):
        for index, batch, targets in iterate(data, chosen, batch_size, order="length"):
            yield chosen.users[index], batch.to(device), targets.to(device)


@dataclass(frozen=True)
class Outcome:
    """What a pass led to, reduced at once: scores [B, V], ranks [B] (1 = best), top items [B]."""

    scores: Tensor
    rank: Tensor
    top: Tensor

    @classmethod
    def of(cls, model: Any, batch: Batch, targets: Tensor) -> "Outcome":
        with evaluation_mode(model):
            scores = model.scores(batch)  # [B, V]
        rank = target_ranks(scores, targets)
        return cls(scores, rank, scores.argmax(-1))


def hit(rank: np.ndarray) -> np.ndarray:
    """Hit@10 of each rank."""
    return (rank <= CUTOFF).astype(np.float64)


def ndcg(rank: np.ndarray) -> np.ndarray:
    """NDCG@10 of each rank, one relevant item per user: 1 / log2(rank + 1) within the cutoff."""
    return np.where(rank <= CUTOFF, 1 / np.log2(rank + 1.0), 0.0)


@torch.no_grad()
def quality(model: Any, batch: Batch, targets: Tensor) -> dict[str, np.ndarray]:
    """Columns, a value per case: length of the history, rank of the target, Hit@10, NDCG@10."""
    rank = Outcome.of(model, batch, targets).rank.cpu().numpy()
    lengths = batch.lengths.cpu().numpy()
    return {"length": lengths, "rank": rank, "hit": hit(rank), "ndcg": ndcg(rank)}


def compact(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame; words as categories, since a condition is repeated for every user."""
    frame = pd.concat(frames, ignore_index=True)
    words = frame.select_dtypes(include=["object", "string"]).columns
    return frame.astype(dict.fromkeys(words, "category"))
