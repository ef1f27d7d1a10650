"""The smallest change of a history after which the model recommends something else.

Which is the fewest items whose removal takes the model's own top item from the first place
(counterfactual explanation; for attention-based recommenders CLEANN, Rohekar et al. 2023, arXiv
2310.20307).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models import Batch
from workbench.attention.base_pass import BasePass
from workbench.explaining.erasure import scores_without
from workbench.explaining.methods import default_erasure
from workbench.metrics import target_ranks
from workbench.model import Model

MOST = 5  # items taken away
EXHAUSTIVE = 2  # up to which number every set of items is tried
POOL = 10  # items of the largest single effect, of which all sets of one more are tried


class SmallestChange(NamedTuple):
    """The smallest change of each history.

    Attributes
    ----------
    size : [B], items taken away; NaN where up to `MOST` do not suffice, or the search missed them.
    removed : [B, L] bool, these items; none where `size` is NaN.
    successor : [B], the item that is first without them; 0 where `size` is NaN.
    old_rank : [B], the successor's rank before; NaN where `size` is.
    passes : [B], histories that the model ran for it, the unchanged one included.
    """

    size: Tensor
    removed: Tensor
    successor: Tensor
    old_rank: Tensor
    passes: Tensor


@torch.no_grad()
def smallest_change(
    model: Model, batch: Batch, operator: str | None = None, *, hidden: Tensor | None = None
) -> SmallestChange:
    """The fewest items without which another item scores higher than the model's own first.

    All sets of one and of two items are tried, so that these sizes are exact. Of three, all sets
    among the `POOL` items of largest single effect; from three on also the best set so far with
    any item more (a greedy search), so that a size above two may be too large, and NaN may hide
    one. An effect is how far the best of the other items gets ahead of the old first, in nats; of
    several sets of the smallest size, the one of the largest effect is given.

    A history of n items costs up to 1 + n + n (n - 1) / 2 + 120 + 3 n passes, and 1 + n where a
    single item suffices.

    Parameters
    ----------
    model, batch : what scores, and the histories. It is in evaluation mode meanwhile.
    operator : how items are taken away, as in `scores_without`; by default as `default_erasure`
        says.
    hidden : [B, K] items that are not ranked, such as those that a user has seen; 0 for none.
    """
    home, batch = batch.items.device, batch.to(model.device)
    none = torch.zeros_like(batch.items[:, :1])
    hidden = none if hidden is None else hidden.to(model.device)
    operator = operator or default_erasure(model)
    base = BasePass(model, batch)
    scores = base.scores().scatter(1, hidden, -torch.inf)
    top = scores.argmax(1)
    size = torch.full(top.shape, torch.nan, dtype=torch.float64, device=top.device)
    removed, pool = torch.zeros_like(batch.valid), torch.zeros_like(batch.valid)
    successor, passes = torch.zeros_like(top), torch.ones_like(top)
    for k in range(1, MOST + 1):
        rows = size.isnan().nonzero()[:, 0]
        sets = [_sets(k, batch.valid[row], removed[row], pool[row]) for row in rows]
        counts = [len(each) for each in sets]
        if not sum(counts):
            break
        passes[rows] += torch.tensor(counts, device=rows.device)
        which = rows.repeat_interleave(torch.tensor(counts, device=rows.device))
        others = torch.cat([hidden, top[:, None]], 1)
        effects, firsts = _effects(base, which, torch.cat(sets), others, operator)
        parts = zip(rows, sets, effects.split(counts), firsts.split(counts), strict=True)
        for row, tried, effect, first in parts:
            if not len(tried):
                continue
            best = effect.argmax()
            removed[row] = tried[best]
            if effect[best] > 0:
                size[row], successor[row] = k, first[best]
            elif k == 1:
                largest = effect.topk(min(POOL, len(effect))).indices
                pool[row] = tried[largest].any(0)
    found = ~size.isnan()
    old_rank = target_ranks(scores, successor).double().masked_fill(~found, torch.nan)
    change = SmallestChange(size, removed & found[:, None], successor, old_rank, passes)
    return SmallestChange(*(each.to(home) for each in change))


def _sets(size: int, valid: Tensor, best: Tensor, pool: Tensor) -> Tensor:
    """The sets of `size` items of one history that are tried, [N, L] bool.

    `valid`, `best` (the best set of one item less) and `pool` are [L] bool.
    """
    if size <= EXHAUSTIVE:
        return _subsets(valid, size)
    added = (valid & ~best).nonzero()
    grown = best.repeat(len(added), 1).scatter(1, added, True)
    if size > EXHAUSTIVE + 1:
        return grown
    return torch.cat([grown, _subsets(pool, size)]).unique(dim=0)


def _subsets(items: Tensor, size: int) -> Tensor:
    """All subsets of `size` of the items marked in [L], [N, L] bool."""
    chosen = torch.combinations(items.nonzero()[:, 0], size)
    return items.new_zeros(len(chosen), len(items)).scatter(1, chosen, True)


def _effects(
    base: BasePass, rows: Tensor, removed: Tensor, others: Tensor, operator: str
) -> tuple[Tensor, Tensor]:
    """How far the best other item is ahead of the old first in nats, and which it is, [N] each.

    `rows` [N] are histories of the pass, `removed` [N, L] what is taken from each, `others`
    [B, K + 1] what is not ranked, and the old first. Minus infinity where nothing is left to
    predict from.
    """
    effects = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    firsts = torch.zeros_like(rows)
    for numbers, scores in scores_without(base, rows, removed, operator=operator):
        unranked = others[rows[numbers]]
        old = scores.gather(1, unranked[:, -1:])[:, 0].double()
        best, firsts[numbers] = scores.scatter(1, unranked, -torch.inf).max(1)
        effects[numbers] = (best.double() - old).nan_to_num(-torch.inf)
    return effects, firsts
