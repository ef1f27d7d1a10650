"""Intervals for every condition of a tidy table at once."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.statistics import Interval, bootstrap_means, paired_bootstrap


def means_by(frame: pd.DataFrame, by: Sequence[str], value: str) -> dict[tuple, Interval]:
    """The mean of `value` over users with its interval, for every condition `by` (in its order).

    A row per user and condition is expected; users without a value are left out of the condition.
    """
    keys = list(frame[list(by)].drop_duplicates().itertuples(index=False, name=None))
    wide = frame.pivot(index="user", columns=list(by), values=value)
    columns = [key if isinstance(key, tuple) else (key,) for key in wide.columns]
    found = dict(zip(columns, bootstrap_means(wide.to_numpy(np.float64)), strict=True))
    return {key: found[key] for key in keys}


def paired(frame: pd.DataFrame, value: str, model: str, other: str) -> Interval:
    """Mean over users of `value` in `model` minus in `other`, for users who have both."""
    both = frame[frame["model"].isin([model, other])].astype({"model": str})
    wide = both.pivot(index="user", columns="model", values=value)
    return paired_means(wide[model], wide[other])


def paired_means(values: pd.Series, others: pd.Series) -> Interval:
    """Mean over users of `values` minus `others`, both by user."""
    return paired_bootstrap((values - others).to_numpy(np.float64))


def difference_table(
    pairs: Sequence[tuple[str, str]], found: Mapping[str, Sequence[Interval]], what: str = "model"
) -> pd.DataFrame:
    """A row per pair compared: users, and the difference in every measure, parallel to `pairs`."""
    table = pd.DataFrame(list(pairs), columns=[what, "compared with"])
    table["n users"] = [interval.n for interval in next(iter(found.values()))]
    return with_intervals(table, {f"d{measure}": list(each) for measure, each in found.items()})


def with_intervals(
    table: pd.DataFrame, measures: Mapping[str, Sequence[Interval]], digits: int = 4
) -> pd.DataFrame:
    """Add to a table, for each measure, its estimate, low and high, rounded for reading."""
    parts = {
        name if end == "estimate" else f"{name} {end}": [getattr(i, end) for i in intervals]
        for name, intervals in measures.items()
        for end in ("estimate", "low", "high")
    }
    return table.assign(**{name: np.round(values, digits) for name, values in parts.items()})


def table_of(
    frame: pd.DataFrame, by: Sequence[str], measures: Mapping[str, str], digits: int = 4
) -> pd.DataFrame:
    """A row per condition `by`: how many users, and the mean of each measure (column -> label)."""
    found = {label: means_by(frame, by, column) for column, label in measures.items()}
    first = next(iter(found.values()))
    table = pd.DataFrame(list(first), columns=list(by))
    table["n users"] = [interval.n for interval in first.values()]
    return with_intervals(table, {k: list(v.values()) for k, v in found.items()}, digits)
