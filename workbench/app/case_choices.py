"""Choosing a user and the item whose score is explained, and describing them.

The address holds each choice, as in `choices`.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from workbench import SequenceData
from workbench.app import words
from workbench.app.resources import Shared, Target
from workbench.app.saved_lists import show_form
from workbench.app.selection import leave_out, put_in, select
from workbench.app.userlists import NEXT, choose_list, choose_listed, forget_edits
from workbench.data.lookup import item_with_id, search_items, users_with_case
from workbench.errors import WorkbenchError
from workbench.explore.history_table import causes
from workbench.phrases import counted

TOP, HELD_OUT, OTHER = "Model's top item", "Held-out item", "Another item"


class Case(NamedTuple):
    """What is looked at.

    Attributes
    ----------
    user : its raw id.
    kind : of target.
    hide_seen : whether rankings leave out what the user has seen.
    """

    user: str
    kind: str
    hide_seen: bool


def choose_case(data: SequenceData, source: str, models: dict[str, Shared]) -> Case:
    """A user (typed, drawn at random or from a list), the kind of target, and what is ranked."""
    if NEXT in st.session_state:
        st.session_state["user"] = st.session_state.pop(NEXT)
    able = users_with_case(data)
    first = str(data.user_ids[able[0]])

    def draw() -> None:
        now = st.session_state["user"] or first
        others = able[data.user_ids[able] != now] if len(able) > 1 else able
        forget_edits()
        st.session_state["user"] = str(data.user_ids[np.random.default_rng().choice(others)])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "User",
            key="user",
            placeholder=words.plain(first),
            help=f"The id of one of {data.n_users:,} users, as in the data.",
            on_change=forget_edits,
            bind="query-params",
            width=90,
        )
        st.button(
            "Random", icon=":material/casino:", on_click=draw, help="Another user, drawn at random"
        )
        chosen = choose_list(list(models))
        saving = st.popover("Save", icon=":material/bookmark_add:", width="content")
        kind = st.segmented_control(
            "Target",
            [TOP, HELD_OUT, OTHER],
            default=TOP,
            required=True,
            key="target",
            help=words.TARGET,
            bind="query-params",
        )
    with st.sidebar:
        hide_seen = st.toggle(
            "Hide seen", value=True, key="hide_seen", help=words.HIDE_SEEN, bind="query-params"
        )
    user = words.typed(typed) or first
    users = choose_listed(data, source, models, chosen, user, hide_seen=hide_seen)
    with saving:
        show_form(data, "list", users)
    return Case(user, str(kind), hide_seen)


def choose_item(data: SequenceData, user: int, kind: str) -> Target:
    """The item for a kind of target; `OTHER` is searched by title.

    Raises
    ------
    WorkbenchError
        If no title matches.
    """
    if kind != OTHER:
        for key in ("words", "item"):  # of a target that is not looked at any more
            leave_out(key)
        return "top" if kind == TOP else int(data.history(user)[-1])
    return search_item(data, "words", "item")


def search_item(data: SequenceData, words_key: str, item_key: str) -> int:
    """An item chosen by words of its title; two keys of the address hold the choice.

    Raises
    ------
    WorkbenchError
        If no title matches.
    """
    with st.container(horizontal=True):
        text = st.text_input(
            "Words of its title", key=words_key, type="search", bind="query-params", width=220
        )
        matches = search_items(data, words.typed(text))
        if not matches:
            raise WorkbenchError(f"No title in {data.name} contains {text!r}; try fewer words.")
        item = select(
            "Item",
            {name(data, item): item for item in matches},
            key=item_key,
            bind="query-params",
            width=400,
        )
    return int(item or matches[0])


def explain_item(data: SequenceData, raw_id: str) -> None:
    """Explain an item by its raw id, as if it had been searched for; called by a click on it."""
    item = item_with_id(data, raw_id)
    if item is None:
        return
    st.session_state["target"] = OTHER
    put_in("words", data.title(item))
    put_in("item", words.plain(name(data, item)))


def name(data: SequenceData, item: int) -> str:
    """A title with the raw id, since items can have equal titles."""
    title, raw = data.title(item), str(data.item_ids[item])
    return title if title == raw else f"{title} · {raw}"


def describe_user(data: SequenceData, user: int, models: dict[str, Shared]) -> str:
    """A sentence about the user: the history, the held-out item and, if it is known, its cause."""
    history = data.history(user)
    n = len(history) - 1
    seen = max((shared.model.config.max_length for shared in models.values()), default=n)
    how_many = counted(n, "item") if n <= seen else f"the last {seen} of {n} items"
    return (
        f"User {words.literal(str(data.user_ids[user]))}: {how_many} of history, then the held-out "
        f"item **{words.literal(data.title(int(history[-1])))}**{_caused(data, user)}."
    )


def _caused(data: SequenceData, user: int) -> str:
    caused = causes(data, user)
    if caused is None:
        return ""
    if not caused.any():
        return ", which no item before it caused"
    named = [
        f"item {place + 1} ({words.literal(data.title(int(data.history(user)[place])))})"
        for place in np.flatnonzero(caused)
    ]
    return f", which was planted as the effect of {' and '.join(named)}"
