"""Differences of models over users and over the seeds that the models were trained with."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from workbench.errors import WorkbenchError
from workbench.statistics.given_numbers import array
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
    means = [np.nanmean(array("models", each), axis=1) for each in models]
    repeated = [each for each in means if len(each) > 1]
    freedom = sum(len(each) - 1 for each in repeated)
    if not freedom:
        return None
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in repeated)
    return SeedSpread(squares / freedom, freedom)


class Part(NamedTuple):
    """A model's part in a sum of models' means.

    Attributes
    ----------
    weight : of its mean.
    values : of a training and a user, [trainings, users].
    spread : of its trainings, as `seed_spread` gives it; None for its own.
    """

    weight: float
    values: ArrayLike
    spread: SeedSpread | None = None


def difference_over_seeds(
    values: ArrayLike,
    others: ArrayLike | None,
    level: float = 0.95,
    *,
    pooled: SeedSpread | None = None,
) -> Interval:
    """How much more one model has than another, whichever users and seeds they had met.

    The difference of `sum_over_seeds`, which says how and what it raises.

    Parameters
    ----------
    values, others : of a training and a user, [A, n] and [B, n], for the same users. None for
        nothing: the interval is of the mean itself.
    level : how often the interval covers the true difference.
    pooled : the spread of trainings of both; None for each model's own.
    """
    parts = [Part(1.0, values, pooled)]
    return sum_over_seeds(parts if others is None else [*parts, Part(-1.0, others, pooled)], level)


def sum_over_seeds(parts: Sequence[Part], level: float = 0.95) -> Interval:
    """A weighted sum of models' means, whichever users and seeds they had met.

    Users and seeds are crossed: every training was measured on every user. The variance of the sum
    has a component for each of the things that were drawn; of a difference of two,

        s_u^2 / n + s_a^2 / A + s_b^2 / B,

    where s_u^2 is the variance over n users of their difference between the means of both models'
    trainings, and s_a^2, s_b^2 are the variances, over the A and B trainings of a model, of a
    training's mean over users. What user and seed do together is in all three, which errs on the
    wide side. The interval is Student's t with the degrees of freedom of Satterthwaite (Biometrics
    Bulletin 2, 1946): the square of the sum over the sum of the squares, each by its own degrees of
    freedom, n - 1, A - 1 and B - 1. With three trainings each they are few where seeds decide;
    where many differences are decided together, they are too few for the far tails of t to hold. If
    models may be taken to scatter alike, their pooled spread s^2 stands for each of them,

        s_u^2 / n + s^2 (1 / A + 1 / B),

    and a single training will do. A weight counts by its square.

    Parameters
    ----------
    parts : of the same users; a user who lacks a value (NaN) is left out. Parts with equal spreads
        share one, with its degrees of freedom.
    level : how often the interval covers the true sum.

    Returns
    -------
    Interval
        The sum; its ends are NaN if fewer than `FEWEST_NONZERO` users have one that is not 0.

    Raises
    ------
    WorkbenchError
        If the shapes do not fit, or a model without a spread was trained only once.
    """
    arrays = [array("values", part.values) for part in parts]
    shapes = [each.shape for each in arrays]
    if len({shape[1:] for shape in shapes}) != 1 or any(len(shape) != 2 for shape in shapes):
        raise WorkbenchError(
            "A difference over seeds takes [trainings, users] of the same users, not "
            f"{' and '.join(map(str, shapes))}."
        )
    for part, each in zip(parts, arrays, strict=True):
        if len(each) < (2 if part.spread is None else 1):
            raise WorkbenchError(
                "A difference over seeds needs two trainings of each model; train with --seeds 3."
            )
    known = ~np.any([np.isnan(each).any(0) for each in arrays], axis=0)
    arrays = [each[:, known] for each in arrays]
    n, dropped = int(known.sum()), int((~known).sum())
    means = [part.weight * each.mean(0) for part, each in zip(parts, arrays, strict=True)]
    sums = np.sum(means, axis=0)  # [n]
    largest = max(np.abs(each).max(initial=0) for each in arrays)
    nonzero = int((np.abs(sums) > ROUNDING * largest).sum())
    if nonzero < FEWEST_NONZERO:
        mean = float(sums.mean()) if n else np.nan
        return Interval(mean, np.nan, np.nan, n, dropped, level, nonzero)
    mean = float(sums.mean())
    variances, freedoms = zip((sums.var(ddof=1) / n, n - 1), *_of_seeds(parts, arrays), strict=True)
    components = np.array(variances)
    variance = float(components.sum())
    if variance == 0:  # every user differs by the same, in every training
        return Interval(mean, mean, mean, n, dropped, level, nonzero, 0.0, 2.0 ** (1 - n))
    freedom = variance**2 / float((components**2 / freedoms).sum())
    error = variance**0.5
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Interval(mean, mean - reach, mean + reach, n, dropped, level, nonzero, error, p, freedom)


def _of_seeds(parts: Sequence[Part], arrays: Sequence[np.ndarray]) -> list[tuple[float, int]]:
    """What seeds add to the variance of a sum, and the degrees of freedom of each addition.

    arrays: the values of the parts, of the users that all of them know.
    """
    own: list[tuple[float, int]] = []
    pooled: dict[SeedSpread, float] = {}
    for part, values in zip(parts, arrays, strict=True):
        drawn = part.weight**2 / len(values)
        if part.spread is None:
            own.append((drawn * float(values.mean(1).var(ddof=1)), len(values) - 1))
        else:
            pooled[part.spread] = pooled.get(part.spread, 0.0) + drawn
    return own + [(spread.variance * drawn, spread.freedom) for spread, drawn in pooled.items()]
