"""Differences of models over users and over the seeds that the models were trained with."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from workbench.errors import WorkbenchError
from workbench.statistics.intervals import FEWEST_NONZERO, ROUNDING, Interval


def difference_over_seeds(values: ArrayLike, others: ArrayLike, level: float = 0.95) -> Interval:
    """How much more one model has than another, whichever users and seeds they had met.

    Users and seeds are crossed: every training was measured on every user. The variance of the mean
    difference has a component for each of the three things that were drawn,

        s_u^2 / n + s_a^2 / A + s_b^2 / B,

    where s_u^2 is the variance over n users of their difference between the means of both models'
    trainings, and s_a^2, s_b^2 are the variances, over the A and B trainings of a model, of a
    training's mean over users. What user and seed do together is in all three, which errs on the
    wide side. The interval is Student's t with the degrees of freedom of Satterthwaite (Biometrics
    Bulletin 2, 1946): the square of the sum over the sum of the squares, each by its own degrees of
    freedom, n - 1, A - 1 and B - 1. With three trainings each they are few where seeds decide.

    Parameters
    ----------
    values, others : of a training and a user, [A, n] and [B, n], for the same users; a user who
        lacks one (NaN) is left out.
    level : how often the interval covers the true difference.

    Returns
    -------
    Interval
        The mean difference; its ends are NaN if fewer than `FEWEST_NONZERO` users differ.

    Raises
    ------
    WorkbenchError
        If the shapes do not fit, or a model was trained only once.
    """
    a, b = (np.asarray(v, dtype=np.float64) for v in (values, others))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise WorkbenchError(
            f"A difference over seeds takes [trainings, users] twice, not {a.shape} and {b.shape}."
        )
    if min(len(a), len(b)) < 2:
        raise WorkbenchError(
            "A difference over seeds needs two trainings of each model; train with --seeds 3."
        )
    known = ~(np.isnan(a).any(0) | np.isnan(b).any(0))
    a, b = a[:, known], b[:, known]
    n, dropped = int(known.sum()), int((~known).sum())
    differences = a.mean(0) - b.mean(0)  # [n]
    largest = np.abs(np.concatenate([a, b])).max(initial=0)
    nonzero = int((np.abs(differences) > ROUNDING * largest).sum())
    if nonzero < FEWEST_NONZERO:
        mean = float(differences.mean()) if n else np.nan
        return Interval(mean, np.nan, np.nan, n, dropped, level, nonzero)
    mean = float(differences.mean())
    parts = np.array(
        [
            differences.var(ddof=1) / n,
            a.mean(1).var(ddof=1) / len(a),
            b.mean(1).var(ddof=1) / len(b),
        ]
    )
    variance = float(parts.sum())
    if variance == 0:  # every user differs by the same, in every training
        return Interval(mean, mean, mean, n, dropped, level, nonzero, 0.0, 2.0 ** (1 - n))
    freedom = variance**2 / float((parts**2 / (n - 1, len(a) - 1, len(b) - 1)).sum())
    error = variance**0.5
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Interval(mean, mean - reach, mean + reach, n, dropped, level, nonzero, error, p)
