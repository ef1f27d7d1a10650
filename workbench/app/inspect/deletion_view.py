"""How fast the prediction goes as items are taken away, by attention and by others."""

from functools import partial

import pandas as pd
import streamlit as st
from torch import Tensor

from models import Batch
from workbench import explain, importances, spreadsheets
from workbench.app import downloads, resources, words
from workbench.app.inspect.seen import Seen
from workbench.app.resources import Shared
from workbench.explore.deletion import SEEDS, deletion_curves
from workbench.explore.shown import Shown
from workbench.model import Model

CONTROLS = ("recency", "similarity")
MEANS = (
    "Items are taken away one after the other, the most important first (replaced by the mean "
    "embedding where a model allows it). An order is the better, the sooner its curve falls; one "
    f"that does not fall below recency says no more than the calendar. Random: mean of {SEEDS} "
    f"orders. {words.ONE_USER}"
)


def show_deletion(seen: Seen) -> None:
    """A chart for each model: attention as chosen, the importances chosen, and controls."""
    from workbench.app.inspect.deletion_chart import chart  # which brings Altair

    columns = st.columns(len(seen.shown), gap="large")
    for column, (label, shown) in zip(columns, seen.shown.items(), strict=True):
        with column:
            frame = curves_of(seen, label, shown)
            title = words.strong(seen.data.title(shown.inspection.target))
            st.markdown(f"{words.strong(label)}: {title}")
            said = words.plain(f"Deletion curves of {label}")
            st.altair_chart(chart(frame, CONTROLS), width="stretch", alt=said)
            save = partial(spreadsheets.csv, frame)
            downloads.button("CSV", save, f"deletion-{label}", seen.user_id)
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
