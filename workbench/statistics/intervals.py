"""Intervals over users: the percentile bootstrap of a mean or median, the exact one of a share.

Efron & Tibshirani, 1993, chapter 13; Clopper & Pearson, Biometrika 26, 1934.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from workbench.errors import WorkbenchError

CHUNK_DRAWS = 4_000_000  # users drawn at a time, about 100 MB
# Users whose value is not zero that the bootstrap of a mean needs. Where nearly all values are
# zero, the few that are not decide everything, and the interval is too narrow: of 943 users, with
# 2 not zero on average, a 95 % interval holds the truth in 72 to 80 % of studies, with 5 in 88 to
# 90 %, with 10 in 92 %; with none it would be [0, 0].
FEWEST_NONZERO = 10
ROUNDING = 1e-12  # of the largest value: sums that small are what rounding left of 0


@dataclass(frozen=True)
class Interval:
    """An estimate, the ends of its interval, and the users it stands on.

    `dropped` counts the users left out because they have no value, `nonzero` those whose value is
    not zero. The ends are NaN where too few users stand behind them to say how far the estimate may
    be off.
    """

    estimate: float
    low: float
    high: float
    n: int
    dropped: int = 0
    level: float = 0.95
    nonzero: int = 0

    @property
    def has_ends(self) -> bool:
        """Whether enough users stand behind it to give it ends."""
        return not np.isnan(self.low)

    def text(self, digits: int = 4) -> str:
        """Such as "+0.0123 [0.0101, 0.0145], n = 943 (2 dropped)"."""
        left_out = f" ({self.dropped:,} dropped)" if self.dropped else ""
        if self.n == 0:
            return f"no value, n = 0{left_out}"
        ends = f"[{self.low:.{digits}f}, {self.high:.{digits}f}]"
        if not self.has_ends:
            ends = f"[too few users: {self.nonzero:,} not zero]"
        return f"{self.estimate:+.{digits}f} {ends}, n = {self.n:,}{left_out}"

    def __str__(self) -> str:
        return self.text()


def bootstrap_mean(
    values: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of one value per user, [n], with its interval; NaNs are dropped and counted.

    The ends are NaN where fewer than `FEWEST_NONZERO` values are not zero.
    """
    return bootstrap_means(_checked(values, 1)[:, None], n_resamples, level, seed)[0]


def paired_bootstrap(
    differences: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of one difference per user, [n]: two conditions measured on the same users.

    Resampling the users resamples both conditions together, so what the users differ in cancels.
    """
    return bootstrap_mean(differences, n_resamples, level, seed)


def bootstrap_means(
    values: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> list[Interval]:
    """The mean of every column of [n, k], with its interval as of `bootstrap_mean`.

    Every column sees the same resampled users: drawing users with replacement gives each a count,
    and [resamples, n] counts times [n, k] values are all the resampled sums at once.
    """
    table = _checked(values, 2)
    _check_options(n_resamples, level)
    known = ~np.isnan(table)
    somebody = known.any(1)
    n = known.sum(0)
    with np.errstate(invalid="ignore"):
        estimate = np.where(known, table, 0).sum(0) / n
    filled = np.where(known, table, 0)[somebody]
    weight = known[somebody].astype(np.float64)

    users, columns = filled.shape
    resampled = np.full((n_resamples, columns), np.nan)
    generator = np.random.default_rng(seed)
    size = max(1, CHUNK_DRAWS // max(1, users))
    complete = bool(weight.all())
    for start in range(0, n_resamples if users else 0, size):
        part = slice(start, min(start + size, n_resamples))
        counts = _counts(generator, part.stop - start, users)
        with np.errstate(invalid="ignore"):  # a resample may miss all users of a sparse column
            resampled[part] = counts @ filled / (users if complete else counts @ weight)
    zero = ROUNDING * np.abs(filled).max(0, initial=0)  # [k]
    resampled[np.abs(resampled) <= zero] = 0
    nonzero = (np.abs(filled) > zero).sum(0)
    found = []
    for c in range(columns):
        low, high = np.nan, np.nan
        if nonzero[c] >= FEWEST_NONZERO:
            low, high = _ends(resampled[:, c], level)
        dropped = len(table) - int(n[c])
        found.append(
            Interval(float(estimate[c]), low, high, int(n[c]), dropped, level, int(nonzero[c]))
        )
    return found


def exact_share(values: ArrayLike, level: float = 0.95) -> Interval:
    """The share of users who have something, 0 or 1 for each, [n]; NaNs are dropped and counted.

    With the exact binomial interval, which holds for any share and number of users: for nobody out
    of 200 it ends at 1.8 %. The ends are NaN where there is no user.
    Raises WorkbenchError for a value that is neither 0 nor 1.
    """
    vector = _checked(values, 1)
    _check_options(1, level)
    known = vector[~np.isnan(vector)]
    if not np.isin(known, (0, 1)).all():
        raise WorkbenchError("A share needs 0 or 1 for each user, or NaN for a user without one.")
    n, k = len(known), int(known.sum())
    low = high = np.nan
    if n:
        tail = (1 - level) / 2
        low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return Interval(k / n if n else np.nan, low, high, n, len(vector) - n, level, k)


def bootstrap_median(
    values: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The median of one value per user, [n], with its interval; NaNs are dropped and counted.

    No sample is drawn: the k-th smallest of n indices drawn with replacement is floor(n U), U the
    k-th of n uniform order statistics, Beta(k, n - k + 1). So the middle ones are drawn directly.
    """
    vector = _checked(values, 1)
    _check_options(n_resamples, level)
    known = np.sort(vector[~np.isnan(vector)])
    n = len(known)
    dropped, nonzero = len(vector) - n, int(np.count_nonzero(known))
    if n < 2:
        alone = float(known[0]) if n else np.nan
        return Interval(alone, np.nan, np.nan, n, dropped, level, nonzero)
    generator = np.random.default_rng(seed)
    k = (n + 1) // 2
    lower = generator.beta(k, n - k + 1, n_resamples)
    upper = lower
    if n % 2 == 0:  # the next order statistic is the smallest of the n - k above it
        upper = lower + (1 - lower) * generator.beta(1, n - k, n_resamples)
    medians = sum(known[np.minimum((n * u).astype(int), n - 1)] for u in (lower, upper)) / 2
    low, high = _ends(medians, level)
    return Interval(float(np.median(known)), low, high, n, dropped, level, nonzero)


def _counts(generator: np.random.Generator, resamples: int, users: int) -> np.ndarray:
    """[resamples, users]: how often each user is drawn."""
    drawn = generator.integers(0, users, (resamples, users))
    drawn += users * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * users)
    return counts.reshape(resamples, users).astype(np.float64)


def _ends(resampled: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def _checked(values: ArrayLike, dimensions: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        shape = "[users]" if dimensions == 1 else "[users, columns]"
        raise WorkbenchError(f"A bootstrap of {shape} was given an array of shape {array.shape}.")
    if np.isinf(array).any():
        raise WorkbenchError("A bootstrap needs finite values, or NaN for a user without one.")
    return array


def _check_options(n_resamples: int, level: float) -> None:
    if n_resamples < 1 or not 0 < level < 1:
        raise WorkbenchError(
            f"A bootstrap needs n_resamples >= 1 and a level between 0 and 1, "
            f"and was given {n_resamples} and {level}."
        )
