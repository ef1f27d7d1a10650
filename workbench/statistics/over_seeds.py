"""Differences of models over users and over the seeds that the models were trained with."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from workbench.errors import WorkbenchError
from workbench.statistics.intervals import Interval
from workbench.statistics.moments import FEWEST_NONZERO, ROUNDING


class SeedSpread(NamedTuple):
    """How much trainings of one model differ, known from several models.

    Attributes
    ----------
    variance : of a training's mean over users.
    freedom : the degrees of freedom that it was estimated with.
    """

    variance: float
    freedom: int


def seed_spread(models: Sequence[ArrayLike]) -> SeedSpread | None:
    """The spread of trainings, pooled over models; None where none was trained twice.

    Parameters
    ----------
    models : of each, a value per training and user, [trainings, users], NaN where there is none.
    """
    means = [np.nanmean(np.asarray(each, np.float64), axis=1) for each in models]
    repeated = [each for each in means if len(each) > 1]
    freedom = sum(len(each) - 1 for each in repeated)
    if not freedom:
        return None
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in repeated)
    return SeedSpread(squares / freedom, freedom)


def difference_over_seeds(
    values: ArrayLike,
    others: ArrayLike | None,
    level: float = 0.95,
    *,
    pooled: SeedSpread | None = None,
) -> Interval:
    """How much more one model has than another, whichever users and seeds they had met.

    Users and seeds are crossed: every training was measured on every user. The variance of the mean
    difference has a component for each of the three things that were drawn,

        s_u^2 / n + s_a^2 / A + s_b^2 / B,

    where s_u^2 is the variance over n users of their difference between the means of both models'
    trainings, and s_a^2, s_b^2 are the variances, over the A and B trainings of a model, of a
    training's mean over users. What user and seed do together is in all three, which errs on the
    wide side. The interval is Student's t with the degrees of freedom of Satterthwaite (Biometrics
    Bulletin 2, 1946): the square of the sum over the sum of the squares, each by its own degrees of
    freedom, n - 1, A - 1 and B - 1. With three trainings each they are few where seeds decide;
    where many differences are decided together, they are too few for the far tails of t to hold. If
    all models of a data set may be taken to scatter alike, their pooled spread s^2 stands for both,

        s_u^2 / n + s^2 (1 / A + 1 / B),

    and a single training will do.

    Parameters
    ----------
    values, others : of a training and a user, [A, n] and [B, n], for the same users; a user who
        lacks one (NaN) is left out. None for nothing: the interval is of the mean itself.
    level : how often the interval covers the true difference.
    pooled : the spread of trainings, as `seed_spread` gives it; None for each model's own.

    Returns
    -------
    Interval
        The mean difference; its ends are NaN if fewer than `FEWEST_NONZERO` users differ.

    Raises
    ------
    WorkbenchError
        If the shapes do not fit, or a model was trained only once and no spread is pooled.
    """
    a = np.asarray(values, dtype=np.float64)
    b = np.zeros((1, a.shape[-1])) if others is None else np.asarray(others, dtype=np.float64)
    drawn = [a] if others is None else [a, b]
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise WorkbenchError(
            f"A difference over seeds takes [trainings, users] twice, not {a.shape} and {b.shape}."
        )
    if min(map(len, drawn)) < (2 if pooled is None else 1):
        raise WorkbenchError(
            "A difference over seeds needs two trainings of each model; train with --seeds 3."
        )
    known = ~(np.isnan(a).any(0) | np.isnan(b).any(0))
    drawn = [each[:, known] for each in drawn]
    a, b = a[:, known], b[:, known]
    n, dropped = int(known.sum()), int((~known).sum())
    differences = a.mean(0) - b.mean(0)  # [n]
    largest = np.abs(np.concatenate([a, b])).max(initial=0)
    nonzero = int((np.abs(differences) > ROUNDING * largest).sum())
    if nonzero < FEWEST_NONZERO:
        mean = float(differences.mean()) if n else np.nan
        return Interval(mean, np.nan, np.nan, n, dropped, level, nonzero)
    mean = float(differences.mean())
    seeds = _of_seeds(drawn, pooled)
    variances, freedoms = zip((differences.var(ddof=1) / n, n - 1), *seeds, strict=True)
    parts = np.array(variances)
    variance = float(parts.sum())
    if variance == 0:  # every user differs by the same, in every training
        return Interval(mean, mean, mean, n, dropped, level, nonzero, 0.0, 2.0 ** (1 - n))
    freedom = variance**2 / float((parts**2 / freedoms).sum())
    error = variance**0.5
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Interval(mean, mean - reach, mean + reach, n, dropped, level, nonzero, error, p, freedom)


def _of_seeds(models: Sequence[np.ndarray], pooled: SeedSpread | None) -> list[tuple[float, int]]:
    """What seeds add to the variance of a mean or a difference, and the degrees of freedom of it.

    models: of each, a value per training and user.
    """
    if pooled is not None:
        return [(pooled.variance * sum(1 / len(each) for each in models), pooled.freedom)]
    return [(float(m.mean(1).var(ddof=1)) / len(m), len(m) - 1) for m in models]
