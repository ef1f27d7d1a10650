"""What a figure shows, as numbers: the report draws them on paper, the app under the pointer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analyses.telling.wording import capital, people
from workbench.errors import WorkbenchError, one_of
from workbench.phrases import cut, in_order, listing
from workbench.statistics import Interval
from workbench.statistics.moments import FEWEST_NONZERO
from workbench.writing import number

UNIFORM = "if uniform"  # a series of what would be without what is measured, drawn grey
HOLDS = "The interval holds 0"
TOO_FEW = "Too few users for any interval"
LONGEST_NAME = 40  # characters of a series or row in a title
_ALL = ("panel", "series", "estimate", "n")
COLUMNS = {  # of the table of each kind, at least
    "dots": (*_ALL, "row", "low", "high"),
    "lines": (*_ALL, "at", "low", "high"),
    "boxes": (*_ALL, "row", "p5", "p25", "p50", "p75", "p95"),
}


@dataclass(frozen=True)
class Summary:
    """The numbers of one figure, a row per mark.

    Attributes
    ----------
    kind : what is drawn: "dots", "lines" or "boxes".
    title : what is measured, of whom; what is `seen` stands above it.
    measure : the name of the axis of the estimates, in words.
    series : all names in the order of colours, so that a model looks the same in every figure.
    table : a row per mark. All kinds have the columns `panel`, `series`, `estimate` and `n`
        (users). "dots" add `row` (text, in order from the top), `low` and `high` (NaN where too few
        users stand behind them, and then no interval is drawn), and may add the range the estimate
        can take, `least` and `most`; "lines" add `at` (a number), `low` and `high`; "boxes" add
        `row` and the percentiles `p5`, `p25`, `p50`, `p75` and `p95`, their estimate being the
        mean. Columns `layer` and `head` say, where they are there, which part of the model a row is
        about.
    at : the name of the axis of the lines.
    message : what is seen, where the diagnostic knows better than `seen` does.
    alike : whether all panels measure the same; else each has an axis of its own, and what is seen
        is that of the first.

    Raises
    ------
    WorkbenchError
        If there is no such kind, or the table has rows and lacks a column.
    """

    kind: Literal["dots", "lines", "boxes"]
    title: str
    measure: str
    series: tuple[str, ...]
    table: pd.DataFrame
    at: str = ""
    message: str = ""
    alike: bool = True

    def __post_init__(self) -> None:
        """Look at the columns while it is known who made them."""
        one_of("kind", self.kind, COLUMNS)
        if self.table.empty:  # no rows, and so no names of columns, where nobody has a value
            object.__setattr__(self, "table", self.table.reindex(columns=list(COLUMNS[self.kind])))
        lacking = [column for column in COLUMNS[self.kind] if column not in self.table]
        if lacking and len(self.table):
            raise WorkbenchError(
                f"the table of {self.kind} {self.title!r} lacks {listing(lacking)}; each row has "
                f"{listing(COLUMNS[self.kind])}."
            )

    @property
    def panels(self) -> list[str]:
        """Panels in order."""
        return list(in_order(self.table["panel"]))

    @property
    def seen(self) -> str:
        """What the figure shows, in a sentence without a verdict; empty where it shows nothing.

        The message, where there is one. Else, of differences from 0, how many intervals leave it
        out, and which is furthest from it; of anything else, the highest and the lowest. Marks on
        fewer users than an interval needs have no part in it.
        """
        if self.message:
            return self.message
        marks = self.table[self.table["series"] != UNIFORM]
        marks = marks[marks["estimate"].notna()]
        if marks.empty:
            return ""
        marks = marks[marks["n"] >= FEWEST_NONZERO]  # else of a few users the most extreme
        if marks.empty:
            return TOO_FEW
        if not self.alike:
            first = marks["panel"].iloc[0]
            return f"{capital(first)}: {self._seen(marks[marks['panel'] == first])}"
        return capital(self._seen(marks))

    def _seen(self, marks: pd.DataFrame) -> str:
        if self.kind == "dots" and self._is_about_zero(marks):
            return self._away_from_zero(marks)
        estimates = marks["estimate"].to_numpy(float)
        highest, lowest = (marks.iloc[int(k)] for k in (estimates.argmax(), estimates.argmin()))
        said = [f"highest: {self._mark(highest, marks)}"]
        if self.kind != "lines" and len(marks) > 1:  # lines end low by themselves
            said.append(f"lowest: {self._mark(lowest, marks)}")
        return "; ".join(said)

    @staticmethod
    def _is_about_zero(marks: pd.DataFrame) -> bool:
        """Whether estimates lie on both sides of 0 or their intervals hold it."""
        return bool((marks[["estimate", "low"]] < 0).any(axis=None))

    def _away_from_zero(self, marks: pd.DataFrame) -> str:
        known = marks[marks["low"].notna()]
        away = known[(known["low"] > 0) | (known["high"] < 0)]
        if known.empty:
            return TOO_FEW
        if away.empty:
            return f"None of {len(known)} intervals leaves out 0" if len(known) > 1 else HOLDS
        furthest = away.iloc[int(away["estimate"].abs().to_numpy().argmax())]
        return (
            f"{len(away)} of {len(known)} intervals leave out 0, uncorrected; furthest from it: "
            f"{self._mark(furthest, marks, sign=True)}"
        )

    def _mark(self, mark: pd.Series, marks: pd.DataFrame, *, sign: bool = False) -> str:
        """A mark by what tells it from the others, and its estimate."""
        names = [
            cut(str(mark[column]), LONGEST_NAME)
            for column in ("series", "row", "panel")
            if column in marks and marks[column].nunique() > 1
        ]
        if self.kind == "lines":
            names.append(f"{self.at} {mark['at']:g}")
        digits = 1 if abs(mark["estimate"]) >= 10 else 3
        text = number(mark["estimate"], digits, sign=sign)
        return f"{', '.join(in_order(names))} ({text})" if names else text


def rows(
    intervals: Mapping[tuple, Interval], by: Sequence[str], **fixed: Any
) -> list[dict[str, Any]]:
    """Intervals by condition `by` as rows of a summary's table, each with the `fixed` columns.

    A condition in which no user has a value has none.

    Parameters
    ----------
    intervals : by the values of the columns `by`.
    by : names of columns.
    fixed : columns that are the same in all rows.
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


def people_in(marks: pd.DataFrame) -> str:
    """`n = 943 users`, or `n = 2 to 943 users` where marks stand on different numbers of them."""
    counts = [int(n) for n in marks.get("n", ()) if n] or [0]
    fewest, most = min(counts), max(counts)
    return people(most) if fewest == most else f"n = {fewest:,} to {most:,} users"


def not_empty(summaries: Mapping[str, Summary]) -> dict[str, Summary]:
    """The summaries that have anything to show."""
    return {name: summary for name, summary in summaries.items() if len(summary.table)}
