"""What a click on an item or a map chooses: the same as the widgets, which follow it."""

from functools import partial

import numpy as np
import streamlit as st

from workbench import SequenceData
from workbench.app import case_choices, words


def explain_item(data: SequenceData, raw_id: str) -> None:
    """Explain an item by its raw id, as if it had been searched for."""
    found = np.flatnonzero(data.item_ids[1:] == raw_id)
    if not len(found):
        return
    item = int(found[0]) + 1
    st.session_state["target"] = case_choices.OTHER
    st.session_state["words"] = data.title(item)
    st.session_state["item"] = words.plain(case_choices.name(data, item))


def open_map(slot: int) -> partial[None]:
    """What opens the map of a layer and head, by its name, of a model of the page."""
    return partial(st.session_state.__setitem__, f"view{slot}")
