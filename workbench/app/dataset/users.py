"""A diagnostic's numbers user by user; selecting one opens it in Inspect."""

from itertools import product
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from analyses.diagnostic import Diagnostic
from analyses.report.folder import slug
from analyses.report.stored import StoredRun
from workbench.app import words
from workbench.app.dataset import per_user, stored_results
from workbench.app.dataset.figures import csv_button
from workbench.app.dataset.stored_results import Choice
from workbench.app.html_table import plain_frame
from workbench.app.links import INSPECT
from workbench.app.selection import select
from workbench.errors import WorkbenchError


def show_users(run: StoredRun, diagnostic: Diagnostic, choice: Choice, side: str = "") -> None:
    """A sortable table with a row per user, under one condition; `side` as in `show_figures`."""
    users = stored_results.chosen(run, diagnostic.name, choice)
    kept = stored_results.kept_of_users(run, diagnostic.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        conditions = {
            column: str(
                select(
                    words.literal(column.capitalize()),
                    {value.replace("_", " "): value for value in values},
                    key=f"of_{column}{side}",
                    bind="query-params",
                    width=190,
                )
            )
            for column, values in kept.conditions.items()
        }
        if len(users) > per_user.PAGE:
            users = _page(run, diagnostic, users, kept, conditions, side)
    table = stored_results.numbers_of_users(run, diagnostic.name, users, conditions)
    if table.empty:
        st.info("Nobody was measured under this condition; choose another.")
        return
    try:
        ids = stored_results.data_of(run).user_ids[table["user"].to_numpy(int)]
    except (WorkbenchError, IndexError) as error:
        st.warning(words.literal(str(error)))
        _show(table, diagnostic, side)
        return
    table = table.assign(user=ids)
    models = stored_results.models_of(run)
    if not models:
        st.info(
            "This report does not say in which folders its models are, so its users cannot be "
            "opened; one that python -m analyses.run_all makes of saved models does."
        )
        _show(table, diagnostic, side)
        return
    st.caption(
        "A click on a heading sorts; selecting a row opens the user in **Inspect**. A cell is "
        "empty where there is no number, as of what was not found."
    )
    shown = plain_frame(table)
    picked = st.dataframe(
        shown,
        hide_index=True,
        height=min(36 * (len(table) + 1) + 2, 420),
        on_select="rerun",
        selection_mode="single-row",
        key=f"users-{diagnostic.name}{side}",
        column_config=_config(shown),
        placeholder="",
        alt="Numbers of each user",
    )
    csv_button(table, slug(diagnostic.name, "users"), f"users{side}")
    rows = picked["selection"]["rows"]
    if rows:
        _inspect(run, models, str(ids[rows[0]]))


def _show(table: pd.DataFrame, diagnostic: Diagnostic, side: str) -> None:
    """The numbers of users who cannot be opened."""
    frame = plain_frame(table)
    st.dataframe(frame, hide_index=True, placeholder="", alt="Numbers of each user")
    csv_button(table, slug(diagnostic.name, "users"), f"users{side}")


def _page(
    run: StoredRun,
    diagnostic: Diagnostic,
    users: np.ndarray,
    kept: per_user.Kept,
    conditions: dict[str, str],
    side: str,
) -> np.ndarray:
    """Some of the users, in an order that is chosen: no browser holds the table of all."""
    orders = {f"{measure} · {model}": (measure, model) for measure, model in product(*kept[:2])}
    by = select(
        "Sort all users by",
        {"user": None, **orders},
        key=f"users_by{side}",
        bind="query-params",
        width=280,
        help=f"A page has {per_user.PAGE:,} of them; a click on a heading sorts these alone.",
    )
    if by is not None:
        highest = st.toggle("Highest first", key=f"users_highest{side}", bind="query-params")
        order = per_user.Order(*by, highest_first=highest)
        users = stored_results.users_in_order(run, diagnostic.name, users, conditions, order)
    pages = ceil(len(users) / per_user.PAGE)
    numbered = {f"{k + 1} of {pages}": k for k in range(pages)}
    k = select("Page", numbered, key=f"users_page{side}", bind="query-params", width=130) or 0
    return users[per_user.PAGE * k : per_user.PAGE * (k + 1)]


def _config(table: pd.DataFrame) -> dict[str, Any]:
    """Short numbers; ids as text."""
    numbers = table.select_dtypes("float").columns
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="%.4g") for name in numbers
    }
    return {**config, "user": st.column_config.TextColumn("user")}


def _inspect(run: StoredRun, models: list[str], user: str) -> None:
    st.switch_page(
        INSPECT,
        query_params={
            "data": stored_results.source_of(run),
            "models": models,
            "user": user,
        },
    )
