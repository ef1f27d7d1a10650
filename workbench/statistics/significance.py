"""What many intervals together can claim, and what one of them could have shown."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from workbench.errors import WorkbenchError
from workbench.statistics.intervals import Interval


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjusted p values of several tests (Holm, Scand. J. Statist. 6, 1979), [m], in their order.

    To claim all those below 0.05 is to claim anything false at most 5 % of the time, however the
    tests depend on each other: the smallest is multiplied by the number of tests, the next by one
    less, and so on; none falls below a smaller one's. A NaN is no test and stays NaN.
    Raises WorkbenchError for another shape, or a p value that is not between 0 and 1.
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


def detectable(interval: Interval, power: float = 0.8) -> float:
    """The smallest true mean that such an interval would leave 0 out for with this power.

    (z of the interval's level + z of the power) x standard error: 2.8 standard errors for 95 % and
    0.8. It depends on how far users scatter, not on what was observed of the mean. NaN without a
    standard error. Raises WorkbenchError for a power that is not between 0.5 and 1.
    """
    if not 0.5 <= power < 1:
        raise WorkbenchError(f"The power must be at least 0.5 and below 1, and is {power}.")
    return float((ndtri((1 + interval.level) / 2) + ndtri(power)) * interval.standard_error)
