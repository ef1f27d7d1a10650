"""The numbers of single users of a stored run, in memory for some of them at a time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analyses.running.results import Rows

PAGE = 10_000  # users of a table, which a browser holds
MOST_VALUES = 24  # of a condition that is chosen from


class Kept(NamedTuple):
    """What a diagnostic keeps of single users.

    Attributes
    ----------
    measures, models : names, in order of appearance.
    conditions : columns that tell conditions apart, and their values in order of appearance.
    """

    measures: list[str]
    models: list[str]
    conditions: dict[str, list[str]]


class Order(NamedTuple):
    """How users are sorted.

    Attributes
    ----------
    measure, model : the measure of one model by which.
    highest_first : whether it descends; of equals, the lower index is first in any case.
    """

    measure: str
    model: str
    highest_first: bool = True


def kept(rows: Rows) -> Kept:
    """What rows of users hold."""
    measures: dict[str, None] = {}
    values: dict[str, dict[str, None]] = {}
    for frame in rows:
        measures |= dict.fromkeys(_measures(frame))
        texts = frame.select_dtypes(["category", "object", "string"])
        for column in texts:
            found = texts[column].dropna().unique()
            values.setdefault(str(column), {}).update(dict.fromkeys(map(str, found)))
    models = list(values.pop("model", {}))
    conditions = {name: list(each) for name, each in values.items() if 1 < len(each) <= MOST_VALUES}
    return Kept(list(measures), models, conditions)


def _measures(frame: pd.DataFrame) -> list[str]:
    numbers = frame.select_dtypes(["number", "bool"]).columns
    return [str(name) for name in numbers if name not in ("user", "length")]


def per_user(rows: Rows, users: np.ndarray, conditions: Mapping[str, str]) -> pd.DataFrame:
    """A row for each of some users, ascending, and a column for each measure of each model.

    Users of whom nothing was measured have none.

    Parameters
    ----------
    rows : what a diagnostic keeps of each user, a model's of one condition in one piece.
    users : indices in the data.
    conditions : column -> the value that is shown.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for frame in rows:
        frame = frame[frame["user"].isin(users)]
        for column, value in conditions.items():
            frame = frame[frame[column].astype(str) == value]
        if frame.empty:
            continue
        measures = _measures(frame)
        for model, own in frame.groupby("model", observed=True, sort=False):
            means = own.groupby("user")[measures].mean().dropna(how="all")
            parts.setdefault(str(model), []).append(means)
    if not parts:
        return pd.DataFrame({"user": np.zeros(0, np.int64)})
    of_models = {model: pd.concat(each) for model, each in parts.items()}
    measures = list(dict.fromkeys(str(name) for each in of_models.values() for name in each))
    columns = {
        f"{measure} · {model}": each[measure]
        for measure in measures
        for model, each in of_models.items()
        if measure in each
    }
    return pd.DataFrame(columns).rename_axis("user").sort_index().reset_index()


def in_order(
    rows: Rows, users: np.ndarray, conditions: Mapping[str, str], order: Order
) -> np.ndarray:
    """Users by one measure of one model, which alone is held; those without a value come last.

    Parameters
    ----------
    rows, users, conditions : as in `per_user`.
    order : by what.
    """
    measure, model, highest_first = order
    columns: Sequence[str] = ["model", "user", *conditions, measure]
    table = per_user(rows.where(model=model).only(columns), users, conditions)
    column = table.set_index("user").reindex(index=users, columns=[f"{measure} · {model}"])
    values = column.to_numpy(np.float64)[:, 0]
    return users[np.argsort(-values if highest_first else values, kind="stable")]
