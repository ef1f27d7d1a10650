"""What each head does with this history."""

import math
from functools import partial
from typing import Any

import streamlit as st

from workbench import spreadsheets
from workbench.app import downloads, words
from workbench.app.html_table import show_table
from workbench.app.inspect.seen import Seen
from workbench.explore.heads import head_table
from workbench.explore.markup import Cell, Head

HEADS = (
    Head("Layer"),
    Head("Head"),
    Head("Entropy", "Of the prediction row, as a share of what even weights have."),
    Head("Distance", "Mean number of items back from the latest one, by weight."),
    Head(
        "tau-b",
        "Kendall's rank correlation with how far the score falls without each item; items without "
        "which it rises come last.",
    ),
    Head("Largest", "The largest weight."),
    Head("Points at", kind="title"),
)


def show_heads(seen: Seen) -> None:
    """A table for each model, in the stage that is chosen for it."""
    columns = st.columns(len(seen.shown), gap="large")
    for column, (label, shown) in zip(columns, seen.shown.items(), strict=True):
        with column:
            stage = shown.view.stage
            frame = head_table(shown.inspection, stage)
            st.markdown(f"{words.strong(label)}, stage {stage.replace('_', ' ')}")
            titles = [seen.data.title(int(item)) for item in shown.inspection.items]
            rows = [_cells(row, titles) for row in frame.itertuples()]
            show_table(f"The heads of {label}", HEADS, rows)
            named = frame.assign(top=[titles[top] for top in frame["top"]])
            save = partial(spreadsheets.csv, named)
            downloads.button("CSV", save, f"heads-{label}", seen.user_id)


def _cells(row: Any, titles: list[str]) -> list[Cell]:
    return [
        Cell(str(row.layer)),
        Cell(str(row.head)),
        Cell("" if math.isnan(row.entropy) else words.decimal(row.entropy)),
        Cell(words.decimal(row.distance)),
        Cell("none" if math.isnan(row.tau) else words.decimal(row.tau, sign=True)),
        Cell(words.figure(row.weight)),
        Cell(titles[row.top], titles[row.top]),
    ]
