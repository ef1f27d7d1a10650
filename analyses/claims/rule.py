"""The rule by which a claim of the paper holds, does not hold, or cannot be told.

A claim is tested in cells: a comparison on a data set, an effect per training and user with two
lines. It holds in a cell if the effect is shown to be above the upper line, and does not hold if it
is shown to be below the lower one. Lines are 0 and the smallest effect that would matter, as in the
verdict of a report; or one line, where the paper names a size.

- Users and seeds are both drawn (`sum_over_seeds`). The spread of trainings is pooled over the
  models of a data set by one recipe; where too few were trained again to know it, nothing can be
  told, since another training might have said the opposite.
- All cells of a claim, both lines of each, are decided together by Holm's method at 5 %. Those that
  are planned and not measured yet count as tests that found nothing, so that what is measured later
  takes no answer back.
- Above the upper line a claim holds, even where the effect is also shown to be below the lower one.
- In general a claim holds if it holds in all cells, and does not hold if it fails in one: the paper
  makes it without exception.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.statistics import Interval, Part, holm, mean_interval, sum_over_seeds

ClaimAnswer = Literal["holds", "does not hold", "cannot tell", "not measured yet"]
ANSWERS: tuple[ClaimAnswer, ...] = get_args(ClaimAnswer)
HOLDS, FAILS, OPEN, UNMEASURED = ANSWERS
DECIDED = (HOLDS, FAILS)
RISK = 0.05  # of any wrong answer to a claim


@dataclass(frozen=True)
class Lines:
    """Where an effect has to lie: above `upper` a claim holds, below `lower` it does not.

    `tests` is how many lines these are. One is NaN where nothing is measured yet that would say it.
    """

    upper: float
    lower: float
    tests: int = 2

    @classmethod
    def more(cls, margin: float) -> "Lines":
        """Of a claim that something is greater, by at least `margin` if it is to matter."""
        return cls(0.0, margin)

    @classmethod
    def at(cls, line: float) -> "Lines":
        """Of a claim with a size."""
        return cls(line, line, 1)


@dataclass(frozen=True)
class Effect:
    """What was measured in a cell.

    Attributes
    ----------
    interval : of the mean effect, at 95 % by itself.
    upper, lower : p values (two-sided) of an effect at each line; NaN where nothing may be told.
    trainings : of the model, and of what it is compared with, the fewest where that is several; 0
        where it is compared with nothing.
    over_seeds : whether seeds are in the interval.
    """

    interval: Interval
    upper: float
    lower: float
    trainings: tuple[int, int]
    over_seeds: bool = False


@dataclass(frozen=True)
class Decided:
    """What is said of a cell; `upper` and `lower` are its p values at both lines, by Holm."""

    answer: ClaimAnswer
    upper: float = np.nan
    lower: float = np.nan


def effect_of(parts: Sequence[Part], lines: Lines) -> Effect:
    """What a comparison shows.

    Parameters
    ----------
    parts : the model, whose weight is 1, and what is taken from it, of the same users. If one has
        no spread, users alone are in the interval, and nothing is told.
    lines : where the effect has to lie.
    """
    model, *others = parts
    arrays = [np.asarray(part.values, np.float64) for part in parts]
    counts = (len(arrays[0]), min(map(len, arrays[1:]), default=0))
    if any(part.spread is None for part in parts):
        means = [part.weight * each.mean(0) for part, each in zip(parts, arrays, strict=True)]
        return Effect(mean_interval(np.sum(means, axis=0)), np.nan, np.nan, counts)

    def at(line: float) -> Interval:
        return sum_over_seeds([model._replace(values=arrays[0] - line), *others])

    interval = at(0.0)
    if not interval.has_ends:
        return Effect(interval, np.nan, np.nan, counts, True)
    return Effect(interval, at(lines.upper).p_value, at(lines.lower).p_value, counts, True)


def decide(cells: Sequence[tuple[Effect | None, Lines]]) -> list[Decided]:
    """What is said of every cell of a claim, None standing for one that is not measured."""
    adjusted = holm(np.ravel([_p_values(*cell) for cell in cells])).reshape(-1, 2).tolist()
    return [_decided(found, lines, *ps) for (found, lines), ps in zip(cells, adjusted, strict=True)]


def _p_values(found: Effect | None, lines: Lines) -> tuple[float, float]:
    """The tests of a cell, 1 where nothing may be told; a single line is tested once."""
    both = (1.0, 1.0) if found is None else (found.upper, found.lower)
    upper, lower = np.nan_to_num(both, nan=1.0).tolist()
    return upper, lower if lines.tests == 2 else np.nan


def _decided(found: Effect | None, lines: Lines, upper: float, lower: float) -> Decided:
    if found is None:
        return Decided(UNMEASURED)
    effect = found.interval.estimate
    if upper < RISK and effect > lines.upper:
        return Decided(HOLDS, upper, lower)
    if (upper if lines.tests == 1 else lower) < RISK and effect < lines.lower:
        return Decided(FAILS, upper, lower)
    return Decided(OPEN, upper, lower)


def in_general(answers: Sequence[ClaimAnswer]) -> ClaimAnswer:
    """What is said of a claim, from its cells."""
    measured = [answer for answer in answers if answer != UNMEASURED]
    if not measured:
        return UNMEASURED
    if FAILS in measured:
        return FAILS
    return HOLDS if set(answers) == {HOLDS} else OPEN
