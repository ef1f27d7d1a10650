"""Four bootstrap intervals of a mean, for many studies at once: what ours are compared with.

Every study sees the same resampled users: [resamples, users] counts times [users, studies] values
are all the resampled sums. What each study's users are is drawn anew, so that its coverage is not
tied to the others'.
"""

import numpy as np
from scipy.special import ndtr, ndtri

Ends = tuple[np.ndarray, np.ndarray]
TIE = 1e-5  # of the spread of the resampled sums; they are float32


def counts(generator: np.random.Generator, resamples: int, users: int, first: int) -> np.ndarray:
    """[resamples, first] float32: how often each of the first of so many users is drawn."""
    total = generator.binomial(users, first / users, resamples)
    drawn = generator.integers(0, first, total.sum())
    drawn += np.repeat(first * np.arange(resamples), total)
    found = np.bincount(drawn, minlength=resamples * first)
    return found.reshape(resamples, first).astype(np.float32)


def bootstrap_ends(
    values: np.ndarray, users: int, drawn: np.ndarray, level: float = 0.95
) -> dict[str, Ends]:
    """Method -> the ends [studies] of the intervals of the means.

    values: [m, studies] of the users who are not zero; the others of `users` are. drawn: [r, m],
    as `counts` returns it.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    total, squares = values.sum(0), (values**2).sum(0)  # [s]
    mean = total / users
    error = np.sqrt(np.maximum(squares / users - mean**2, 0) / (users - 1))
    single = values.astype(np.float32)
    sums = (drawn @ single).T.astype(np.float64)  # [s, r]
    spread = (drawn @ single**2).T / users - (sums / users) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (sums / users - mean[:, None]) / np.sqrt(np.maximum(spread, 0) / (users - 1))
    t = np.sort(np.nan_to_num(t, nan=0.0), 1)
    sums.sort(1)

    tie = TIE * (sums[:, -1:] - sums[:, :1])
    below = (sums < total[:, None] - tie).mean(1)
    equal = (np.abs(sums - total[:, None]) <= tie).mean(1)
    bias = ndtri(below + equal / 2)[:, None]  # [s, 1]
    z = bias + ndtri(tails)  # [s, 2]
    levels = ndtr(bias + z / (1 - _acceleration(values, users)[:, None] * z))

    low, high = _quantiles(sums / users, np.broadcast_to(tails, levels.shape)).T
    least, most = _quantiles(t, np.broadcast_to(tails, levels.shape)).T
    return {
        "percentile": (low, high),
        "basic": (2 * mean - high, 2 * mean - low),
        "BCa": tuple(_quantiles(sums / users, levels).T),
        "bootstrap-t": (mean - error * most, mean - error * least),
    }


def _acceleration(values: np.ndarray, users: int) -> np.ndarray:
    """Sum of cubed deviations over 6 (sum of squared ones)^1.5, [studies]: a mean's jackknife."""
    mean = values.sum(0) / users
    deviation = values - mean
    square = deviation * deviation
    unchanged = users - len(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((square * deviation).sum(0) - unchanged * mean**3) / (
            6 * (square.sum(0) + unchanged * mean**2) ** 1.5
        )


def _quantiles(ordered: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles [s, q] of ordered rows [s, r], between neighbours in proportion."""
    at = np.nan_to_num(levels) * (ordered.shape[1] - 1)
    before = np.floor(at).astype(int)
    after = np.minimum(before + 1, ordered.shape[1] - 1)
    left, right = (np.take_along_axis(ordered, index, 1) for index in (before, after))
    with np.errstate(invalid="ignore"):
        return np.where(left == right, left, left + (at - before) * (right - left))
