"""Lists of users worth looking at: measured beside the page, which stays usable meanwhile."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.failures import told
from workbench.app.resources import Shared
from workbench.data.lookup import users_with_case
from workbench.explore.survey import CUTOFF, Listing, listed, ranked_apart

ALL, LONGEST, SHORTEST, APART = (
    "All users",
    "Longest history",
    "Shortest history",
    "Models rank the held-out item furthest apart",
)
OF_A_MODEL: dict[str, Listing] = {
    "Attention and gradients disagree most": "disagree",
    "Top item flips without the largest weight": "flip",
    f"Right: held-out item in the first {CUTOFF}": "right",
    "Wrong: held-out item ranked last": "wrong",
}
SHOWN = 50  # users of a list
WAIT = 0.5  # seconds between looks whether a list is ready


def choose_list(labels: list[str]) -> str:
    """A list of users: by length, or by what a model (of `labels`) makes of them."""
    lists = [ALL, LONGEST, SHORTEST]
    lists += [_name(what, label) for label in labels for what in OF_A_MODEL]
    if len(labels) == 2:
        lists.append(APART)
    chosen = st.selectbox(
        "List of users", lists, key="list", bind="query-params", width=230, help=words.LISTS
    )
    return str(chosen)


def choose_listed(
    data: SequenceData, source: str, models: dict[str, Shared], listing: str, user: str
) -> None:
    """Users of a list, of whom one may be chosen; `user` is the raw id of the one shown."""
    with told("The list"):
        lengths = data.lengths - 1
        if listing in (LONGEST, SHORTEST):
            able = users_with_case(data)
            order = np.argsort(lengths[able] * (-1 if listing == LONGEST else 1), kind="stable")
            rows = pd.DataFrame({"user": able[order], "length": lengths[able[order]]})
            _choose(data, rows, len(able), user, lambda row: "")
            return
        asked = list(models) if listing == APART else [_model_of(listing, list(models))]
        surveys = [resources.surveyed(models[label], source) for label in asked]
        if not all(survey.done() for survey in surveys):
            _wait(source, [models[label] for label in asked])
            return
        tables = [survey.result() for survey in surveys]
        n = len(tables[0])
        if listing == APART:
            found = ranked_apart(*tables).rename(columns={"length_first": "length"})
            a, b = asked
            _choose(data, found, n, user, lambda r: f"{a} {r.rank_first:,}, {b} {r.rank_second:,}")
            return
        kind = next(kind for what, kind in OF_A_MODEL.items() if listing.startswith(what))
        _choose(data, listed(tables[0], kind), n, user, SAID[kind])


SAID: dict[Listing, Callable[[Any], str]] = {
    "disagree": lambda row: f"tau-b {words.decimal(row.tau, sign=True)}",
    "flip": lambda row: f"divergence {row.divergence:.3f}",
    "right": lambda row: f"rank {row.rank:,}",
    "wrong": lambda row: f"rank {row.rank:,}",
}


def _name(what: str, label: str) -> str:
    return f"{what} · {label}"


def _model_of(listing: str, labels: list[str]) -> str:
    return next(label for label in labels if listing.endswith(f" · {label}"))


def _choose(
    data: SequenceData, rows: pd.DataFrame, n: int, user: str, said: Callable[..., str]
) -> None:
    """A user among the first rows; n: how many were measured."""
    entries = {}
    row: Any
    for row in rows.head(SHOWN).itertuples():
        parts = [said(row), f"{row.length:,} items"]
        entries[str(data.user_ids[row.user])] = ", ".join(filter(None, parts))
    if not entries:
        st.info(f"Of {n:,} users measured, none is in this list; choose another.")
        return
    ids = list(entries)
    st.session_state["listed"] = user if user in entries else None

    def take(step: int = 0) -> None:
        now = st.session_state["listed"]
        if step:
            now = ids[(ids.index(now) + step) % len(ids)] if now else ids[0 if step > 0 else -1]
        if now:
            st.session_state["user"] = now

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "User of the list",
            ids,
            format_func=lambda one: f"{one} · {entries[one]}",
            key="listed",
            placeholder="Choose",
            on_change=take,
            width=330,
        )
        st.button("Previous", icon=":material/arrow_back:", on_click=take, args=[-1])
        st.button("Next", icon=":material/arrow_forward:", on_click=take, args=[1])
    able = len(users_with_case(data))
    drawn = "" if n == able else f" drawn at random of {able:,}"
    st.caption(
        f"The first {len(ids):,} of {len(rows):,} in this list; {n:,} users measured{drawn}."
    )


@st.fragment(run_every=WAIT)
def _wait(source: str, models: list[Shared]) -> None:
    if all(resources.surveyed(shared, source).done() for shared in models):
        st.rerun()
    st.caption(":material/hourglass_top: Measuring the users; the page can be used meanwhile.")
