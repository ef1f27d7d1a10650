"""What a model ranks first, and where the held-out item is."""

from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from workbench import SequenceData
from workbench.app import words
from workbench.app.shown import Shown

MARK = "background-color: rgba(0, 158, 115, 0.3); font-weight: bold"
K = 10


def ranking_frame(data: SequenceData, shown: Shown, held_out: int) -> pd.DataFrame:
    """The ten best items, then the held-out one where it is not among them."""
    found = shown.found
    items = found.top(K)
    ranks = list(range(1, len(items) + 1))
    if held_out not in items:
        items, ranks = [*items, held_out], [*ranks, found.rank(held_out)]
    history = set(found.items.tolist())
    return pd.DataFrame(
        {
            "Rank": ranks,
            "Item": [data.title(item) for item in items],
            "Score": [float(found.scores[item]) for item in items],
            "Note": [_note(item, held_out, found.target, history) for item in items],
        }
    )


def _note(item: int, held_out: int, target: int, history: set[int]) -> str:
    notes = {
        "held-out": item == held_out,
        "target": item == target != held_out,
        "seen": item in history,
    }
    return ", ".join(note for note, holds in notes.items() if holds)


def styled(frame: pd.DataFrame) -> Styler:
    """The row of the held-out item marked."""

    def mark(row: pd.Series) -> list[str]:
        return [MARK if str(row["Note"]).startswith("held-out") else ""] * len(row)

    formats: dict[Any, Any] = {"Score": words.numbers([1.0])}
    return frame.style.format(formats).apply(mark, axis=1)


def show_ranking(data: SequenceData, shown: Shown, held_out: int) -> None:
    """The table and the held-out item's rank in a sentence."""
    rank, n_items = shown.found.rank(held_out), len(shown.found.scores) - 1
    st.markdown(f"**{shown.label}**: held-out item at rank {rank:,} of {n_items:,}")
    st.dataframe(
        styled(ranking_frame(data, shown, held_out)),
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.Column(width=width)
            for name, width in (("Rank", 48), ("Item", 176), ("Score", 60), ("Note", 94))
        },
        alt=f"The items {shown.label} ranks first",
    )
