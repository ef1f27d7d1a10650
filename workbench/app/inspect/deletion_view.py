"""How fast the prediction goes as items are taken away, by attention and by others."""

from functools import partial

import altair as alt
import pandas as pd
import streamlit as st
from torch import Tensor

from models import Batch
from workbench import explain, importances, spreadsheets
from workbench.app import downloads, resources, words
from workbench.app.dataset.charts import GREY, PALETTE
from workbench.app.inspect.seen import Seen
from workbench.app.resources import Shared
from workbench.explore.deletion import RANDOM, SEEDS, deletion_curves
from workbench.explore.shown import Shown
from workbench.model import Model

CONTROLS = ("recency", "similarity")
MEANS = (
    "Items are taken away one after the other, the most important first (replaced by the mean "
    "embedding where a model allows it). An order is the better, the sooner its curve falls; one "
    f"that does not fall below recency says no more than the calendar. Random: mean of {SEEDS} "
    "orders. One user shows what can happen, not what usually does."
)


def show_deletion(seen: Seen) -> None:
    """A chart for each model: attention as chosen, the importances chosen, and controls."""
    columns = st.columns(len(seen.shown), gap="large")
    for column, (label, shown) in zip(columns, seen.shown.items(), strict=True):
        with column:
            frame = curves_of(seen, label, shown)
            title = words.strong(seen.data.title(shown.inspection.target))
            st.markdown(f"{words.strong(label)}: {title}")
            said = words.plain(f"Deletion curves of {label}")
            st.altair_chart(_chart(frame), width="stretch", alt=said)
            name = f"deletion-{label}-{seen.data.user_ids[seen.user]}.csv"
            downloads.button("CSV", partial(spreadsheets.csv, frame), name, downloads.CSV)
    st.caption(MEANS)


def curves_of(seen: Seen, label: str, shown: Shown) -> pd.DataFrame:
    """`deletion_curves` of what is shown of a model."""
    shared, inspection = seen.models[label], shown.inspection
    named = f"attention, {shown.view.name}"
    orders = ({named: shown.row} if inspection.weights else {}) | dict(inspection.importance)
    for control in CONTROLS:
        if control in importances(shared.model) and control not in orders:
            orders[control] = _control(seen, shared, inspection.target, control)
    return resources.asked(
        deletion_curves, shared, seen.source, seen.user, inspection.target, orders
    )


def _control(seen: Seen, shared: Shared, target: int, name: str) -> Tensor:
    return resources.asked(_explained, shared, seen.source, seen.user, target, name)


def _explained(model: Model, batch: Batch, target: int, name: str) -> Tensor:
    return explain(model, batch, batch.items.new_tensor([target]), name)[0].cpu()


def _chart(frame: pd.DataFrame) -> alt.LayerChart:
    names = list(dict.fromkeys(frame["importance"]))
    controls = (RANDOM, *CONTROLS)
    coloured = [name for name in names if name not in controls]
    colours = {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(coloured)}
    dashes = {RANDOM: [2, 2], "recency": [6, 3], "similarity": [8, 3, 2, 3]}
    order = [*coloured, *(name for name in controls if name in names)]
    base = alt.Chart(frame).encode(
        x=alt.X("removed:Q", title="Items taken away", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("nats:Q", title="Log probability, nats", scale=alt.Scale(zero=False)),
        color=alt.Color(
            "importance:N",
            scale=alt.Scale(domain=order, range=[colours.get(name, GREY) for name in order]),
            legend=alt.Legend(orient="top", title=None, columns=2, labelLimit=140),
        ),
        strokeDash=alt.StrokeDash(
            "importance:N",
            scale=alt.Scale(domain=order, range=[dashes.get(name, [1, 0]) for name in order]),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("importance:N", title="Order"),
            alt.Tooltip("removed:Q", title="Items taken away"),
            alt.Tooltip("nats:Q", title="Log probability", format=".3f"),
            alt.Tooltip("rank:Q", title="Rank", format=",.1f"),
        ],
    )
    lines = [base.mark_line(strokeWidth=2), base.mark_point(size=24, filled=True, opacity=0.7)]
    return alt.LayerChart(layer=lines).properties(height=300)
