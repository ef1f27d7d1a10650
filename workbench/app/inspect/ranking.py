"""The items that a model ranks first, and the rank of the held-out item."""

import pandas as pd
import streamlit as st

from workbench import SequenceData
from workbench.app import case_choices, words
from workbench.app.html_table import Cell, Head, show_table
from workbench.app.inspect.shown import Shown

K = 10
HEADS = (Head("Rank"), Head("Item", kind="title"), Head("Score"), Head("Note", kind="text"))


def ranking_frame(data: SequenceData, shown: Shown, user: int) -> pd.DataFrame:
    """The ten best ranked items, then the held-out one if it is not among them.

    The note says "seen" for all items of the user's history, even those too old for the model.
    """
    inspection = shown.inspection
    *history, held_out = data.history(user).tolist()
    items = inspection.top(K)
    ranks = list(range(1, len(items) + 1))
    if held_out not in items:
        items, ranks = [*items, held_out], [*ranks, inspection.rank(held_out)]
    seen = set(history)
    return pd.DataFrame(
        {
            "Rank": ranks,
            "Item": [data.title(item) for item in items],
            "Score": [float(inspection.scores[item]) for item in items],
            "Note": [case_choices.note(item, held_out, inspection.target, seen) for item in items],
        }
    )


def show_ranking(frame: pd.DataFrame, shown: Shown, held_out: int) -> None:
    """Show the table, and the rank of the held-out item in a sentence."""
    rank, n_items = shown.inspection.rank(held_out), shown.inspection.n_ranked
    st.markdown(f"**{words.literal(shown.label)}**: held-out item at rank {rank:,} of {n_items:,}")
    rows = [
        [Cell(f"{rank:,}"), Cell(title, title), Cell(words.decimal(score)), Cell(notes)]
        for rank, title, score, notes in frame.itertuples(index=False)
    ]
    marked = [n for n, notes in enumerate(frame["Note"]) if notes.startswith("held-out")]
    show_table(f"The items {shown.label} ranks first", HEADS, rows, marked=marked)
