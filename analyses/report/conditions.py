"""Intervals for every condition of a tidy table at once."""

from collections.abc import Container, Mapping, Sequence

import numpy as np
import pandas as pd

from analyses.report.wording import decimals
from workbench.statistics import Interval, exact_share, mean_intervals, paired_interval


def means_by(
    frame: pd.DataFrame, by: Sequence[str], value: str, *, share: bool = False
) -> dict[tuple, Interval]:
    """The mean of `value` over users with its interval, for every condition.

    Parameters
    ----------
    frame : a row per user and condition; users without a value are left out of the condition.
    by : the columns that make a condition, in the order of its key.
    value : the column averaged.
    share : whether `value` says what a user has (1) or has not (0), so that its interval is the
        exact one; unless draws were averaged, so that values lie between.
    """
    keys = list(frame[list(by)].drop_duplicates().itertuples(index=False, name=None))
    wide = frame.pivot(index="user", columns=list(by), values=value)
    columns = [key if isinstance(key, tuple) else (key,) for key in wide.columns]
    means = dict(zip(columns, means_of(wide.to_numpy(np.float64), share=share), strict=True))
    return {key: means[key] for key in keys}


def means_of(values: np.ndarray, *, share: bool = False) -> list[Interval]:
    """The mean of every column of [users, k], as `means_by` gives it."""
    means = mean_intervals(values)
    for k, column in enumerate(values.T if share else ()):
        if np.isin(column[~np.isnan(column)], (0, 1)).all():
            means[k] = exact_share(column)
    return means


def paired(frame: pd.DataFrame, value: str, model: str, other: str) -> Interval:
    """Mean over users of `value` in `model` minus in `other`, for users who have both."""
    both = frame[frame["model"].isin([model, other])].astype({"model": str})
    wide = both.pivot(index="user", columns="model", values=value)
    return paired_means(wide[model], wide[other])


def paired_means(values: pd.Series, others: pd.Series) -> Interval:
    """Mean over users of `values` minus `others`, both by user."""
    return paired_interval((values - others).to_numpy(np.float64))


def difference_table(
    pairs: Sequence[tuple[str, str]],
    measures: Mapping[str, Sequence[Interval]],
    what: str = "model",
) -> pd.DataFrame:
    """A row per pair compared: users, and the difference in every measure, parallel to `pairs`."""
    table = pd.DataFrame(list(pairs), columns=[what, "compared with"])
    table["n users"] = [interval.n for interval in next(iter(measures.values()))]
    return with_intervals(
        table, {f"difference of {measure}": list(each) for measure, each in measures.items()}
    )


def with_intervals(
    table: pd.DataFrame, measures: Mapping[str, Sequence[Interval]], digits: int = 4
) -> pd.DataFrame:
    """Add to a table, for each measure, its estimate, low and high, rounded for reading."""
    parts = {
        name if end == "estimate" else f"{name} {end}": [
            round(getattr(i, end), decimals(i.low, i.high, digits)) for i in intervals
        ]
        for name, intervals in measures.items()
        for end in ("estimate", "low", "high")
    }
    return table.assign(**parts)


def table_of(
    frame: pd.DataFrame,
    by: Sequence[str],
    measures: Mapping[str, str],
    digits: int = 4,
    shares: Container[str] = (),
) -> pd.DataFrame:
    """A row per condition `by`: how many users, and the mean of each measure.

    Parameters
    ----------
    frame, by : as in `means_by`.
    measures : column -> label.
    digits : to which estimates and ends are rounded.
    shares : the columns that are shares of users, as in `means_by`.
    """
    means = {
        label: means_by(frame, by, column, share=column in shares)
        for column, label in measures.items()
    }
    first = next(iter(means.values()))
    table = pd.DataFrame(list(first), columns=list(by))
    table["n users"] = [interval.n for interval in first.values()]
    return with_intervals(table, {k: list(v.values()) for k, v in means.items()}, digits)
