"""Intervals for every condition of a tidy table at once."""

from collections.abc import Container, Mapping, Sequence

import numpy as np
import pandas as pd

from analyses.running.results import Rows
from analyses.telling.wording import decimals
from workbench.errors import WorkbenchError
from workbench.statistics import Interval, mean_interval, mean_intervals
from workbench.statistics.intervals import intervals_of, shares_of
from workbench.statistics.moments import Moments, moments_of


def means_by(
    rows: Rows, by: Sequence[str], values: Sequence[str], *, shares: Container[str] = ()
) -> dict[str, dict[tuple, Interval]]:
    """The mean of each of `values` over users with its interval, for every condition.

    Parameters
    ----------
    rows : one per user and condition; users without a value are left out of the condition.
    by : the columns that make a condition, in the order of its key.
    values : the columns averaged.
    shares : those of them that are no less than 0 and no more than 1, nor is their interval. It is
        the exact one where they say what a user has (1) or has not (0).

    Raises
    ------
    WorkbenchError
        If a user has several rows of one condition, as where `by` lacks a column that tells
        conditions or models apart.
    """
    totals: dict[tuple, Moments] = {}
    models: dict[tuple, object] = {}  # of each condition, where pieces of several follow each other
    width = len(values)
    for frame in rows:
        keys, wide = _wide(frame, by, values)
        if "model" in frame and "model" not in by and len(frame):
            model = frame["model"].iloc[0]
            if any(models.setdefault(key, model) != model for key in keys):
                raise _several(by, ["model"])
        moments = moments_of(wide.reshape(len(wide), len(keys) * width))
        for k, key in enumerate(keys):
            part = moments.take(slice(k * width, (k + 1) * width))
            totals[key] = totals[key] + part if key in totals else part
    means: dict[str, dict[tuple, Interval]] = {value: {} for value in values}
    for key, total in totals.items():
        for value, mean, share in zip(values, intervals_of(total), shares_of(total), strict=True):
            means[value][key] = share.within(0, 1) if value in shares else mean
    return means


def _wide(
    frame: pd.DataFrame, by: Sequence[str], values: Sequence[str]
) -> tuple[list[tuple], np.ndarray]:
    """The conditions in order of appearance, and [users, conditions, values], NaN for none."""
    users, user = np.unique(frame["user"], return_inverse=True)
    keys = list(frame[[*by]].drop_duplicates().itertuples(index=False, name=None))
    condition = frame.groupby([*by], observed=True, sort=False).ngroup().to_numpy()
    if len(frame) > len(users) and np.bincount(user * len(keys) + condition).max() > 1:
        raise _several(by, _telling_apart(frame, by, values))
    wide = np.full((len(users), len(keys), len(values)), np.nan)
    wide[user, condition] = frame[[*values]].to_numpy(np.float64)
    return keys, wide


def _telling_apart(frame: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> list[str]:
    """The columns, but for `values`, that differ among rows of one user and condition."""
    others = [column for column in frame.columns if column not in {"user", *by, *values}]
    kinds = frame.groupby(["user", *by], observed=True, sort=False)[others].nunique()
    return [column for column in others if (kinds[column] > 1).any()]


def _several(by: Sequence[str], missing: Sequence[str]) -> WorkbenchError:
    """What to say of users with several rows of a condition."""
    apart = f"; what tells them apart may be {', '.join(missing)}" if missing else ""
    return WorkbenchError(
        f"some user has several rows of one condition, by {', '.join(by)}{apart}. Name in `by` all "
        "columns that make a condition, or choose rows by `where`."
    )


def means_of(values: np.ndarray, *, share: bool = False) -> list[Interval]:
    """The mean of every column of [users, k], as `means_by` gives it, or its `shares`."""
    if not share:
        return mean_intervals(values)
    return [each.within(0, 1) for each in shares_of(Moments.of(values))]


def values_by(rows: Rows, by: Sequence[str], value: str) -> dict[tuple, np.ndarray]:
    """The values of all users in every condition, [users], NaNs among them."""
    parts: dict[tuple, list[np.ndarray]] = {}
    for frame in rows:
        for key, values in frame.groupby([*by], observed=True, sort=False)[value]:
            parts.setdefault(key, []).append(values.to_numpy(np.float64))
    return {key: np.concatenate(each) for key, each in parts.items()}


def totals(rows: Rows, by: Sequence[str], counted: Sequence[str]) -> dict[tuple, dict[str, int]]:
    """How often each of `counted` holds in every condition."""
    counts: dict[tuple, dict[str, int]] = {}
    for frame in rows:
        sums = frame.groupby([*by], observed=True, sort=False)[[*counted]].sum().reset_index()
        for values in sums.itertuples(index=False, name=None):
            total = counts.setdefault(values[: len(by)], dict.fromkeys(counted, 0))
            for name, n in zip(counted, values[len(by) :], strict=True):
                total[name] += int(n)
    return counts


def by_condition(rows: Rows, column: str, value: str) -> pd.DataFrame:
    """A row per user, ascending, and a column per condition, in order of appearance."""
    parts: dict[str, list[pd.Series]] = {}
    for frame in rows:
        for key, values in frame.set_index("user").groupby(column, observed=True, sort=False)[
            value
        ]:
            parts.setdefault(str(key), []).append(values.astype(np.float64))
    columns = {key: pd.concat(each).sort_index() for key, each in parts.items()}
    return pd.DataFrame(columns).rename_axis(index="user", columns=column)


def paired(rows: Rows, value: str, model: str, other: str) -> Interval:
    """Mean over users of `value` in `model` minus in `other`, for users who have both."""
    both = rows.map(lambda frame: frame[frame["model"].isin([model, other])])
    wide = by_condition(both, "model", value)
    return paired_means(wide[model], wide[other])


def paired_means(values: pd.Series, others: pd.Series) -> Interval:
    """Mean over users of `values` minus `others`, both by user."""
    return mean_interval((values - others).to_numpy(np.float64))


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
    rows: Rows,
    by: Sequence[str],
    measures: Mapping[str, str],
    digits: int = 4,
    shares: Container[str] = (),
) -> pd.DataFrame:
    """A row per condition `by`: how many users, and the mean of each measure.

    Parameters
    ----------
    rows, by : as in `means_by`.
    measures : column -> label.
    digits : to which estimates and ends are rounded.
    shares : the columns that are shares of users, as in `means_by`.
    """
    return table_of_means(means_by(rows, by, [*measures], shares=shares), by, measures, digits)


def table_of_means(
    means: Mapping[str, Mapping[tuple, Interval]],
    by: Sequence[str],
    measures: Mapping[str, str],
    digits: int = 4,
) -> pd.DataFrame:
    """The table of `table_of`, from what `means_by` gives."""
    chosen = {label: means[column] for column, label in measures.items()}
    first = next(iter(chosen.values()))
    table = pd.DataFrame(list(first), columns=list(by))
    table["n users"] = [interval.n for interval in first.values()]
    return with_intervals(table, {k: list(v.values()) for k, v in chosen.items()}, digits)
