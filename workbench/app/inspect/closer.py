"""Closer looks at one prediction, of which one at a time is computed and shown."""

from collections.abc import Callable

import streamlit as st

from workbench.app.inspect.contrast_view import show_contrast
from workbench.app.inspect.deletion_view import show_deletion
from workbench.app.inspect.heads_view import show_heads
from workbench.app.inspect.layers_view import show_layers
from workbench.app.inspect.seen import Seen
from workbench.app.selection import leave_out

CONTRAST, CONTRAST_KEYS = "Why this and not another?", ("against", "other_words", "other_item")
VIEWS: dict[str, Callable[[Seen], None]] = {
    CONTRAST: show_contrast,
    "Rank after each layer": show_layers,
    "Deletion curve": show_deletion,
    "Table of heads": show_heads,
}


def show_closer(seen: Seen) -> None:
    """Show a choice, by default of nothing, and what is chosen."""
    st.subheader("Look closer")
    chosen = st.segmented_control(
        "Look closer",
        list(VIEWS),
        key="closer",
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen != CONTRAST:
        for key in CONTRAST_KEYS:
            leave_out(key)
    if chosen is not None:
        VIEWS[str(chosen)](seen)
