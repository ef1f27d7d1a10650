"""Deletion curves as a chart that answers to the pointer."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from workbench.app.dataset.charts import GREY, PALETTE
from workbench.explore.deletion import RANDOM


def chart(frame: pd.DataFrame, known: Sequence[str]) -> alt.LayerChart:
    """The curves of `deletion_curves`; those of `known` controls, and the random one, are grey."""
    names = list(dict.fromkeys(frame["importance"]))
    controls = (RANDOM, *known)
    coloured = [name for name in names if name not in controls]
    colours = {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(coloured)}
    dashes = {RANDOM: [2, 2], "recency": [6, 3], "similarity": [8, 3, 2, 3]}
    order = [*coloured, *(name for name in controls if name in names)]
    # the same for colours and dashes, so that they share one: controls differ in dashes alone
    legend = alt.Legend(
        orient="top", title=None, columns=2, labelLimit=140, symbolType="stroke", symbolSize=400
    )
    base = alt.Chart(frame).encode(
        x=alt.X("removed:Q", title="Items taken away", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("nats:Q", title="Log probability, nats", scale=alt.Scale(zero=False)),
        color=alt.Color(
            "importance:N",
            scale=alt.Scale(domain=order, range=[colours.get(name, GREY) for name in order]),
            legend=legend,
        ),
        strokeDash=alt.StrokeDash(
            "importance:N",
            scale=alt.Scale(domain=order, range=[dashes.get(name, [1, 0]) for name in order]),
            legend=legend,
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
