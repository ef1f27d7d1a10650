"""Hit, NDCG and MRR by full ranking over every item."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workbench.data.batches import iterate, make_batch
from workbench.data.sequences import SequenceData
from workbench.data.splits import Split, cases
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.matching import matched
from workbench.mode import evaluation_mode
from workbench.model import Model

CUTOFFS = (1, 3, 5, 10, 20, 50)


@dataclass(frozen=True)
class Evaluation:
    """metrics: name -> value, such as "ndcg@10". ranks: [n], 1 is best. users: [n] indices."""

    metrics: dict[str, float]
    ranks: np.ndarray
    users: np.ndarray
    split: str
    seen_removed: bool


def evaluate(
    model: Model,
    data: SequenceData,
    split: Split = "test",
    *,
    remove_seen: bool = False,
    batch_size: int = 256,
) -> Evaluation:
    """Rank every item for each user's held-out one.

    remove_seen: no item of the user before the held-out one counts as a competitor, however long
    ago it was (the target always stays). Ties count against the model by half. The data are matched
    to the model by the tokens of items and users, see `workbench.matching.matched`; warns
    (WorkbenchWarning) of what the model does not know, or of a model that may not have learned from
    these data. Raises WorkbenchError where nobody can be evaluated, the model was made for another
    catalogue, or it needs times that the data have not.
    """
    data, warning = matched(model, data, held_out=2 if split == "valid" else 1)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    held_out = cases(data, split, model.config.max_length)
    if not len(held_out):
        raise WorkbenchError(
            f"{data.name}: no user has enough interactions for a {split} case; "
            "two are needed for test, three for valid."
        )
    uncut = cases(data, split, int(data.lengths.max()))  # the same, with whole histories
    device = model.device
    ranks = np.empty(len(held_out), dtype=np.int64)
    with torch.no_grad(), evaluation_mode(model):
        for index, batch, targets in iterate(data, held_out, batch_size, order="length"):
            batch, targets = batch.to(device), targets.to(device)
            seen = make_batch(data, uncut.take(index)).items.to(device) if remove_seen else None
            ranks[index] = target_ranks(model.scores(batch), targets, seen).cpu().numpy()
    return Evaluation(metrics_of(ranks), ranks, held_out.users, split, remove_seen)


def target_ranks(scores: Tensor, targets: Tensor, seen: Tensor | None = None) -> Tensor:
    """1 + how many items score higher, and half of those that score the same: [B], rounded up.

    scores: [B, V]. targets: [B]. seen: [B, S] items that are no competitors, filled up with 0. A
    score that is not a number loses against all others.
    """
    target_scores = scores.gather(1, targets[:, None])  # [B, 1]
    if seen is not None:
        scores = scores.scatter(1, seen, -torch.inf).scatter(1, targets[:, None], target_scores)
    higher = (~(scores <= target_scores)).sum(1)
    ties = (scores == target_scores).sum(1) - 1
    return 1 + higher + (ties + 1) // 2


def rank_of(scores: Tensor, item: int) -> int:
    """Rank of an item by its score among all [V], seen or not; ties as in `target_ranks`."""
    score = scores[item]
    return int(1 + (~(scores <= score)).sum() + (scores == score).sum() // 2)


def metrics_of(ranks: np.ndarray) -> dict[str, float]:
    """Hit, NDCG and MRR at every cutoff, one relevant item per user."""
    return {
        f"{name}@{k}": float(measure(ranks, k).mean())
        for k in CUTOFFS
        for name, measure in (("hit", hit), ("ndcg", ndcg), ("mrr", reciprocal_rank))
    }


def hit(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 where the target is among the first k, else 0; like `ranks`, which begin at 1."""
    return (ranks <= k).astype(np.float64)


def ndcg(ranks: np.ndarray, k: int) -> np.ndarray:
    """NDCG at k with one relevant item: 1 / log2(rank + 1) among the first k, else 0."""
    return np.where(ranks <= k, 1 / np.log2(ranks + 1.0), 0.0)


def reciprocal_rank(ranks: np.ndarray, k: int) -> np.ndarray:
    """1 / rank among the first k, else 0."""
    return np.where(ranks <= k, 1.0 / ranks, 0.0)
