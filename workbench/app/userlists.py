"""Lists of users worth looking at: measured beside the page, which stays usable meanwhile."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.failures import told
from workbench.app.resources import Shared
from workbench.app.selection import follow, select
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


class Wanted(NamedTuple):
    """A list of users: what it is, and the label of the model it is about where it is of one."""

    what: str
    label: str | None = None


def choose_list(labels: list[str]) -> Wanted:
    """A list of users: by length, or by what a model (of `labels`) makes of them."""
    lists = {what: Wanted(what) for what in (ALL, LONGEST, SHORTEST)}
    for label in labels:
        lists |= {f"{what} · {label}": Wanted(what, label) for what in OF_A_MODEL}
    if len(labels) == 2:
        lists[APART] = Wanted(APART)
    chosen = select(
        "List of users", lists, key="list", bind="query-params", width=230, help=words.LISTS
    )
    return chosen or Wanted(ALL)


def choose_listed(
    data: SequenceData, source: str, models: dict[str, Shared], listing: Wanted, user: str
) -> None:
    """Users of a list, of whom one may be chosen; `user` is the raw id of the one shown."""
    what, label = listing
    with told("The list"):
        lengths = data.lengths - 1
        if what in (LONGEST, SHORTEST):
            able = users_with_case(data)
            order = np.argsort(lengths[able] * (-1 if what == LONGEST else 1), kind="stable")
            rows = pd.DataFrame({"user": able[order], "length": lengths[able[order]]})
            _choose(data, rows, len(able), user, lambda row: "")
            return
        asked = list(models) if label is None else [label]
        surveys = [resources.surveyed(models[label], source) for label in asked]
        if not all(survey.done() for survey in surveys):
            _wait(source, [models[label] for label in asked])
            return
        tables = [survey.result() for survey in surveys]
        n = len(tables[0])
        if what == APART:
            found = ranked_apart(*tables).rename(columns={"length_first": "length"})
            a, b = asked
            _choose(data, found, n, user, lambda r: f"{a} {r.rank_first:,}, {b} {r.rank_second:,}")
            return
        kind = OF_A_MODEL[what]
        _choose(data, listed(tables[0], kind), n, user, SAID[kind])


SAID: dict[Listing, Callable[[Any], str]] = {
    "disagree": lambda row: f"tau-b {words.decimal(row.tau, sign=True)}",
    "flip": lambda row: f"divergence {row.divergence:.3f}",
    "right": lambda row: f"rank {row.rank:,}",
    "wrong": lambda row: f"rank {row.rank:,}",
}


def _choose(
    data: SequenceData, rows: pd.DataFrame, n: int, user: str, said: Callable[..., str]
) -> None:
    """A user among the first rows; n: how many were measured."""
    entries = {}  # label -> raw id
    row: Any
    for row in rows.head(SHOWN).itertuples():
        one, parts = str(data.user_ids[row.user]), [said(row), f"{row.length:,} items"]
        entries[f"{one} · {', '.join(filter(None, parts))}"] = one
    if not entries:
        st.info(f"Of {n:,} users measured, none is in this list; choose another.")
        return
    ids = list(entries.values())

    def take(one: str) -> None:
        st.session_state["user"] = one

    with st.container(horizontal=True, vertical_alignment="bottom"):
        follow(
            "User of the list", entries, user, take, key="listed", placeholder="Choose", width=330
        )
        at = ids.index(user) if user in ids else None
        before, after = (-1, 0) if at is None else (at - 1, (at + 1) % len(ids))
        st.button("Previous", icon=":material/arrow_back:", on_click=take, args=[ids[before]])
        st.button("Next", icon=":material/arrow_forward:", on_click=take, args=[ids[after]])
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
