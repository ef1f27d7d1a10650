"""The history as a table on the page: its order, its legend and its download."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from workbench import SequenceData, spreadsheets
from workbench.app import downloads, words
from workbench.app.case_choices import explain_item
from workbench.app.clickable import show_clickable
from workbench.app.selection import select
from workbench.explore.history_table import (
    AGO,
    CAUSE,
    LATEST,
    POSITION,
    TITLE,
    history_html,
    ordered,
    orders,
)


def csv(frame: pd.DataFrame, ids: Mapping[int, str]) -> str:
    """The table as CSV, with all digits, and the ids of items by position; times are in seconds."""
    names = {POSITION: "position", TITLE: "title", AGO: "seconds_ago", CAUSE: "cause"}
    columns: list[Any] = list(frame.columns)
    plain = [names.get(column, f"{column[0]} {column[1].lower()}") for column in columns]
    named = frame.set_axis(plain, axis=1)
    named.insert(1, "id", [ids[at] for at in named["position"]])
    return spreadsheets.csv(named)


def show_history(data: SequenceData, user: int, frame: pd.DataFrame, helps: dict[str, str]) -> None:
    """Show the table in the order chosen, what its columns mean, and in green what is the cause.

    A click on an item explains it.

    Parameters
    ----------
    data, user : the data as the models number items, and an index in them.
    frame, helps : the rows, and what the columns mean, by heading.
    """
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
        ids = {at: str(data.item_ids[item]) for at, item in enumerate(data.history(user), 1)}
        downloads.button("CSV", partial(csv, frame, ids), "history", str(data.user_ids[user]))
    rows = ordered(frame, by or LATEST)
    show_clickable(history_html(rows, helps, ids), "history", partial(explain_item, data))
    if CAUSE in frame.columns and frame[CAUSE].any():
        st.caption(words.CAUSE)
