"""What is lost when the most important items of a history are taken away, or alone are left.

Comprehensiveness is the mean over k of what is lost without the k most important items,
sufficiency of what is lost with them alone (ERASER, DeYoung et al. 2020, arXiv 1911.03429): in nats
of the target's log probability over the catalogue. k is a number of items rather than a share,
since a share of a short history is nothing.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.attention.base_pass import BasePass
from workbench.explaining.erasure import scores_without
from workbench.metrics import target_ranks
from workbench.statistics.rounding import levels

SIZES = (1, 2, 3, 5)  # k
POOL = 10  # items among which a search chooses


class Outcome(NamedTuple):
    """What a model makes of targets.

    Attributes
    ----------
    nats : [N, K], log probability over the catalogue.
    ranks : [N, K], 1 is best; 0 where they were not asked for.
    """

    nats: Tensor
    ranks: Tensor


def most_important_first(importance: Tensor, candidates: Tensor, seed: int = 0) -> Tensor:
    """The place of each item when the most important comes first, [B, L] from 0.

    Items of equal importance, except for rounding, come in random order. What is no candidate comes
    last, and so does NaN among the candidates.

    Parameters
    ----------
    importance : [B, L].
    candidates : [B, L] bool, which items are ranked.
    seed : of the random order.
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.rand(importance.shape, generator=generator).to(importance.device).argsort(1)
    values = levels(importance, candidates).nan_to_num(-torch.inf).gather(1, shuffled)
    there = candidates.gather(1, shuffled)
    order = values.masked_fill(~there, -torch.inf).argsort(dim=1, descending=True, stable=True)
    # a candidate at minus infinity comes before what is none
    order = order.gather(1, (~there.gather(1, order)).to(torch.uint8).argsort(dim=1, stable=True))
    return shuffled.gather(1, order).argsort(1)


class Removals:
    """What becomes of targets without some items of their histories; the same removal is run once.

    Parameters
    ----------
    base : the pass of the histories as they are.
    targets : [B, K] items.
    operator : as in `scores_without`.
    """

    def __init__(self, base: BasePass, targets: Tensor, operator: str = "replacement") -> None:
        self.base, self.targets, self.operator = base, targets, operator
        self._numbers: dict[bytes, int] = {}  # of the removals that were run
        self._ranked: set[bytes] = set()  # those of which ranks are known
        nats = torch.zeros(0, targets.shape[1], dtype=torch.float64, device=targets.device)
        self._run = Outcome(nats, torch.zeros_like(nats, dtype=torch.long))

    @torch.no_grad()
    def outcomes(self, rows: Tensor, removed: Tensor, *, ranked: bool = True) -> Outcome:
        """What becomes of the targets.

        Parameters
        ----------
        rows : [N] indices of histories of the batch.
        removed : [N, L] bool, what is taken from each.
        ranked : whether ranks are asked for, which may take as long as all the rest.
        """
        keys, known = _keys(rows, removed), self._ranked if ranked else self._numbers.keys()
        new = {key: n for n, key in enumerate(keys) if key not in known}
        if new:
            numbers = list(new.values())
            self._numbers |= {key: n for n, key in enumerate(new, len(self._run.nats))}
            found = self._outcomes(rows[numbers], removed[numbers], ranked)
            self._run = Outcome(*map(torch.cat, zip(self._run, found, strict=True)))
            if ranked:
                self._ranked.update(new)
        which = [self._numbers[key] for key in keys]
        return Outcome(*(every[which] for every in self._run))

    def _outcomes(self, rows: Tensor, removed: Tensor, ranked: bool) -> Outcome:
        nats = self._run.nats.new_zeros(len(rows), self.targets.shape[1])
        ranks = torch.zeros_like(nats, dtype=torch.long)
        for numbers, scores in scores_without(self.base, rows, removed, operator=self.operator):
            targets = self.targets[rows[numbers]]
            nats[numbers] = (scores.gather(1, targets) - scores.logsumexp(1, keepdim=True)).double()
            if ranked:
                each = [target_ranks(scores, target) for target in targets.unbind(1)]
                ranks[numbers] = torch.stack(each, 1)
        return Outcome(nats, ranks)


def _keys(rows: Tensor, removed: Tensor) -> list[bytes]:
    """Each history and what is taken from it, in few bytes."""
    histories = rows.cpu().numpy().astype(np.int64)[:, None].view(np.uint8)  # [N, 8]
    packed = np.concatenate([histories, np.packbits(removed.cpu().numpy(), axis=1)], 1)
    return [key.tobytes() for key in packed]


def searched(removals: Removals, effects: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Log probability left when greedy searches take items away one by one.

    In every step of the first search the item goes whose removal lowers the target's log
    probability most, in the second the one that lowers it least. They choose among the `POOL`
    candidates with the largest (smallest) effect of their own. What an importance attains lies
    between the two searches, up to what they miss (normalised AOPC, Edin et al. 2024, arXiv
    2408.08137). All searches go on together, so that histories of like cost share a pass.

    Parameters
    ----------
    removals : of items from the histories.
    effects : [B, L, K], of every item alone on the targets' scores, as `effects_of_each` has them.
    candidates : [B, L] bool, the items that may go.

    Returns
    -------
    tuple of Tensor
        Without the items that matter most, and without those that matter least:
        [B, K, len(SIZES)] each.
    """
    n, _, k = effects.shape
    signed = [sign * each for sign in (1, -1) for each in effects.unbind(-1)]  # 2 K of [B, L]
    pool = torch.cat([candidates & (most_important_first(e, candidates) < POOL) for e in signed])
    searches = torch.arange(len(pool), device=pool.device)  # 2 K B
    histories, targets = searches % n, (searches // n % k)[:, None]
    signs = torch.where(searches < k * n, 1.0, -1.0).double()
    removed = torch.zeros_like(pool)
    nats = removals.outcomes(histories, removed, ranked=False).nats.gather(1, targets)[:, 0]
    left = []
    for step in range(1, max(SIZES) + 1):
        rows, at = (pool & ~removed).nonzero(as_tuple=True)
        tried = removed[rows].scatter(1, at[:, None], True)
        worst = torch.full(pool.shape, torch.inf, dtype=torch.float64, device=nats.device)
        found = removals.outcomes(histories[rows], tried, ranked=False).nats
        worst[rows, at] = signs[rows] * found.gather(1, targets[rows])[:, 0]
        has_more = worst.isfinite().any(1)
        chosen = worst.argmin(1)
        removed[has_more, chosen[has_more]] = True
        nats = torch.where(has_more, signs * worst[searches, chosen], nats)
        if step in SIZES:
            left.append(nats)
    most, least = torch.stack(left, 1).view(2, k, n, -1).transpose(1, 2)
    return most, least


def normalised(lost: Tensor, least: Tensor, most: Tensor) -> Tensor:
    """Where what is lost lies between the least and the most that searches attain; NaN if equal.

    Parameters
    ----------
    lost, least, most : [B], means over `SIZES`.
    """
    span = most - least
    return ((lost - least) / span).masked_fill(span.abs() < 1e-9, torch.nan)
