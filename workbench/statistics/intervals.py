"""Intervals over users: of a mean by a corrected t, of a median and of a share exactly.

docs/statistics.md says how they were chosen; `python -m benchmarks.coverage` measures what they
cover.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, betaincinv, stdtr, stdtrit

from workbench.errors import WorkbenchError
from workbench.statistics.given_numbers import array
from workbench.statistics.moments import CHUNK_NUMBERS, FEWEST_NONZERO, Moments

# Degrees of freedom are this many times n / (kurtosis - 1 - skewness^2). The squared standard error
# itself has 2, by its variance given the mean; but the moments of a sample fall short of the
# population's, and the skewness that is corrected for is estimated too. Chosen by the coverage.
FREEDOM = 0.5


@dataclass(frozen=True)
class Interval:
    """An estimate, the ends of its interval, and the users behind it.

    Attributes
    ----------
    estimate : the mean, median or share.
    low, high : the ends; NaN if too few users are behind them to say how far the estimate may be
        off.
    n : users with a value.
    dropped : users left out because they have no value.
    level : how often such intervals cover the true value.
    nonzero : users whose value is not zero.
    standard_error : of a mean; else NaN.
    p_value : for a mean, the two-sided p value of a true mean of 0, which is below 1 - `level`
        exactly if the interval leaves out 0; else NaN.
    freedom : the degrees of freedom of the Student's t that the ends were made with; infinity where
        they were made without one, or there are none.
    """

    estimate: float
    low: float
    high: float
    n: int
    dropped: int = 0
    level: float = 0.95
    nonzero: int = 0
    standard_error: float = np.nan
    p_value: float = np.nan
    freedom: float = np.inf

    @property
    def has_ends(self) -> bool:
        """Whether enough users are behind it to give it ends."""
        return not np.isnan(self.low)

    def within(self, least: float, most: float) -> "Interval":
        """The same without what the true value cannot be, below `least` or above `most`.

        It covers the true value as often. Ends that are NaN stay so.
        """
        low, high = np.clip([self.low, self.high], least, most).tolist()
        return replace(self, low=low, high=high)

    def columns(self, name: str) -> dict[str, float]:
        """The estimate and the ends as columns of a table: `name`, `name low`, `name high`."""
        return {name: self.estimate, f"{name} low": self.low, f"{name} high": self.high}

    def __str__(self) -> str:
        """Such as "+0.0123 [0.0101, 0.0145], n = 943 (2 dropped)"."""
        left_out = f" ({self.dropped:,} dropped)" if self.dropped else ""
        if self.n == 0:
            return f"no value, n = 0{left_out}"
        ends = f"[{self.low:.4f}, {self.high:.4f}]"
        if not self.has_ends:
            ends = f"[too few users, {self.nonzero:,} of them not zero]"
        return f"{self.estimate:+.4f} {ends}, n = {self.n:,}{left_out}"


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of one value per user with its interval, in the unit of the values.

    A value may be a difference between two conditions on the same users: how users differ in both
    alike cancels in each.

    Parameters
    ----------
    values : [n]; NaNs are dropped and counted.
    level : as in `mean_intervals`, which also says how and what it raises.
    """
    return mean_intervals(_checked(values, 1)[:, None], level)[0]


def mean_intervals(values: ArrayLike, level: float = 0.95) -> list[Interval]:
    """The mean of every column with its interval.

    Student's t, with two corrections for values that are mostly zero or skewed: Hall's cubic
    transformation takes the skewness out of t (J. R. Statist. Soc. B 54, 1992), and the degrees of
    freedom fall as the kurtosis rises, since the standard error is then less to be trusted. Values
    that are all the same have an interval of no width, and the p value of a sign test.

    Parameters
    ----------
    values : a row per user, [n, k]; NaNs are dropped from their column and counted.
    level : how often the intervals cover the true mean.

    Returns
    -------
    list
        An interval per column. Its ends are NaN if fewer than `FEWEST_NONZERO` values are not zero.

    Raises
    ------
    WorkbenchError
        If the values have another shape, a value is infinite, or the level is not between 0 and 1.
    """
    table = _checked(values, 2)
    _check_level(level)
    width = max(1, CHUNK_NUMBERS // max(1, len(table)))
    return [
        interval
        for start in range(0, table.shape[1], width)
        for interval in intervals_of(Moments.of(table[:, start : start + width]), level)
    ]


def intervals_of(moments: Moments, level: float = 0.95) -> list[Interval]:
    """The means of `mean_intervals`, from the moments of all users."""
    n, mean, rounding = moments.n, moments.mean.copy(), moments.rounding
    with np.errstate(invalid="ignore", divide="ignore"):
        mean[np.abs(mean) <= rounding] = 0
        mean[n == 0] = np.nan
        variance, cubes, fourths = moments.sums / n
        skewness = cubes / variance**1.5
        kurtosis = fourths / variance**2
        error = np.sqrt(variance / (n - 1))
        loose = np.maximum(kurtosis - 1 - skewness**2, 0)  # 0 for values of two kinds
        freedom = np.minimum(n - 1, FREEDOM * n / loose)
        bend = skewness / (3 * np.sqrt(n))
        most = stdtrit(freedom, (1 + level) / 2)
        low, high = (mean - error * _skewed(z, bend) for z in (most, -most))
        p = 2 * stdtr(freedom, -np.abs(_unskewed(mean / error, bend)))
    same = np.sqrt(variance) <= rounding
    low[same] = high[same] = mean[same]
    error[same] = 0
    p[same] = 2.0 ** (1 - n[same])
    few = moments.nonzero < FEWEST_NONZERO
    freedom[same | few] = np.inf
    for column in (low, high, error, p):
        column[few] = np.nan
    columns = (mean, low, high, n, moments.dropped, moments.nonzero, error, p, freedom)
    return [
        Interval(m, lo, hi, count, left_out, level, changed, se, chance, df)
        for m, lo, hi, count, left_out, changed, se, chance, df in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _unskewed(t: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Hall's transformation of t, ((1 + bend t)^3 - 1) / (3 bend) + bend / 2, which rises with t.

    bend: skewness / (3 sqrt(n)).
    """
    return t * (1 + bend * t * (1 + bend * t / 3)) + bend / 2


def _skewed(z: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """The inverse of `_unskewed`."""
    shifted = z - bend / 2
    root = np.cbrt(1 + 3 * bend * shifted)
    return 3 * shifted / (root * (root + 1) + 1)  # (root - 1) / bend without its cancellation


def exact_share(values: ArrayLike, level: float = 0.95) -> Interval:
    """The share of users who have something, with the exact binomial interval.

    The interval (Clopper & Pearson, Biometrika 26, 1934) holds for any share and number of users:
    for nobody out of 200 it ends at 1.8 %.

    Parameters
    ----------
    values : 0 or 1 for each user, [n]; NaNs are dropped and counted.
    level : how often the interval covers the true share, at least.

    Returns
    -------
    Interval
        The share; its ends are NaN if there is no user.

    Raises
    ------
    WorkbenchError
        If the values have another shape, a value is neither 0 nor 1, or the level is not between 0
        and 1.
    """
    vector = _checked(values, 1)
    _check_level(level)
    known = vector[~np.isnan(vector)]
    if not np.isin(known, (0, 1)).all():
        raise WorkbenchError("A share needs 0 or 1 for each user, or NaN for a user without one.")
    return _share(len(known), int(known.sum()), len(vector) - len(known), level)


def shares_of(moments: Moments) -> list[Interval]:
    """The shares of `exact_share`, from the moments of all users; of other columns their means."""
    return [
        _share(n, ones, dropped, mean.level) if binary else mean
        for mean, n, ones, dropped, binary in zip(
            intervals_of(moments),
            *(c.tolist() for c in (moments.n, moments.ones, moments.dropped, moments.binary)),
            strict=True,
        )
    ]


def _share(n: int, k: int, dropped: int, level: float) -> Interval:
    """The share of k in n users, with the exact interval."""
    low = high = np.nan
    if n:
        tail = (1 - level) / 2
        low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
        high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(k / n if n else np.nan, low, high, n, dropped, level, k)


def median_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The median of one value per user, with its interval.

    The interval is from the k-th smallest to the k-th largest value, with the greatest k for which
    the chance that the true median lies beyond one of them is at most (1 - level) / 2 on each side.
    As many users or more fall on one side of the median as heads fall in n tosses, whatever the
    distribution of the values, so the interval covers the level or more.

    Parameters
    ----------
    values : a value per user, [n]; NaNs are dropped and counted.
    level : how often the interval covers the true median, at least.

    Returns
    -------
    Interval
        The median; its ends are NaN if there is no such k, for 95 % with fewer than six users.

    Raises
    ------
    WorkbenchError
        If the values have another shape, a value is infinite, or the level is not between 0 and 1.
    """
    vector = _checked(values, 1)
    _check_level(level)
    known = np.sort(vector[~np.isnan(vector)])
    n = len(known)
    k = int((bdtr(np.arange(n), n, 0.5) < (1 - level) / 2).sum())  # the binomial's quantile
    low, high = (float(known[k - 1]), float(known[n - k])) if k else (np.nan, np.nan)
    estimate = float(np.median(known)) if n else np.nan
    return Interval(
        estimate, low, high, n, len(vector) - n, level, nonzero=int(np.count_nonzero(known))
    )


def _checked(values: ArrayLike, dimensions: int) -> np.ndarray:
    table = array("values", values)
    if table.ndim != dimensions:
        shape = "[users]" if dimensions == 1 else "[users, columns]"
        raise WorkbenchError(f"An interval of {shape} was given an array of shape {table.shape}.")
    if np.isinf(table).any():
        raise WorkbenchError("An interval needs finite values, or NaN for a user without one.")
    return table


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise WorkbenchError(f"An interval needs a level between 0 and 1, and was given {level}.")
