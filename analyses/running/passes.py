"""What a pass over test cases leads to: scores, ranks and metrics."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analyses.running.held_out import HeldOutCases
from models import Batch
from workbench.evaluation import hit, ndcg, target_ranks
from workbench.mode import evaluation_mode
from workbench.model import Model

CUTOFF = 10
METRICS = {"hit": "Hit@10", "ndcg": "NDCG@10"}  # columns of `quality`, and what they are called
SHARES = ("hit",)  # those of them that are shares of users


@dataclass(frozen=True)
class Outcome:
    """What a pass led to, reduced at once.

    Attributes
    ----------
    scores : [B, V].
    rank : [B], of the target; 1 is best.
    top : [B], the item ranked first.
    """

    scores: Tensor
    rank: Tensor
    top: Tensor

    @classmethod
    def of(cls, model: Model, batch: Batch, targets: Tensor) -> "Outcome":
        """Run a pass in evaluation mode."""
        with evaluation_mode(model):
            return cls.of_scores(model.scores(batch), targets)

    @classmethod
    def of_scores(cls, scores: Tensor, targets: Tensor) -> "Outcome":
        """Reduce the scores [B, V] of a pass."""
        return cls(scores, target_ranks(scores, targets), scores.argmax(-1))


def overlap(scores: Tensor, others: Tensor, k: int = CUTOFF) -> Tensor:
    """Jaccard index of the k best items by two scores [B, V] each: [B], 1 for the same items.

    Of a catalogue of fewer than k items, all are among the best.
    """
    k = min(k, scores.shape[1] - 1)  # padding is no item
    best, other = scores.topk(k).indices, others.topk(k).indices  # [B, k]
    both = (best[:, :, None] == other[:, None]).sum((1, 2))
    return both.double() / (2 * k - both)


@torch.no_grad()
def quality(model: Model, cases: HeldOutCases) -> dict[str, np.ndarray]:
    """Columns, a value per case: length of the history, rank of the target, Hit@10, NDCG@10."""
    rank = Outcome.of(model, cases.batch, cases.targets).rank.cpu().numpy()
    lengths = cases.batch.lengths.cpu().numpy()
    metrics = {"hit": hit(rank, CUTOFF), "ndcg": ndcg(rank, CUTOFF)}
    return {"length": lengths, "rank": rank, **metrics}
