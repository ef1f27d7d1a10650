"""Choosing slices of the users of a stored run: one, and another beside it."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from analyses.report.stored import StoredRun
from workbench import SequenceData
from workbench.app import words
from workbench.app.dataset import stored_results
from workbench.app.dataset.slices import Slice, listed, slices_of
from workbench.app.selection import select
from workbench.errors import WorkbenchError
from workbench.phrases import listing

ALL, NO_OTHER, LISTED = "All users", "No other users", "A list of users"
MOST_NAMED = 5  # of the ids that nobody has


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
        known = slices_of(data, users, stored_results.ranks_of(run, users))
    except (WorkbenchError, stored_results.Outside, IndexError):
        return [Chosen()]
    names = {name: name for name in (*known, LISTED)}
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
    if LISTED in asked:
        known[LISTED] = _choose_listed(data, users)
    return [Chosen(name, known.get(name)) for name in asked]


def _choose_listed(data: SequenceData, users: np.ndarray) -> Slice:
    """The users whose ids are typed or pasted; the address keeps the list."""
    text = st.text_input(
        "Ids of the users of the list",
        key="listed_users",
        bind="query-params",
        placeholder=", ".join(words.plain(str(data.user_ids[user])) for user in users[:3]),
        help="Separated by commas or blanks. The address keeps them, so that a bookmark or a link "
        "saves the list.",
        width=400,
    )
    part, others = listed(data, users, text)
    if others:
        named = words.literal(listing(others, MOST_NAMED))
        st.warning(f"Not among the users of this diagnostic: {named}.")
    return part
