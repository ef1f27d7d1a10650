"""Without which items would something else have been recommended? Asked with a button."""

import streamlit as st

from workbench.app import resources, words
from workbench.app.inspect.seen import Seen
from workbench.explore.shown import Shown
from workbench.explore.user_sentences import smallest_told
from workbench.faithfulness.counterfactual import SmallestChange

ASK = "Without which items would this not have been recommended?"


def show_smallest(seen: Seen, label: str) -> None:
    """Show a button, and the answer once it was pressed for this user and what is ranked.

    There is no button for an item that is not the first, since it was not recommended.
    """
    shown = seen.shown[label]
    if not _is_recommended(shown):
        return
    if st.button(ASK, icon=":material/content_cut:", key=f"ask {label}", wrap=True):
        st.session_state[f"smallest {label}"] = _asked(seen, label)
    with st.spinner("Taking items away ..."):
        change = answered(seen, label)
    if change is not None:
        st.markdown(smallest_told(change, seen.data, shown.inspection, words.strong))


def answered(seen: Seen, label: str) -> SmallestChange | None:
    """The smallest change, if the button was pressed for what is shown."""
    asked = st.session_state.get(f"smallest {label}") == _asked(seen, label)
    if not asked or not _is_recommended(seen.shown[label]):
        return None
    return resources.smallest(
        seen.models[label], seen.source, seen.user, hide_seen=seen.case.hide_seen
    )


def _is_recommended(shown: Shown) -> bool:
    """Whether the target comes first among what is ranked; what is hidden is not."""
    return shown.inspection.top(1) == [shown.inspection.target]


def _asked(seen: Seen, label: str) -> tuple[object, ...]:
    return seen.source, seen.models[label].source, seen.user, seen.case.hide_seen
