"""How well an importance over positions finds the planted cause, and what chance would find."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.statistics.given_numbers import tensors

CHUNK_PAIRS = 4_000_000  # pairs of positions compared at a time


@dataclass(frozen=True)
class CauseScores:
    """How well the cause is found in each row.

    Scores are [N] float64, NaN where no cause is known or the importance has a NaN. Ties count as
    their mean over all ways to break them, so a constant importance scores chance.

    Attributes
    ----------
    rank : rank of the cause, 1 = most important; the mean over several causes.
    top1 : whether the most important position is a cause, 0 to 1.
    average_precision : mean over causes of the precision at their ranks, which is the area under
        precision-recall.
    """

    rank: Tensor
    top1: Tensor
    average_precision: Tensor


def cause_scores(importance: Tensor, valid: Tensor, causes: Tensor) -> CauseScores:
    """Score importances against the positions known to have caused the target.

    Average precision under ties after McSherry & Najork, ECIR 2008: in a tied group of t positions
    with k causes, after g positions with r causes, place g + i is a cause with chance k / t, and
    then has r + 1 + (i - 1)(k - 1) / (t - 1) causes up to it in expectation.

    Parameters
    ----------
    importance : [N, L], greater = more important (take the magnitude of signed ones); as a tensor,
        an array of NumPy or lists, and so are the others.
    valid : [N, L] bool, the positions ranked.
    causes : [N], the position of the cause, negative for none known, or [N, L] bool for several.

    Raises
    ------
    WorkbenchError
        If the shapes or types differ from these, or a cause stands at a position that is not valid.
    """
    importance, valid, causes = tensors(importance=importance, valid=valid, causes=causes)
    mask = _cause_mask(valid, causes)
    if importance.shape != valid.shape:
        raise WorkbenchError(
            f"importance {tuple(importance.shape)} and valid {tuple(valid.shape)} must share one "
            "shape [N, L]."
        )
    size = max(1, CHUNK_PAIRS // max(1, valid.shape[1] ** 2))
    parts = [
        _score(*rows)
        for rows in zip(importance.split(size), valid.split(size), mask.split(size), strict=True)
    ]
    scores = torch.cat(parts, dim=1)
    unknown = ~mask.any(1) | (importance.isnan() & valid).any(1)
    return CauseScores(*scores.masked_fill(unknown, torch.nan))


def chance_scores(valid: Tensor, causes: Tensor) -> CauseScores:
    """What a ranking in random order scores in expectation.

    With n positions and k causes: rank (n + 1) / 2, top-1 k / n, and average precision
    (H + (k - 1)(n - H) / (n - 1)) / n, where H is the n-th harmonic number.

    Parameters
    ----------
    valid : [N, L] bool, the positions ranked.
    causes : [N], or [N, L] bool, as in `cause_scores`.

    Raises
    ------
    WorkbenchError
        If the shapes or types differ from these, or a cause stands at a position that is not valid.
    """
    valid, causes = tensors(valid=valid, causes=causes)
    mask = _cause_mask(valid, causes)
    n, k = valid.sum(1).double(), mask.sum(1).double()  # [N]
    harmonic = torch.digamma(n + 1) - torch.digamma(torch.ones_like(n))
    precision = (harmonic + (k - 1) * (n - harmonic) / (n - 1).clamp(min=1)) / n
    scores = torch.stack([(n + 1) / 2, k / n, precision])
    return CauseScores(*scores.masked_fill(k == 0, torch.nan))


def _cause_mask(valid: Tensor, causes: Tensor) -> Tensor:
    """[N, L] bool."""
    if causes.dim() == 1 and valid.dim() == 2 and len(causes) == len(valid):
        positions = torch.arange(valid.shape[1], device=valid.device)
        if (causes >= valid.shape[1]).any():
            raise WorkbenchError(f"A cause lies beyond the {valid.shape[1]} positions of a row.")
        causes = positions == causes[:, None]
    if causes.shape != valid.shape or causes.dtype != torch.bool or valid.dtype != torch.bool:
        raise WorkbenchError(
            f"valid must be bool [N, L] and causes [N] positions or bool [N, L], and they are "
            f"{valid.dtype} {tuple(valid.shape)} and {causes.dtype} {tuple(causes.shape)}."
        )
    astray = (causes & ~valid).any(1)
    if astray.any():
        raise WorkbenchError(
            f"The cause of row {int(astray.nonzero()[0])} stands at a position that is not valid."
        )
    return causes


def _score(importance: Tensor, valid: Tensor, causes: Tensor) -> Tensor:
    """[3, n]: rank, top-1 and average precision of rows [n, L]."""
    there = valid[:, None, :]  # [n, 1, L]
    greater = (importance[:, None, :] > importance[:, :, None]) & there  # [n, L, L]: j above i
    equal = (importance[:, None, :] == importance[:, :, None]) & there  # [n, L, L]
    cause = causes[:, None, :]  # [n, 1, L]
    above, tied = greater.sum(-1).double(), equal.sum(-1).double()  # [n, L] g, t
    causes_above = (greater & cause).sum(-1).double()  # [n, L] r
    causes_tied = (equal & cause).sum(-1).double()  # [n, L] k
    within = equal.tril().sum(-1).double()  # [n, L] i: a group's positions take its places in turn

    total = causes.sum(1)  # [n]
    rank = ((above + (tied + 1) / 2) * causes).sum(1) / total
    first = valid & (above == 0)
    top1 = (first & causes).sum(1).double() / first.sum(1)
    causes_so_far = causes_above + 1 + (within - 1) * (causes_tied - 1) / (tied - 1).clamp(min=1)
    place = above + within
    precision = torch.where(valid, causes_tied / tied * causes_so_far / place, 0).sum(1) / total
    return torch.stack([rank, top1, precision])
