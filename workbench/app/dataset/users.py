"""A diagnostic's numbers user by user; selecting one opens it in Inspect."""

from typing import Any

import pandas as pd
import streamlit as st

from analyses.diagnostic import Diagnostic
from analyses.report.folder import slug
from analyses.report.stored import StoredRun
from workbench.app import words
from workbench.app.dataset import stored_results
from workbench.app.dataset.figures import csv_button
from workbench.app.dataset.stored_results import Answers
from workbench.app.html_table import plain_frame
from workbench.app.links import INSPECT
from workbench.app.selection import select
from workbench.errors import WorkbenchError


def show_users(run: StoredRun, diagnostic: Diagnostic, answers: Answers, side: str = "") -> None:
    """A sortable table with a row per user, under one condition; `side` as in `show_figures`."""
    if "user" not in answers.by_user:
        st.info("This diagnostic keeps no numbers of single users.", icon=":material/info:")
        return
    with st.container(horizontal=True):
        conditions = {
            column: select(
                words.literal(column.capitalize()),
                {value.replace("_", " "): value for value in values},
                key=f"of_{column}{side}",
                bind="query-params",
                width=190,
            )
            for column, values in stored_results.conditions_of(answers.by_user).items()
        }
    table = stored_results.per_user(answers.by_user, {c: str(v) for c, v in conditions.items()})
    if table.empty:
        st.info("Nobody was measured under this condition; choose another.")
        return
    try:
        ids = stored_results.data_of(run).user_ids[table["user"].to_numpy(int)]
    except (WorkbenchError, IndexError) as error:
        st.warning(words.literal(str(error)))
        st.dataframe(plain_frame(table), hide_index=True, alt="Numbers of each user")
        csv_button(table, slug(diagnostic.name, "users"), f"users{side}")
        return
    table = table.assign(user=ids)
    st.caption("A click on a heading sorts; selecting a row opens the user in **Inspect**.")
    picked = st.dataframe(
        plain_frame(table),
        hide_index=True,
        height=min(36 * (len(table) + 1) + 2, 420),
        on_select="rerun",
        selection_mode="single-row",
        key=f"users-{diagnostic.name}{side}",
        column_config=_config(plain_frame(table)),
        alt="Numbers of each user",
    )
    csv_button(table, slug(diagnostic.name, "users"), f"users{side}")
    rows = picked["selection"]["rows"]
    if rows:
        _inspect(run, str(ids[rows[0]]))


def _config(table: pd.DataFrame) -> dict[str, Any]:
    """Short numbers; ids as text."""
    numbers = table.select_dtypes("float").columns
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="%.4g") for name in numbers
    }
    return {**config, "user": st.column_config.TextColumn("user")}


def _inspect(run: StoredRun, user: str) -> None:
    st.switch_page(
        INSPECT,
        query_params={
            "data": stored_results.source_of(run),
            "models": stored_results.models_of(run),
            "user": user,
        },
    )
