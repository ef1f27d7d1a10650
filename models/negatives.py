"""Losses over a few items that stand for the whole catalogue, the same for all targets of a batch.

A step then costs the same whatever the size of the catalogue. Items are drawn outside; here they
are scored: what is drawn, and how, decides which of the losses is right.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Negatives(Protocol):
    """Items that every target of a batch is compared with, and how.

    Attributes
    ----------
    items : [K] ids.
    """

    @property
    def items(self) -> Tensor: ...

    def loss(self, positive: Tensor, negative: Tensor, targets: Tensor) -> Tensor:
        """The mean over targets, a scalar; a target among the items is no negative of its own.

        Parameters
        ----------
        positive : [N], scores of the targets.
        negative : [N, K], scores of `items` for each of them.
        targets : [N] ids.
        """


@dataclass(frozen=True)
class SampledSoftmax:
    """Cross-entropy whose sum over the catalogue is estimated from items drawn by known chances.

    With n draws d that are not the target p, and Q'(d) = Q(d) / (1 - Q(p)) the chance of each,

        -log(e^s(p) / (e^s(p) + sum_d e^s(d) / (n Q'(d)))).

    The target is there for certain, so it is not corrected, which the usual logQ correction does
    (Khrylchenko et al., RecSys 2025, arXiv 2507.09331; its weighted form, (1 - P(p)) times the
    softmax over the negatives, has the same gradient). With Q uniform and without the target's
    chance it is the scaled cross-entropy of Xu et al. (2024, arXiv 2402.06216) with the scale
    (n_items - 1) / n. The estimated sum is unbiased, and exact where each item is drawn once.

    Parameters
    ----------
    items : [K], drawn with replacement.
    log_q : [n_items + 1], log Q of every item.
    """

    items: Tensor
    log_q: Tensor

    def loss(self, positive: Tensor, negative: Tensor, targets: Tensor) -> Tensor:
        """See `Negatives`."""
        same = self.items == targets[:, None]  # [N, K]
        drawn = (len(self.items) - same.sum(1)).clamp(min=1)  # [N]
        of_others = torch.log1p(-self.log_q[targets].exp())  # [N], log(1 - Q(p))
        weighted = negative - self.log_q[self.items]  # [N, K]
        weighted = weighted.masked_fill_(same, torch.finfo(negative.dtype).min)
        of_drawn = weighted.logsumexp(1) - drawn.log() + of_others  # [N], log of the estimated sum
        return (torch.logaddexp(positive, of_drawn) - positive).mean()


@dataclass(frozen=True)
class GBCE:
    """Generalised binary cross-entropy (gSASRec, Petrov & Macdonald 2023, arXiv 2308.07192).

        -(beta log sigma(s(p) + c) + sum_d log(1 - sigma(s(d) + c))) / K,   c = log(beta / K)

    Sampling shows a model too few negatives, so that its probabilities are too high; beta takes
    that back (see `beta`). Scores are calibrated, not probabilities over the catalogue.

    c is not in the paper. Of all scores that are the same for every item it has the least loss:
    there one target pulls as hard as K others push. Scores of new weights are near 0, and without c
    all embeddings go for c together first, in a direction that hides what tells items apart.

    Parameters
    ----------
    items : [K], drawn uniformly without replacement.
    beta : the power of the target's probability.
    """

    items: Tensor
    beta: float

    def loss(self, positive: Tensor, negative: Tensor, targets: Tensor) -> Tensor:
        """See `Negatives`."""
        others = self.items != targets[:, None]  # [N, K]
        c = math.log(self.beta / len(self.items))
        of_items = (F.softplus(negative + c) * others).sum(1)  # -log(1 - sigma(z)) = softplus(z)
        return ((self.beta * F.softplus(-positive - c) + of_items) / len(self.items)).mean()


def beta(n_items: int, negatives: int, t: float) -> float:
    """The power beta = a (t (1 - 1/a) + 1/a) of gBCE, with the sampling rate a = K / (n_items - 1).

    Parameters
    ----------
    n_items : of the catalogue, two or more.
    negatives : K.
    t : 0 for plain binary cross-entropy (beta 1), 1 for fully calibrated scores (beta a).
    """
    rate = negatives / (n_items - 1)
    return rate * (t * (1 - 1 / rate) + 1 / rate)
