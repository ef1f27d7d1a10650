"""What many intervals together can claim, and what one of them could have shown."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from workbench.errors import WorkbenchError, whole
from workbench.statistics.given_numbers import array
from workbench.statistics.intervals import Interval

FEWEST, MOST = 0.1, 1e9  # degrees of freedom that are told from none and from infinitely many


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjusted p values of several tests (Holm, Scand. J. Statist. 6, 1979).

    Whoever claims all those below 0.05 claims anything false at most 5 % of the time, however the
    tests depend on each other: the smallest is multiplied by the number of tests, the next by one
    less, and so on; none falls below a smaller one's.

    Parameters
    ----------
    p_values : a p value per test, [m]; a NaN is no test and stays NaN.

    Returns
    -------
    ndarray
        The adjusted p values, [m], in the same order.

    Raises
    ------
    WorkbenchError
        If the p values have another shape, or one is not between 0 and 1.
    """
    p = array("p_values", p_values)
    if p.ndim != 1:
        raise WorkbenchError(f"Holm's method takes p values [tests], not of shape {p.shape}.")
    if ((p < 0) | (p > 1)).any():
        raise WorkbenchError("Holm's method takes p values between 0 and 1, or NaN for no test.")
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    adjusted = p.copy()
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted


def detectable(interval: Interval, power: float = 0.8, comparisons: int = 1) -> float:
    """The smallest true mean at which such an interval would leave out 0 with this power.

    If the true mean is d standard errors, t = mean / standard error has the noncentral t
    distribution with noncentrality d and the interval's degrees of freedom (Johnson & Welch,
    Biometrika 31, 1940). Given is the d for which t is above its quantile for the interval's level
    with this power, times the standard error: for 95 % and 0.8 that is 2.8 standard errors where
    many users decide, 3.8 with 4 degrees of freedom, 5.7 with 2, and 16.3 with 1.

    It depends on how far users, and trainings, scatter, not on the mean that was observed; and on
    the standard error as this study has estimated it, which is itself uncertain where the degrees
    of freedom are few. It rises without bound as these fall, comparisons rise or the power nears 1.
    A result that the mean cannot reach, as a difference of 4 in a metric between 0 and 1, says that
    no true mean would have been shown. Below a tenth of a degree of freedom (no interval made here
    has less than 1) it is infinite. It is NaN without a standard error.

    Parameters
    ----------
    interval : the interval of a mean.
    power : the chance that the interval leaves out 0, on the side of the true mean.
    comparisons : the tests that share the risk of 1 - level. By Holm's method these are, for a
        test that found nothing, all that found nothing: however small its p value had been, it
        would have been rejected exactly if below the risk divided by their number.

    Raises
    ------
    WorkbenchError
        If the power is below 0.5, or is not below 1, or there is no whole number of comparisons.
    """
    whole("comparisons", comparisons)
    if not 0.5 <= power < 1:
        raise WorkbenchError(f"The power must be at least 0.5 and below 1, and is {power}.")
    if np.isnan([interval.standard_error, interval.freedom]).any():
        return np.nan
    if interval.freedom < FEWEST:
        return np.inf
    tail = (1 - interval.level) / (2 * comparisons)
    return _noncentrality(min(interval.freedom, MOST), tail, power) * interval.standard_error


def _noncentrality(freedom: float, tail: float, power: float) -> float:
    """Of the noncentral t that is above the upper `tail` quantile of the central t so often.

    Such a t is (z + noncentrality) / s, with z normal and s^2 a chi-square over its degrees of
    freedom. So it is above a quantile c as often as z is above c s - noncentrality, on average over
    s, whose quantiles are taken at even steps of a normal score, each with its density. (SciPy's
    inverse of the distribution does not come back where c is thousands.)
    """
    scores = np.linspace(-8, 8, 4001)
    weights = np.exp(-(scores**2) / 2)
    weights /= weights.sum()
    reach = -stdtrit(freedom, tail) * np.sqrt(chdtri(freedom, ndtr(-scores)) / freedom)  # c s

    def short(noncentrality: float) -> float:
        return power - float(weights @ ndtr(noncentrality - reach))

    return brentq(short, 0, reach[-1] + 9)
