"""Lists of users worth looking at; the page stays usable while users are measured."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from workbench import SequenceData
from workbench.app import resources, saved_lists, words
from workbench.app.failures import errors_shown
from workbench.app.resources import Shared, Surveying
from workbench.app.saved_lists import ALL
from workbench.app.selection import follow, leave_out, select
from workbench.data.lookup import find_users, search_users, users_with_case
from workbench.explore.survey import Listing, listed, ranked_apart
from workbench.metrics import CUTOFF
from workbench.phrases import counted, listing

WATCHED, SAVED, LONGEST, SHORTEST, APART = (
    "By items they have",
    "Saved",
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
NEXT, CHANGED = "next_user", "list_changed"  # in the session, until the page has followed
WAIT = 0.3  # seconds between looks whether a list is ready


def forget_edits() -> None:
    """Drop the edits of a history, which belong to one user; called when another is chosen.

    An address that holds both a user and edits keeps them, so that Back leads to what was seen.
    """
    st.session_state["edits"] = ""
    leave_out("edits")


class UserList(NamedTuple):
    """A list of users.

    Attributes
    ----------
    what : what it holds.
    label : of its model, or the name under which it was saved; None for others.
    """

    what: str
    label: str | None = None


def choose_list(labels: list[str]) -> UserList:
    """A list of users: saved, by their histories, or by what a model of `labels` predicts."""
    lists = {what: UserList(what) for what in (ALL, WATCHED, LONGEST, SHORTEST)}
    lists |= {name: UserList(SAVED, name) for name in saved_lists.saved()}
    for label in labels:
        lists |= {f"{what} · {label}": UserList(what, label) for what in OF_A_MODEL}
    if len(labels) == 2:
        lists[APART] = UserList(APART)
    chosen = select(
        "List of users",
        lists,
        key="list",
        bind="query-params",
        width=190,
        help=words.LISTS,
        on_change=_changed,
    )
    return chosen or UserList(ALL)


def _changed() -> None:
    st.session_state[CHANGED] = True


def choose_listed(
    data: SequenceData,
    source: str,
    models: dict[str, Shared],
    chosen: UserList,
    user: str,
    *,
    hide_seen: bool,
) -> list[str]:
    """Show the users of a list, if one is chosen, and give their raw ids as far as they are known.

    `user` is the raw id of the one on the page, who alone is given where no list is chosen; what
    `hide_seen` leaves out of a ranking on the page is left out in the lists.
    """
    what, label = chosen
    if what != WATCHED:
        leave_out("watched")
    if what == ALL:
        st.session_state.pop(CHANGED, None)
        return [user]
    with errors_shown("The list"):
        lengths = data.lengths - 1
        if what == WATCHED:
            return _choose_watched(data, user)
        if what == SAVED:
            return _choose_saved(data, str(label), user)
        if what in (LONGEST, SHORTEST):
            able = users_with_case(data)
            order = np.argsort(lengths[able] * (-1 if what == LONGEST else 1), kind="stable")
            rows = pd.DataFrame({"user": able[order], "length": lengths[able[order]]})
            return _choose(data, rows, len(able), user)
        labels = list(models) if label is None else [label]
        surveys = [
            resources.surveyed(models[label], source, hide_seen=hide_seen) for label in labels
        ]
        if not all(survey.table.done() for survey in surveys):
            _wait(surveys)
            return []
        tables = [survey.table.result() for survey in surveys]
        n = len(tables[0])
        if what == APART:
            users = ranked_apart(*tables).rename(columns={"length_first": "length"})
            a, b = labels
            return _choose(
                data, users, n, user, lambda r: f"{a} {r.rank_first:,}, {b} {r.rank_second:,}"
            )
        kind = OF_A_MODEL[what]
        return _choose(data, listed(tables[0], kind), n, user, REMARKS[kind])
    return []


def _choose_saved(data: SequenceData, name: str, user: str) -> list[str]:
    """Show the users of a saved list."""
    able = users_with_case(data)
    found, others = find_users(data, "\n".join(saved_lists.saved()[name]), able)
    if others:
        named = words.literal(listing(others, saved_lists.MOST_NAMED))
        st.warning(f"Not among the users of these data: {named}.")
    rows = pd.DataFrame({"user": found, "length": data.lengths[found] - 1})
    return _choose(data, rows, len(able), user)


def _choose_watched(data: SequenceData, user: str) -> list[str]:
    """Show the users who have items of the titles that are typed."""
    text = st.text_input(
        "Titles that they have, separated by commas",
        key="watched",
        type="search",
        bind="query-params",
        placeholder=words.plain(data.title(int(data.items[0]))),
        on_change=_changed,
        width=400,
    )
    if not text:
        return []
    able, found = users_with_case(data), search_users(data, words.typed(text))
    found = found[np.isin(found, able)]
    rows = pd.DataFrame({"user": found, "length": data.lengths[found] - 1})
    return _choose(data, rows, len(able), user)


REMARKS: dict[Listing, Callable[[Any], str]] = {
    "disagree": lambda row: f"tau-b {words.decimal(row.tau, sign=True)}",
    "flip": lambda row: f"divergence {row.divergence:.3f}",
    "right": lambda row: f"rank {row.rank:,}",
    "wrong": lambda row: f"rank {row.rank:,}",
}


def _choose(
    data: SequenceData,
    rows: pd.DataFrame,
    n: int,
    user: str,
    remark: Callable[..., str] = lambda row: "",
) -> list[str]:
    """Choose among the users of the first rows, and give the ids of all; n: users measured."""
    entries = {}  # label -> raw id
    row: Any
    for row in rows.head(SHOWN).itertuples():
        raw_id, parts = str(data.user_ids[row.user]), [remark(row), counted(row.length, "item")]
        entries[f"{raw_id} · {', '.join(filter(None, parts))}"] = raw_id
    if not entries:
        st.info(f"None of the {n:,} users measured is in this list; choose another list.")
        return []
    ids = list(entries.values())
    if st.session_state.pop(CHANGED, False) and user not in ids:  # a list shows its own users
        forget_edits()
        st.session_state[NEXT] = ids[0]
        st.rerun()

    def take(raw_id: str) -> None:
        forget_edits()
        st.session_state["user"] = raw_id

    with st.container(horizontal=True, vertical_alignment="bottom"):
        follow(
            "User of the list", entries, user, take, key="listed", placeholder="Choose", width=330
        )
        at = ids.index(user) if user in ids else None
        before, after = (-1, 0) if at is None else (at - 1, (at + 1) % len(ids))
        st.button("Previous", icon=":material/arrow_back:", on_click=take, args=[ids[before]])
        st.button("Next", icon=":material/arrow_forward:", on_click=take, args=[ids[after]])
    able = len(users_with_case(data))
    drawn = "" if n == able else f", drawn at random from {able:,}"
    st.caption(
        f"The first {len(ids):,} of {counted(len(rows), 'user')} in this list. "
        f"Users measured: {n:,}{drawn}."
    )
    return [str(raw) for raw in data.user_ids[rows["user"]]]


@st.fragment(run_every=WAIT)
def _wait(surveys: list[Surveying]) -> None:
    if all(survey.table.done() for survey in surveys):
        st.rerun()
    n, of = sum(s.n_measured for s in surveys), sum(s.n_users for s in surveys)
    users = "users" if len(surveys) == 1 else f"users, counted for each of {len(surveys)} models"
    said = f"Measuring {n:,} of {of:,} {users}; you can go on using the page."
    st.progress(min(n / of, 1.0), text=said)
