"""Why one item and not another: what the difference of their scores owes to the history."""

from functools import partial

import pandas as pd
import streamlit as st
import torch

from models import Batch
from workbench import spreadsheets
from workbench.app import case_choices, downloads, resources, words
from workbench.app.html_table import show_table
from workbench.app.inspect.seen import Seen
from workbench.app.selection import select
from workbench.explaining.methods import default_erasure
from workbench.explore.contrast import contrasting, explain_difference
from workbench.explore.markup import Cell, Head, bar_cells
from workbench.model import Model

MEANS = (
    "Positive: the item of the history speaks for the first rather than for the second. By an "
    "erasure it is how much the lead of the first shrinks when the item is taken away."
)


def show_contrast(seen: Seen) -> None:
    """Choose the other item, and show a table for each model."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = _choose_other(seen)
    for column, (label, shown) in zip(
        st.columns(len(seen.shown), gap="large"), seen.shown.items(), strict=True
    ):
        with column:
            target = shown.inspection.target
            against = other or next((i for i in shown.inspection.top(2) if i != target), target)
            if against == target:
                st.info(f"{words.literal(label)}: there is no other item; choose one.")
                continue
            shared = seen.models[label]
            method = _method(seen.methods, shared.model)
            values = resources.asked(
                difference_of, shared, seen.source, seen.user, target, against, method
            )
            scores = shown.inspection.scores
            ahead = float(scores[target] - scores[against])
            first, second = (words.strong(seen.data.title(i)) for i in (target, against))
            lead = words.decimal(abs(ahead))
            verb = "above" if ahead >= 0 else "below"
            st.markdown(f"{words.strong(label)}: {first} scores {lead} {verb} {second}.")
            titles = [seen.data.title(int(item)) for item in shown.inspection.items]
            # the last item is held out, and of those before it the model reads the latest
            before = len(seen.data.history(seen.user)) - 1 - len(titles)
            _table(label, titles, values, method, seen.user_id, before)
    st.caption(MEANS)


def difference_of(model: Model, batch: Batch, item: int, other: int, method: str) -> torch.Tensor:
    """`explain_difference` of one history, [L]."""
    pair = torch.tensor([item]), torch.tensor([other])
    return explain_difference(model, batch, *pair, method)[0].cpu()


def _method(chosen: list[str], model: Model) -> str:
    """The first importance chosen that tells a difference."""
    telling = contrasting(model)
    return next((name for name in chosen if name in telling), default_erasure(model))


def _choose_other(seen: Seen) -> int | None:
    """The item that is not explained; None for the best of the others."""
    kind = select(
        "And not",
        {"The best of the others": "best", "The held-out item": "held out", "Any item": "any"},
        key="against",
        bind="query-params",
        width=230,
    )
    if kind == "held out":
        return int(seen.data.history(seen.user)[-1])
    if kind == "any":
        return case_choices.search_item(seen.data, "other_words", "other_item")
    return None


def _table(
    label: str, titles: list[str], values: torch.Tensor, method: str, user: str, before: int
) -> None:
    frame = pd.DataFrame({"item": titles, method: values.numpy()})
    largest = frame.reindex(frame[method].abs().sort_values(ascending=False, kind="stable").index)
    cells = bar_cells(largest[method], sign=True)
    rows = [
        [Cell(str(before + at + 1)), Cell(title, title), cell]
        for at, title, cell in zip(largest.index, largest["item"], cells, strict=True)
    ]
    heads = [Head("#", words.POSITION), Head("Item", kind="title"), Head(method)]
    show_table(f"What speaks for the one rather than the other in {label}", heads, rows)
    downloads.button("CSV", partial(spreadsheets.csv, frame), f"difference-{label}", user)
