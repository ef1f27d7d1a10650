"""The history as a table: attention, and the importances chosen, of each item."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.batches import cause_mask
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.explaining.methods import importances
from workbench.explore.markup import Cell, Head, bar_cells, table
from workbench.explore.shown import Shown
from workbench.model import Model
from workbench.writing import ago

POSITION, TITLE, AGO, CAUSE = ("", "#"), ("", "Item"), ("", "Ago"), ("", "Cause")
PLAIN = (POSITION, TITLE, AGO, CAUSE)
ATTENTION = "Attention"
LATEST, OLDEST = "Latest first", "Oldest first"
COLUMNS = {
    "#": "Position in the history, from 1, the oldest item.",
    "Ago": "Time from the item to the one that follows the history.",
    ATTENTION: "Weight that the prediction row gives to the item, in the stage, layer and head "
    "chosen for the model; the line is at an even share. It shows where a weight went, not what "
    "caused the recommendation.",
}


def causes(data: SequenceData, user: int) -> np.ndarray | None:
    """Which items before the held-out one caused it, bool [n]; None where nobody knows."""
    if data.truth is None:
        return None
    n = len(data.history(user)) - 1
    return cause_mask(data, held_out_cases(data, n, [user]), n)[0].numpy()


def history_frame(
    data: SequenceData, user: int, shown: list[Shown], *, held_out: bool = True
) -> pd.DataFrame:
    """A row per item of the history that at least one model sees, latest first.

    Parameters
    ----------
    data, user : the data as the models number items, and an index in them.
    shown : the models.
    held_out : whether the user's last item follows the history, and is none of it.

    Returns
    -------
    DataFrame
        Columns: position (from 1, the oldest item), title, seconds before the item held out (if
        there is one and times are known), whether it caused that item (if that is known), and per
        model attention and the importances chosen, NaN for items that this model does not see.
    """
    first, last = int(data.offsets[user]), int(data.offsets[user + 1]) - held_out
    start = last - max(len(one.inspection.items) for one in shown)
    columns: dict[tuple[str, str], np.ndarray | list[str]] = {
        POSITION: np.arange(start, last) - first + 1,
        TITLE: [data.title(int(item)) for item in data.items[start:last]],
    }
    if data.times is not None and held_out:
        columns[AGO] = (data.times[last] - data.times[start:last]).astype(float)
    caused = causes(data, user) if held_out else None
    if caused is not None:
        columns[CAUSE] = caused[start - first :]
    for one in shown:
        attention = {ATTENTION: one.row} if one.inspection.weights else {}
        measures = attention | {
            _heading(name): values for name, values in one.inspection.importance.items()
        }
        for measure, values in measures.items():
            column = np.full(last - start, np.nan)
            column[last - start - len(values) :] = values.numpy()
            columns[one.label, measure] = column
    frame = pd.DataFrame(columns)
    frame.columns = pd.MultiIndex.from_tuples(list(columns))
    return frame.iloc[::-1].reset_index(drop=True)


def orders(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The orders of the table: label -> column."""
    by_time = {LATEST: POSITION, OLDEST: POSITION}
    columns: list[Any] = list(frame.columns)
    measured = [column for column in columns if column not in PLAIN]
    return by_time | {f"{measure}, {label}": (label, measure) for label, measure in measured}


def _heading(name: str) -> str:
    """The heading of an importance; "attention" by itself stands for the view that is chosen."""
    return name[0].upper() + name[1:] + (", all" if name == "attention" else "")


def helps(shown: list[Shown], models: Iterable[Model]) -> dict[str, str]:
    """What the columns mean, by heading."""
    known = {name: one for model in models for name, one in importances(model).items()}
    chosen = dict.fromkeys(name for one in shown for name in one.inspection.importance)
    return COLUMNS | {_heading(name): known[name].described for name in chosen}


def ordered(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """The rows in one of the `orders`: the highest value first, and the latest among equals."""
    column: Any = orders(frame)[by]
    return frame.sort_values(column, ascending=by == OLDEST, kind="stable")


def history_html(
    rows: pd.DataFrame, helps: dict[str, str], ids: Mapping[int, str] | None = None
) -> str:
    """Rows of `history_frame` as HTML: bars, an even share of attention, and in green the cause.

    Parameters
    ----------
    rows : in the order in which they are shown.
    helps : what the columns mean, as in `helps`.
    ids : position -> raw id, which a click on the item gives; None where nothing listens.
    """
    places, picks = rows[POSITION].tolist(), ids or {}
    columns = [[Cell(str(at)) for at in places]]
    columns.append(
        [
            Cell(title, hover=title, pick=picks.get(at, ""))
            for at, title in zip(places, rows[TITLE], strict=True)
        ]
    )
    heads = [Head("#", helps["#"]), Head("Item", kind="title")]
    if AGO in rows.columns:
        columns.append([Cell(ago(value)) for value in rows[AGO]])
        heads.append(Head("Ago", helps["Ago"]))
    groups = [("", len(heads))]
    for label in filter(None, rows.columns.get_level_values(0).unique()):
        measures = list(rows[label].columns)
        groups.append((label, len(measures)))
        for place, measure in enumerate(measures):
            values = rows[label, measure]
            even = 1 / values.count() if measure == ATTENTION else None
            columns.append(bar_cells(values, sign=bool((values < 0).any()), mark=even))
            heads.append(Head(measure, helps[measure], starts_group=place == 0))
    return table(
        "The history, with attention and other importances",
        heads,
        list(zip(*columns, strict=True)),
        groups=groups,
        marked=np.flatnonzero(rows[CAUSE]).tolist() if CAUSE in rows.columns else (),
        positions=places,
    )
