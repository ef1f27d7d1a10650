"""What a pass over test cases leads to: scores, ranks and metrics."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from analyses.running.held_out import HeldOutCases
from models import Batch
from workbench.metrics import CUTOFF, best_first, best_items, hit, ndcg, target_ranks
from workbench.mode import evaluation_mode
from workbench.model import Model

METRICS = {"hit": "Hit@10", "ndcg": "NDCG@10"}  # columns of `quality`, and what they are called
SHARES = ("hit",)  # those of them that are shares of users


@dataclass(frozen=True)
class RankedScores:
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

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Hit@10 and NDCG@10 of the target, a value per case, as `METRICS` names them."""
        rank = self.rank.cpu().numpy()
        return {"hit": hit(rank, CUTOFF), "ndcg": ndcg(rank, CUTOFF)}

    def changed_to(self, after: "RankedScores") -> dict[str, np.ndarray]:
        """What another pass gains, `d_hit` and `d_ndcg`, and whether it ranks another item first.

        That is `top1_changed`, 0 or 1. A value per case each.
        """
        gains = {f"d_{name}": after.metrics[name] - before for name, before in self.metrics.items()}
        return gains | {"top1_changed": (after.top != self.top).double().cpu().numpy()}

    @cached_property
    def listed(self) -> Tensor:
        """The ten best items, or all of a catalogue of fewer, [B, 10]."""
        k = min(CUTOFF, self.scores.shape[1] - 1)  # padding is no item
        return best_first(self.scores, k)

    @classmethod
    def of(cls, model: Model, batch: Batch, targets: Tensor) -> "RankedScores":
        """Run a pass in evaluation mode."""
        with evaluation_mode(model):
            return cls.of_scores(model.scores(batch), targets)

    @classmethod
    def of_scores(cls, scores: Tensor, targets: Tensor) -> "RankedScores":
        """Reduce the scores [B, V] of a pass."""
        return cls(scores, target_ranks(scores, targets), best_items(scores))


def overlap(listed: Tensor, others: Tensor) -> Tensor:
    """Jaccard index of two lists of k items [B, k] each: [B], 1 for the same items."""
    k = listed.shape[1]
    both = (listed[:, :, None] == others[:, None]).sum((1, 2))
    return both.double() / (2 * k - both)


@torch.no_grad()
def quality(model: Model, cases: HeldOutCases) -> dict[str, np.ndarray]:
    """Columns, a value per case: length of the history, rank of the target, Hit@10, NDCG@10."""
    ranked = RankedScores.of(model, cases.batch, cases.targets)
    lengths = cases.batch.lengths.cpu().numpy()
    return {"length": lengths, "rank": ranked.rank.cpu().numpy(), **ranked.metrics}
