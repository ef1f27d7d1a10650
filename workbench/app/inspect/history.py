"""The history as a table: attention, and the importances chosen, of each item."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from workbench import SequenceData, importances, spreadsheets
from workbench.app import case_choices, downloads, words
from workbench.app.html_table import Cell, Head, bar_cells, show_table
from workbench.app.inspect.shown import Shown
from workbench.app.selection import select
from workbench.model import Model

POSITION, TITLE, AGO, CAUSE = ("", "#"), ("", "Item"), ("", "Ago"), ("", "Cause")
PLAIN = (POSITION, TITLE, AGO, CAUSE)
ATTENTION = "Attention"
LATEST, OLDEST = "Latest first", "Oldest first"


def history_frame(data: SequenceData, user: int, shown: list[Shown]) -> pd.DataFrame:
    """A row per item before the held-out one that at least one model sees, latest first.

    Returns
    -------
    DataFrame
        Columns: position (from 1, the oldest item), title, seconds before the held-out item (if
        times are known), whether it caused that item (if that is known), and per model attention
        and the importances chosen, NaN for items that this model does not see.
    """
    first, last = int(data.offsets[user]), int(data.offsets[user + 1]) - 1
    start = last - max(len(one.inspection.items) for one in shown)
    columns: dict[tuple[str, str], np.ndarray | list[str]] = {
        POSITION: np.arange(start, last) - first + 1,
        TITLE: [data.title(int(item)) for item in data.items[start:last]],
    }
    if data.times is not None:
        columns[AGO] = (data.times[last] - data.times[start:last]).astype(float)
    caused = case_choices.causes(data, user)
    if caused is not None:
        columns[CAUSE] = caused[start - first :]
    for one in shown:
        measures = {ATTENTION: one.row} | {
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
    return {ATTENTION: words.ATTENTION} | {
        _heading(name): words.described(known[name]) for name in chosen
    }


def ordered(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """The rows in one of the `orders`: the highest value first, and the latest among equals."""
    column: Any = orders(frame)[by]
    return frame.sort_values(column, ascending=by == OLDEST, kind="stable")


def csv(frame: pd.DataFrame) -> str:
    """The table as CSV, with all digits; times are in seconds."""
    names = {POSITION: "position", TITLE: "title", AGO: "seconds_ago", CAUSE: "cause"}
    columns: list[Any] = list(frame.columns)
    plain = [names.get(column, f"{column[0]} {column[1].lower()}") for column in columns]
    return spreadsheets.csv(frame.set_axis(plain, axis=1))


def show_history(frame: pd.DataFrame, file_name: str, helps: dict[str, str]) -> None:
    """Show the table in the order chosen, what its columns mean, and in green what is the cause."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(orders(frame))
        by = select(
            "Order",
            dict(zip(names, names, strict=True)),
            key="order",
            bind="query-params",
            width=230,
            help=words.ORDER,
        )
        with st.popover("What do the columns mean?", type="tertiary", icon=":material/help:"):
            for measure, text in helps.items():
                st.markdown(f"**{measure}.** {words.literal(text)}")
        downloads.button("CSV", lambda: csv(frame), file_name, downloads.CSV)
    rows = ordered(frame, by or LATEST)
    columns = [[Cell(str(value)) for value in rows[POSITION]]]
    columns.append([Cell(title, hover=title) for title in rows[TITLE]])
    heads = [Head("#", words.POSITION), Head("Item", kind="title")]
    if AGO in frame.columns:
        columns.append([Cell(words.ago(value)) for value in rows[AGO]])
        heads.append(Head("Ago", words.AGO))
    groups = [("", len(heads))]
    for label in filter(None, frame.columns.get_level_values(0).unique()):
        measures = list(frame[label].columns)
        groups.append((label, len(measures)))
        for place, measure in enumerate(measures):
            values = rows[label, measure]
            columns.append(bar_cells(values, sign=bool((values < 0).any())))
            heads.append(Head(measure, helps[measure], starts_group=place == 0))
    show_table(
        "The history, with attention and other importances",
        heads,
        list(zip(*columns, strict=True)),
        groups=groups,
        marked=np.flatnonzero(rows[CAUSE]).tolist() if CAUSE in frame.columns else (),
    )
    if CAUSE in frame.columns and frame[CAUSE].any():
        st.caption(words.CAUSE)
