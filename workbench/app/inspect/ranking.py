"""What a model ranks first, and where the held-out item is."""

import pandas as pd
import streamlit as st

from workbench import SequenceData
from workbench.app import cases, words
from workbench.app.inspect.shown import Shown
from workbench.app.table import Cell, Head, show_table

K = 10
HEADS = (Head("Rank"), Head("Item", kind="title"), Head("Score"), Head("Note", kind="text"))


def ranking_frame(data: SequenceData, shown: Shown, user: int) -> pd.DataFrame:
    """The ten best items, then the held-out one where it is not among them.

    Seen are all items of the user's history, also those before the ones that the model takes.
    """
    found = shown.found
    *history, held_out = data.history(user).tolist()
    items = found.top(K)
    ranks = list(range(1, len(items) + 1))
    if held_out not in items:
        items, ranks = [*items, held_out], [*ranks, found.rank(held_out)]
    seen = set(history)
    return pd.DataFrame(
        {
            "Rank": ranks,
            "Item": [data.title(item) for item in items],
            "Score": [float(found.scores[item]) for item in items],
            "Note": [cases.note(item, held_out, found.target, seen) for item in items],
        }
    )


def show_ranking(frame: pd.DataFrame, shown: Shown, held_out: int) -> None:
    """The table, and the held-out item's rank in a sentence."""
    rank, n_items = shown.found.rank(held_out), len(shown.found.scores) - 1
    st.markdown(f"**{words.literal(shown.label)}**: held-out item at rank {rank:,} of {n_items:,}")
    rows = [
        [Cell(f"{rank:,}"), Cell(title, title), Cell(words.decimal(score)), Cell(notes)]
        for rank, title, score, notes in frame.itertuples(index=False)
    ]
    marked = [n for n, notes in enumerate(frame["Note"]) if notes.startswith("held-out")]
    show_table(f"The items {shown.label} ranks first", HEADS, rows, marked=marked)
