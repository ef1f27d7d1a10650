"""Numbers and verdicts in words, so that every sentence of the report is told the same way."""

from typing import Literal

import numpy as np

from workbench.statistics import Interval

Verdict = Literal["higher", "lower", "undetected"]


def verdict(interval: Interval) -> Verdict:
    """Higher or lower where the interval leaves out 0, else undetected."""
    if interval.low > 0:
        return "higher"
    return "lower" if interval.high < 0 else "undetected"


def number(value: float, digits: int = 4, *, sign: bool = False) -> str:
    """A number with a true minus; never a negative zero."""
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def span(interval: Interval, digits: int = 4, *, sign: bool = False) -> str:
    """`estimate [low, high]`, the form every interval of the report has."""
    if np.isnan(interval.low):
        return f"{number(interval.estimate, digits, sign=sign)} [no interval]"
    low, high = (number(v, digits, sign=sign) for v in (interval.low, interval.high))
    return f"{number(interval.estimate, digits, sign=sign)} [{low}, {high}]"


def change(interval: Interval, digits: int = 4) -> str:
    """A signed difference with its interval."""
    return span(interval, digits, sign=True)


def people(n: int) -> str:
    """`n = 943 users`."""
    return f"n = {n:,} user" + ("" if n == 1 else "s")


def listing(names: list[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
