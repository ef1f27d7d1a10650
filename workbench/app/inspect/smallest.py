"""Without which items would something else have been recommended? Asked with a button."""

import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.inspect.shown import Shown
from workbench.app.resources import Shared
from workbench.faithfulness.counterfactual import MOST, Change
from workbench.phrases import counted, listing

ASK = "Without which items would this not have been recommended?"


def show_smallest(
    shared: Shared, source: str, data: SequenceData, user: int, shown: Shown, *, hide_seen: bool
) -> None:
    """Show a button, and the answer once it was pressed for this user and what is ranked.

    There is no button for an item that is not the first, since it was not recommended.
    """
    if shown.inspection.rank(shown.inspection.target) != 1:
        return
    asked, key = (source, shared.source, user, hide_seen), f"smallest {shown.label}"
    if st.button(ASK, icon=":material/content_cut:", key=f"ask {shown.label}", wrap=True):
        st.session_state[key] = asked
    if st.session_state.get(key) != asked:
        return
    with st.spinner("Taking items away ..."):
        change = resources.smallest(shared, source, user, hide_seen=hide_seen)
    st.markdown(told(change, data, user))


def told(change: Change, data: SequenceData, user: int) -> str:
    """Markdown: the items of the smallest change of a history, and what would come instead."""
    passes = f"({counted(int(change.passes[0]), 'pass', 'passes')} of the model)"
    if change.size[0].isnan():
        return f"Without any {MOST} items or fewer that were tried, it still comes first {passes}."
    read = data.history(user)[:-1][-change.removed.shape[1] :]
    titles = [
        f"**{words.literal(data.title(int(item)))}**"
        for item, gone in zip(read, change.removed[0].tolist(), strict=True)
        if gone
    ]
    instead = words.literal(data.title(int(change.successor[0])))
    return (
        f"Without {listing(titles)}: **{instead}** would come first, which was at rank "
        f"{int(change.old_rank[0]):,} {passes}."
    )
