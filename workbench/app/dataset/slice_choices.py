"""Choosing slices of the users of a stored run: one, and another beside it."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from analyses.report.stored import StoredRun
from workbench import SequenceData
from workbench.app import resources, saved_lists, words
from workbench.app.dataset import stored_results
from workbench.app.dataset.slices import Slice, listed, slices_of
from workbench.app.saved_lists import ALL
from workbench.app.selection import leave_out, select
from workbench.errors import WorkbenchError
from workbench.phrases import listing

NO_OTHER, LISTED = "No other users", "A list of users"


class Chosen(NamedTuple):
    """A slice that is shown.

    Attributes
    ----------
    name : what it is called.
    part : its users; None for all.
    """

    name: str = ALL
    part: Slice | None = None


def choose_slices(run: StoredRun, diagnostic: str) -> list[Chosen]:
    """One slice or two of the users whom a diagnostic measured.

    All users where nobody knows more of them, the data being gone.
    """
    try:
        data = stored_results.data_of(run)
        users = stored_results.users_of(run, diagnostic)
        categories = resources.categories(stored_results.source_of(run))
        known = slices_of(data, users, stored_results.ranks_of(run, users), categories)
    except (WorkbenchError, stored_results.Outside, IndexError):
        return [Chosen()]
    lists = saved_lists.saved()
    names = {name: name for name in (*known, *lists, LISTED)}
    first = select(
        "Users", {ALL: ALL, **names}, key="slice", bind="query-params", width=280, help=words.SLICES
    )
    other = select(
        "Beside them",
        {NO_OTHER: None, ALL: ALL, **names},
        key="beside",
        bind="query-params",
        width=280,
        help="The same of other users, side by side.",
    )
    asked = [name for name in (first or ALL, other) if name is not None]
    saving = st.popover("Save", icon=":material/bookmark_add:", width="content")
    if LISTED not in asked:
        leave_out("listed_users")
    else:
        known[LISTED] = _part(data, users, _type_ids(data, users))
    known |= {name: _part(data, users, "\n".join(lists[name])) for name in asked if name in lists}
    with saving:
        part = known.get(first or ALL)
        ids = [] if part is None else data.user_ids[part.users]
        saved_lists.show_form(data, "slice", [str(raw) for raw in ids])
    return [Chosen(name, known.get(name)) for name in asked]


def _type_ids(data: SequenceData, users: np.ndarray) -> str:
    """Ids that are typed or pasted."""
    text = st.text_input(
        "Ids of the users of the list",
        key="listed_users",
        bind="query-params",
        placeholder=", ".join(words.plain(str(data.user_ids[user])) for user in users[:3]),
        help=words.IDS,
        width=400,
    )
    return words.typed(text)


def _part(data: SequenceData, users: np.ndarray, text: str) -> Slice:
    """The users of a list; says who was not measured."""
    part, others = listed(data, users, text)
    if others:
        named = words.literal(listing(others, saved_lists.MOST_NAMED))
        st.warning(f"Not among the users of this diagnostic: {named}.")
    return part
