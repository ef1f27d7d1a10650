"""The rank of the item after each layer, as if it were the last."""

import streamlit as st

from workbench.app import resources, words
from workbench.app.html_table import show_table
from workbench.app.inspect.seen import Seen
from workbench.explore.layer_ranks import rank_after_each_layer
from workbench.explore.markup import Cell, Head

MEANS = (
    "The state of the row that predicts, after the embeddings and after each layer, goes through "
    "the output head as if that layer were the last (logit lens). It shows where the item gets "
    "ahead; it does not show what a layer knows, since only the last one was trained to be read by "
    "the head."
)
HEADS = (
    Head("After", kind="text"),
    Head("Rank"),
    Head("Score"),
    Head("What comes first there", kind="title"),
)


def show_layers(seen: Seen) -> None:
    """A table for each model, with a row per layer."""
    columns = st.columns(len(seen.shown), gap="large")
    for column, (label, shown) in zip(columns, seen.shown.items(), strict=True):
        with column:
            target = shown.inspection.target
            frame = resources.asked(
                rank_after_each_layer,
                seen.models[label],
                seen.source,
                seen.user,
                target,
                hidden=seen.hidden,
            )
            title, hidden = words.strong(seen.data.title(target)), target in seen.hidden
            would = "; seen, so not ranked: these are the ranks it would have" if hidden else ""
            st.markdown(f"{words.strong(label)}: {title}{would}")
            rows = []
            for layer, rank, score, first in frame.itertuples(index=False):
                name = f"layer {layer}" if layer else "embeddings"
                comes = seen.data.title(int(first))
                cells = [Cell(name), Cell(f"{rank:,}"), Cell(words.decimal(score))]
                rows.append([*cells, Cell(comes, comes)])
            show_table(f"The rank after each layer of {label}", HEADS, rows)
    st.caption(MEANS)
