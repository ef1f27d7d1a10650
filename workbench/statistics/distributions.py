"""Divergence of score distributions, and entropy of attention weights against its bounds."""

import math

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.statistics.given_numbers import tensors

CHUNK_NUMBERS = 2**16  # scores at a time, which stay in the cache of a core
ROUNDING = 1e-14  # nats: less is what rounding leaves of distributions that are the same
LEAST = -1e4  # stands for -inf below the highest score: its exponential is 0, and 0 times it too


def jensen_shannon_of_scores(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    """Jensen-Shannon divergence of the softmax of two sets of scores, in nats, 0 to log 2.

    For distributions that are at hand, such as weights of attention, give their logarithms.

    H((p + q) / 2) - (H(p) + H(q)) / 2 (Lin, IEEE Trans. Information Theory 1991); what is no more
    than rounding is 0.

    Parameters
    ----------
    p_logits, q_logits : scores, [B, V]; -inf is a probability of 0. Tensors, arrays or lists.

    Returns
    -------
    Tensor
        [B] float64; NaN where a row holds NaN, +inf or nothing but -inf.

    Raises
    ------
    WorkbenchError
        If the two are not of one shape [B, V].
    """
    p_logits, q_logits = tensors(p_logits=p_logits, q_logits=q_logits)
    if p_logits.dim() != 2 or p_logits.shape != q_logits.shape:
        raise WorkbenchError(
            f"scores {tuple(p_logits.shape)} and {tuple(q_logits.shape)} must share one shape "
            "[B, V]; give scores[None] of a single row."
        )
    return Distributions(p_logits).divergence(q_logits)


class Distributions:
    """The softmax of scores [B, V], of which the part in divergences from them is taken once.

    Parameters
    ----------
    logits : scores; -inf is a probability of 0.
    """

    def __init__(self, logits: Tensor) -> None:
        self.rows = max(1, CHUNK_NUMBERS // max(1, logits.shape[1]))
        self.chunks = [_softmax(part) for part in logits.split(self.rows)]

    def divergence(self, logits: Tensor) -> Tensor:
        """Divergence from those of other scores, as in `jensen_shannon_of_scores`."""
        parts = []
        for (p, p_log), (q, q_log) in zip(
            self.chunks, map(_softmax, logits.split(self.rows)), strict=True
        ):
            both = q.add_(p)  # twice the mean
            logs = both.clamp(min=torch.finfo(p.dtype).tiny).log_()
            parts.append((p_log + q_log - logs.mul_(both).sum(-1)) / 2 + math.log(2))
        nats = torch.cat(parts)
        return nats.masked_fill(nats < ROUNDING, 0)


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The softmax p of [B, V], and the sum of p log p, [B], without a logarithm of each."""
    scores = logits.double()
    scores = (scores - scores.amax(-1, keepdim=True)).clamp_(min=LEAST)
    p = scores.exp()
    total = p.sum(-1)
    expected = scores.mul_(p).sum(-1) / total
    return p.div_(total[:, None]), expected - total.log()


def shares(weights: Tensor) -> Tensor:
    """Each row of weights [..., K] over its sum; a row of zeros stays one."""
    return weights / weights.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


def entropy(weights: Tensor, allowed: Tensor) -> Tensor:
    """Shannon entropy of each row of weights over its allowed keys, in nats; 0 log 0 = 0.

    Parameters
    ----------
    weights : [..., K], each row a distribution over its allowed keys.
    allowed : bool, broadcast to `weights`.

    Returns
    -------
    Tensor
        [...] float64; NaN for a row without an allowed key.

    Raises
    ------
    WorkbenchError
        If `allowed` is not boolean.
    """
    weights, allowed = _with_allowed(weights, allowed)
    allowed = allowed.expand_as(weights)
    nats = torch.special.entr(weights.double().masked_fill(~allowed, 0)).sum(-1)
    return nats.masked_fill(~allowed.any(-1), torch.nan)


def _with_allowed(weights: Tensor, allowed: Tensor) -> list[Tensor]:
    weights, allowed = tensors(weights=weights, allowed=allowed)
    if allowed.dtype != torch.bool:
        raise WorkbenchError(f"allowed must be a bool tensor, and is {allowed.dtype}.")
    return [weights, allowed]


def normalised_entropy(weights: Tensor, allowed: Tensor) -> Tensor:
    """The share of its upper bound that entropy reaches; parameters as in `entropy`.

    Returns
    -------
    Tensor
        [...] float64, 0 to 1; NaN for a row with fewer than two allowed keys, which has no choice.
    """
    weights, allowed = _with_allowed(weights, allowed)
    n_allowed = allowed.expand_as(weights).sum(-1)
    share = entropy(weights, allowed) / entropy_bound(n_allowed)
    return share.masked_fill(n_allowed < 2, torch.nan)


def entropy_bound(n_allowed: Tensor) -> Tensor:
    """log n, the entropy of uniform attention over n keys: the largest possible, in nats.

    Parameters
    ----------
    n_allowed : numbers of keys, [...].
    """
    (n_allowed,) = tensors(n_allowed=n_allowed)
    return n_allowed.double().log()


def calibrated_entropy_bound(n_allowed: Tensor) -> Tensor:
    """The least entropy of a softmax over n scores in [0, 1], as AC's last softmax is, in nats.

    The entropy H = log Z - sum w s changes with one score at the rate w (mean - s), where mean is
    sum w s: along each score it rises, then falls, so its minimum lies where every score is 0 or 1.
    With m ones, Z = n + (e - 1) m and H = log Z - e m / Z, least at m = n / (e - 1)^2 if m need
    not be whole; so one of the two whole numbers beside it. Over many keys the bound is
    0.1233 nats under log n.

    Parameters
    ----------
    n_allowed : numbers of keys, [...], at least 1.

    Returns
    -------
    Tensor
        [...] float64.
    """
    (n_allowed,) = tensors(n_allowed=n_allowed)
    n = n_allowed.double()
    best = n / (math.e - 1) ** 2

    def with_ones(m: Tensor) -> Tensor:
        total = n + (math.e - 1) * m
        return total.log() - math.e * m / total

    return torch.minimum(with_ones(best.floor()), with_ones(best.ceil()))


def calibrated_weight_bound(n_allowed: Tensor) -> Tensor:
    """The largest weight that a softmax over n scores in [0, 1] can give.

    It is e / (e + n - 1), with one score at 1 and the others at 0: 5.3 % for 50 keys.
    """
    (n_allowed,) = tensors(n_allowed=n_allowed)
    return math.e / (math.e + n_allowed.double() - 1)
