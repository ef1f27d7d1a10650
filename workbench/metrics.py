"""Ranks of targets among scores, and the metrics that are made of them."""

import numpy as np
import torch
from torch import Tensor

CUTOFFS = (1, 3, 5, 10, 20, 50)
CUTOFF = 10  # ranks up to which a model counts as right


def target_ranks(scores: Tensor, targets: Tensor) -> Tensor:
    """1 + how many items score higher, and half of those that score the same, rounded up.

    Parameters
    ----------
    scores : [B, V]. One that is not a number loses against all others.
    targets : [B], items by number.

    Returns
    -------
    Tensor
        [B].
    """
    return _ranks(*_rivals(scores, scores.gather(1, targets[:, None])))


def log_probabilities(scores: Tensor, targets: Tensor) -> Tensor:
    """Of targets [B, K] over the catalogue, from scores [B, V]: [B, K], in nats and float64."""
    return scores.double().log_softmax(-1).gather(1, targets)


def best_items(scores: Tensor) -> Tensor:
    """The item of the highest score in each row of [B, V], the first of equals: [B]."""
    if scores.device == torch.device("cpu"):  # where NumPy takes a tenth of the time
        return torch.from_numpy(scores.detach().numpy().argmax(-1))
    return scores.argmax(-1)


def best_first(scores: Tensor, k: int) -> Tensor:
    """The k items of highest score in each row of [B, V], best first, equals by number: [B, k]."""
    best = scores.topk(min(k + 1, scores.shape[1]))
    items = best.indices[:, :k]
    tied = (best.values[:, k:] == best.values[:, k - 1 : k]).any(1)  # any of which may be in it
    if tied.any():
        items[tied] = scores[tied].argsort(dim=1, descending=True, stable=True)[:, :k]
    items = items.sort(1).values
    order = scores.gather(1, items).argsort(dim=1, descending=True, stable=True)
    return items.gather(1, order)


def ranks_kept_and_removed(scores: Tensor, targets: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Ranks as in `target_ranks`, with what was seen, and without it.

    Parameters
    ----------
    scores, targets : as there.
    seen : [B, S] items that are no competitors in the second, filled up with 0, in any order and as
        often as they like. Nothing is sorted or copied but these.

    Returns
    -------
    tuple of Tensor
        [B] each.
    """
    target_scores = scores.gather(1, targets[:, None])  # [B, 1]
    higher, same = _rivals(scores, target_scores)
    ordered = seen.sort(1).values
    again = torch.zeros_like(ordered, dtype=torch.bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    counted = ~again & (ordered > 0) & (ordered != targets[:, None])  # [B, S]
    of_seen = scores.gather(1, ordered)
    seen_higher = (~(of_seen <= target_scores) & counted).sum(1)
    seen_same = ((of_seen == target_scores) & counted).sum(1)
    return _ranks(higher, same), _ranks(higher - seen_higher, same - seen_same)


def _rivals(scores: Tensor, target_scores: Tensor) -> tuple[Tensor, Tensor]:
    """How many of the scores [B, V] are higher than the target's [B, 1], and how many the same."""
    # sums of bool take several times as long; those of single precision are exact up to 2 ** 24
    counted = torch.empty_like(scores, dtype=torch.float32)
    not_higher, no_others = (
        sum(
            part.sum(1).long()
            for part in compare(scores, target_scores, out=counted).split(2**24, 1)
        )
        for compare in (torch.le, torch.eq)
    )
    return scores.shape[1] - not_higher, no_others - 1


def _ranks(higher: Tensor, same: Tensor) -> Tensor:
    return 1 + higher + (same + 1) // 2


def rank_of(scores: Tensor, item: int) -> int:
    """Rank of an item by its score among all [V], seen or not; ties as in `target_ranks`."""
    return int(target_ranks(scores[None], scores.new_tensor([item], dtype=torch.long))[0])


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
