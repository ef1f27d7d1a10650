"""What many intervals together can claim, and what one of them could have shown."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from workbench.errors import WorkbenchError
from workbench.statistics.intervals import Interval


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
    p = np.asarray(p_values, dtype=np.float64)
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

    (z of the interval's level + z of the power) x standard error: 2.8 standard errors for 95 % and
    0.8. It depends on how far users scatter, not on the mean that was observed. It is NaN without a
    standard error.

    Parameters
    ----------
    interval : the interval of a mean.
    power : the chance that the interval leaves out 0.
    comparisons : the tests that share the risk of 1 - level. By Holm's method these are, for a
        test that found nothing, all that found nothing: however small its p value had been, it
        would have been rejected exactly if below the risk divided by their number.

    Raises
    ------
    WorkbenchError
        If the power is below 0.5, or is not below 1.
    """
    if not 0.5 <= power < 1:
        raise WorkbenchError(f"The power must be at least 0.5 and below 1, and is {power}.")
    tail = (1 - interval.level) / (2 * comparisons)
    return float((ndtri(power) - ndtri(tail)) * interval.standard_error)
