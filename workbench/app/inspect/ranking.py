"""The items that a model ranks first, and the rank of the held-out item."""

from functools import partial

import streamlit as st

from workbench import SequenceData, spreadsheets
from workbench.app import downloads, words
from workbench.app.case_choices import explain_item
from workbench.app.clickable import show_clickable
from workbench.explore.ranking_table import ranking_frame, ranking_html
from workbench.explore.shown import Shown


def show_ranking(data: SequenceData, shown: Shown, user: int) -> None:
    """Show the table, whose items can be clicked, and the rank of the held-out item."""
    frame, held_out = ranking_frame(data, shown, user), int(data.history(user)[-1])
    st.markdown(f"{words.strong(shown.label)}: held-out item {shown.inspection.told(held_out)}")
    html = ranking_html(frame, shown.label)
    show_clickable(html, f"top {shown.label}", partial(explain_item, data))
    user_id = str(data.user_ids[user])
    downloads.button("CSV", partial(spreadsheets.csv, frame), f"top-{shown.label}", user_id)
