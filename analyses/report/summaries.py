"""What a figure shows, as numbers: the report draws them on paper, the app under the pointer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from workbench.phrases import in_order
from workbench.statistics import Interval

# series of what would be without what is measured, drawn grey
UNIFORM, SHUFFLED = "if uniform", "shuffled attention"


@dataclass(frozen=True)
class Summary:
    """The numbers of one figure, a row per mark.

    Attributes
    ----------
    kind : what is drawn: "dots", "lines" or "boxes".
    title : of the figure.
    measure : the name of the axis of the estimates.
    series : all names in the order of colours, so that a model looks the same in every figure.
    table : a row per mark. All kinds have the columns `panel`, `series`, `estimate` and `n`
        (users). "dots" add `row` (text, in order from the top), `low` and `high` (NaN where too few
        users stand behind them, and then no interval is drawn), and may add the range the estimate
        can take, `least` and `most`; "lines" add `at` (a number), `low` and `high`; "boxes" add
        `row` and the percentiles `p5`, `p25`, `p50`, `p75` and `p95`, their estimate being the
        mean. Columns `layer` and `head` say, where they are there, which part of the model a row is
        about.
    at : the name of the axis of the lines.
    """

    kind: Literal["dots", "lines", "boxes"]
    title: str
    measure: str
    series: tuple[str, ...]
    table: pd.DataFrame
    at: str = ""

    @property
    def panels(self) -> list[str]:
        """Panels in order."""
        return list(in_order(self.table["panel"]))


def rows(
    intervals: Mapping[tuple, Interval], by: Sequence[str], **fixed: Any
) -> list[dict[str, Any]]:
    """Intervals by condition `by` as rows of a summary's table, each with the `fixed` columns.

    A condition in which no user has a value has none.
    """
    return [
        {**fixed, **dict(zip(by, key, strict=True)), **ends(interval)}
        for key, interval in intervals.items()
        if interval.n
    ]


def ends(interval: Interval) -> dict[str, Any]:
    """An interval as columns."""
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
    }


def not_empty(summaries: Mapping[str, Summary]) -> dict[str, Summary]:
    """The summaries that have anything to show."""
    return {name: summary for name, summary in summaries.items() if len(summary.table)}
