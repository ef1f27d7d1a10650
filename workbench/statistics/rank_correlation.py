"""Kendall's tau-b of many short rows at once, and its p values under independence."""

import numpy as np
import torch
from scipy.special import erfc
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.statistics.given_numbers import tensors

EXACT_UP_TO = 33  # positions; SciPy's switch from the exact to the asymptotic null
CHUNK_NUMBERS = 200_000  # the signs of a chunk's pairs stay in the cache


def kendall_tau_b(x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
    """Kendall's tau-b of every row over its valid positions (Kendall, Biometrika 1945).

    tau-b = S / sqrt(Nx Ny), where S is the sum over pairs of positions of
    sign(x_i - x_j) sign(y_i - y_j), and Nx, Ny count the pairs not tied in x, in y.

    Parameters
    ----------
    x, y : [N, L] numbers (float32 and float64 are compared as they are, others as float64), as
        tensors, arrays of NumPy or lists.
    valid : [N, L] bool; the numbers at the other positions change nothing.

    Returns
    -------
    Tensor
        [N] float64; NaN where a row has fewer than two valid positions, a constant vector or a NaN
        at a valid position: such a row has no tau, which is not a tau of 0.

    Raises
    ------
    WorkbenchError
        If the shapes differ, or `valid` is not boolean.
    """
    x, y, valid = tensors(x=x, y=y, valid=valid)
    score, untied_x, untied_y = _pair_counts(*_arrays(x, y, valid))
    with np.errstate(invalid="ignore"):
        tau = score / np.sqrt(untied_x) / np.sqrt(untied_y)
    return torch.from_numpy(np.clip(tau, -1, 1)).to(x.device)


def kendall_p_value(x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
    """Two-sided p value of every row's tau-b under independence.

    Exact for at most 33 positions without ties (Kendall, Biometrika 1938), else the normal
    approximation with the variance corrected for ties (Kendall, Rank Correlation Methods, 1970).
    scipy.stats.kendalltau chooses in the same way.

    Parameters
    ----------
    x, y, valid : as in `kendall_tau_b`.

    Returns
    -------
    Tensor
        [N] float64; NaN where tau-b is undefined.

    Raises
    ------
    WorkbenchError
        If the shapes differ, or `valid` is not boolean.
    """
    x, y, valid = tensors(x=x, y=y, valid=valid)
    a, b, mask = _arrays(x, y, valid)
    score, untied_x, untied_y = _pair_counts(a, b, mask)
    n = mask.sum(1)
    ordered = n * (n - 1.0)
    tied_x, tied_y = ordered / 2 - untied_x, ordered / 2 - untied_y
    triples_x, triples_y = _tied_triples(a, mask), _tied_triples(b, mask)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Over groups of t tied positions, t(t-1)(2t+5) is twice the triples and 18 times the pairs.
        variance = (
            (ordered * (2 * n + 5) - 2 * (triples_x + triples_y) - 18 * (tied_x + tied_y)) / 18
            + 2 * tied_x * tied_y / ordered
            + triples_x * triples_y / (9 * ordered * (n - 2))
        )
        p = erfc(np.abs(score) / np.sqrt(2 * variance))

    exact = (tied_x + tied_y == 0) & (n <= EXACT_UP_TO)
    rarer = (ordered / 2 - np.abs(score)) / 2  # pairs of the rarer kind: concordant or discordant
    p[exact] = _exact_p_values()[n[exact], rarer[exact].astype(int)]
    p[(untied_x == 0) | (untied_y == 0)] = np.nan
    return torch.from_numpy(p).to(x.device)


def _arrays(x: Tensor, y: Tensor, valid: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if x.dim() != 2 or x.shape != y.shape or x.shape != valid.shape:
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, y, valid))
        raise WorkbenchError(f"x, y and valid must share one shape [N, L], and have {shapes}.")
    if valid.dtype != torch.bool:
        raise WorkbenchError(f"valid must be a bool tensor, and is {valid.dtype}.")
    x, y = (t if t.dtype in (torch.float32, torch.float64) else t.double() for t in (x, y))
    return x.detach().cpu().numpy(), y.detach().cpu().numpy(), valid.cpu().numpy()


def _pair_counts(x: np.ndarray, y: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[3, N]: the score S, and the numbers of pairs not tied in x and in y (all 0 with a NaN)."""
    # Rows of like length share a chunk, so that short ones do not pay for the longest.
    n, longest = valid.shape
    length = (valid * np.arange(1, longest + 1)).max(1, initial=0)  # up to the last valid position
    order = np.argsort(length, kind="stable")
    counts = np.zeros((3, n), np.int64)
    size = max(1, CHUNK_NUMBERS // max(1, longest))
    for start in range(0, n, size):
        rows = order[start : start + size]
        width = length[rows[-1]]
        counts[:, rows] = _count_chunk(
            *(np.ascontiguousarray(values[rows, :width].T) for values in (x, y, valid))
        )
    return counts


def _count_chunk(x: np.ndarray, y: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """`_pair_counts` of arrays [L, C], a column per row; the arrays are overwritten.

    Positions d apart are compared for all rows at once, one d after the other. A comparison with
    NaN is false, so a pair with an invalid position has sign 0 and counts nowhere.
    """
    valid &= ~((np.isnan(x) | np.isnan(y)) & valid).any(0)
    x[~valid] = y[~valid] = np.nan
    width = len(x)
    # A position is in at most width - 1 pairs, which int8 holds up to 128 positions.
    totals = np.zeros((3, *x.shape), np.int8 if width <= 128 else np.int32)
    buffer = np.empty((5, *x.shape), np.int8)
    for d in range(1, width):
        score, untied_x, untied_y = totals[:, : width - d]
        sign_x, sign_y, less_x, less_y, product = buffer[:, : width - d]
        np.greater(x[d:], x[:-d], out=sign_x.view(bool))
        np.less(x[d:], x[:-d], out=less_x.view(bool))
        np.greater(y[d:], y[:-d], out=sign_y.view(bool))
        np.less(y[d:], y[:-d], out=less_y.view(bool))
        sign_x -= less_x
        sign_y -= less_y
        score += np.multiply(sign_x, sign_y, out=product)
        untied_x += np.bitwise_and(sign_x, 1, out=product)  # -1 & 1 == 1
        untied_y += np.bitwise_and(sign_y, 1, out=product)
    return totals.sum(1, dtype=np.int64)


def _tied_triples(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[N]: the sum of t(t-1)(t-2) over a row's groups of t equal valid values."""
    ordered = np.sort(np.where(valid, values, np.nan), axis=1)
    equal = ordered[:, 1:] == ordered[:, :-1]  # NaN, that is invalid, equals nothing
    tied = equal.any(1)
    run, sums = np.zeros((2, np.count_nonzero(tied)))
    for column in np.ascontiguousarray(equal[tied].T):
        run = (run + 1) * column  # 1, 2, ..., t - 1 along a group
        sums += 3 * run * (run - 1)
    triples = np.zeros(len(values))
    triples[tied] = sums
    return triples


def _exact_p_values() -> np.ndarray:
    """[n, c]: the chance that n positions in random order have c or fewer inversions, doubled."""
    most = EXACT_UP_TO * (EXACT_UP_TO - 1) // 2
    table = np.ones((EXACT_UP_TO + 1, most + 1))
    share = np.zeros(most + 1)  # of the orders of n positions: those with c inversions
    share[0] = 1
    for n in range(2, EXACT_UP_TO + 1):
        below = np.cumsum(share)
        share = below.copy()
        share[n:] -= below[:-n]  # the n-th position adds 0 to n - 1 inversions, all as likely
        share /= n
        table[n] = np.minimum(1, 2 * np.cumsum(share))
    return table


def spearman(x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
    """Spearman's rank correlation of every row over its valid positions; ties share their ranks.

    Parameters
    ----------
    x, y, valid : as in `kendall_tau_b`.

    Returns
    -------
    Tensor
        [N] float64; NaN as in `kendall_tau_b`.

    Raises
    ------
    WorkbenchError
        If the shapes differ, or `valid` is not boolean.
    """
    x, y, valid = tensors(x=x, y=y, valid=valid)
    _arrays(x, y, valid)  # what may not be is said
    count = valid.sum(1, keepdim=True)
    centred = []
    for values in (x.double(), y.double()):
        ordered = values.masked_fill(~valid, torch.inf).sort(1).values
        lower = torch.searchsorted(ordered, values.contiguous())
        not_higher = torch.searchsorted(ordered, values.contiguous(), right=True).minimum(count)
        ranks = (lower + not_higher).double() / 2  # ties lie between, one side as far as the other
        ranks = ranks.masked_fill(~valid, 0)
        mean = ranks.sum(1, keepdim=True) / count
        centred.append((ranks - mean).masked_fill(~valid, 0))
    a, b = centred
    norms = a.norm(dim=1) * b.norm(dim=1)
    missing = ((x.isnan() | y.isnan()) & valid).any(1)
    return ((a * b).sum(1) / norms).masked_fill((norms == 0) | missing, torch.nan).clamp(-1, 1)
