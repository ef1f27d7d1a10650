"""Attention as maps: small ones of all layers and heads, and a large one."""

import base64
import io
from typing import Final

import altair as alt
import matplotlib
import matplotlib.image
import numpy as np
import pandas as pd
from torch import Tensor

from workbench.app import words
from workbench.phrases import cut
from workbench.statistics import later_maximum

SCHEME: Final = "cividis"  # safe for colour blindness, and the same in matplotlib and vega
FRAME = "#D55E00"
TITLE_WIDTH = 22


def ceiling(matrix: Tensor, start: int = 0, *, fixed: bool) -> float:
    """The weight at the top of the colour scale of a map.

    Parameters
    ----------
    matrix : the weights, [L, L].
    start : the row and column from which on the map is shown.
    fixed : whether the scale goes to 1; else the weight is taken from the weights shown.
    """
    return 1.0 if fixed else later_maximum(matrix, start)


def picture(matrix: Tensor, top: float) -> str:
    """A map [L, L] as the address of an inline PNG; cells that are NaN are transparent."""
    values = np.ma.masked_invalid(matrix.numpy() / top)
    colours = matplotlib.colormaps[SCHEME](np.clip(values, 0, 1))  # [L, L, 4]
    file = io.BytesIO()
    matplotlib.image.imsave(file, colours, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def small_maps(
    weights: Tensor, opened: tuple[int | None, int | None], *, fixed: bool, width: int = 230
) -> alt.LayerChart:
    """A map per layer (downwards, from the input) and head (across).

    Parameters
    ----------
    weights : [n_layers, H, L, L].
    opened : the layer and head shown large, which are framed; None means all.
    fixed : whether colours go from 0 to 1 in every map.
    width : of the chart, in pixels.
    """
    n_layers, n_heads = weights.shape[:2]
    size = int(np.clip(width / n_heads - 8, 24, 130))
    rows = []
    for layer in range(n_layers):
        for head in range(n_heads):
            top = ceiling(weights[layer, head], fixed=fixed)
            rows.append(
                {
                    "layer": layer + 1,
                    "head": head + 1,
                    "scale": f"0 to {top:.3f}",
                    "map": picture(weights[layer, head], top),
                    "opened": opened in ((layer, head), (layer, None), (None, None)),
                }
            )
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("head:O", title="Head", axis=alt.Axis(orient="top", labelAngle=0, ticks=False)),
        y=alt.Y("layer:O", title="Layer", axis=alt.Axis(ticks=False)),
        tooltip=[
            alt.Tooltip("layer:O", title="Layer"),
            alt.Tooltip("head:O", title="Head"),
            alt.Tooltip("scale:N", title="Scale"),
        ],
    )
    images = base.mark_image(width=size, height=size, smooth=False).encode(url="map:N")
    frames = base.mark_rect(fill=None, strokeWidth=2).encode(
        stroke=alt.condition("datum.opened", alt.value(FRAME), alt.value("#8886"))
    )
    step = alt.Step(size + 8)
    chart = alt.LayerChart(layer=[images, frames])
    return chart.properties(width=step, height=step)


def large_map(
    matrix: Tensor, titles: list[str], first: int, last: int, *, fixed: bool
) -> alt.LayerChart:
    """One large map: rows attend, columns are attended to, the framed row predicts.

    Hovering shows both items, the weight and its rank within the row.

    Parameters
    ----------
    matrix : weights [L, L], NaN where a row may not attend.
    titles : of the L items, for both axes.
    first : the position of the first of these items in the history.
    last : how many items are shown, counted from the end.
    fixed : whether colours go from 0 to 1.
    """
    start = max(0, len(titles) - last)
    names = [words.plain(f"{i}. {t}") for i, t in enumerate(titles, first)]
    frame = cells(matrix, labels(titles, first), names, start)
    top = ceiling(matrix, start, fixed=fixed)
    order = labels(titles, first)[start:]
    y_axis = alt.Axis(labelLimit=140, labelFontSize=10, title=None, ticks=False, labelFlush=False)
    x_axis = alt.Axis(
        labelLimit=140,
        labelFontSize=10,
        title=None,
        ticks=False,
        labelAngle=-90,
        labelOverlap=False,
    )
    x, y = alt.X("key:N", sort=order, axis=x_axis), alt.Y("query:N", sort=order, axis=y_axis)
    base = alt.Chart(frame).encode(x=x, y=y)
    heat = base.mark_rect().encode(
        color=alt.Color(
            "weight:Q",
            scale=alt.Scale(scheme=SCHEME, domain=[0, top], clamp=True),
            legend=alt.Legend(title="Weight", orient="top", gradientLength=160, format=".3~f"),
        ),
        tooltip=[
            alt.Tooltip("row:N", title="Row"),
            alt.Tooltip("column:N", title="Looks at"),
            alt.Tooltip("weight:Q", title="Weight", format=".4f"),
            alt.Tooltip("rank:N", title="Rank in the row"),
        ],
    )
    prediction = (
        alt.Chart(pd.DataFrame({"query": order[-1:]}))
        .mark_rect(fill=None, stroke=FRAME, strokeWidth=2)
        .encode(x=alt.value(0), x2=alt.value("width"), y=y)
    )
    step = 22 if len(order) <= 25 else 13
    chart = alt.LayerChart(layer=[heat, prediction])
    return chart.properties(height=step * len(order) + 190)


def labels(titles: list[str], first: int) -> list[str]:
    """Labels of rows and columns: shortened titles with positions, which count from `first`."""
    return [f"{cut(words.plain(t), TITLE_WIDTH)} {n}" for n, t in enumerate(titles, first)]


def cells(matrix: Tensor, labels: list[str], names: list[str], start: int) -> pd.DataFrame:
    """A table row per allowed pair of items from `start` on.

    A weight is ranked within its row of the map, including the items before `start`.
    """
    values = matrix.numpy()
    allowed = ~np.isnan(values)
    ranks = 1 + (values[:, None, :] > values[:, :, None]).sum(-1)  # [L, L]
    query, key = np.nonzero(allowed)
    kept = (query >= start) & (key >= start)
    query, key = query[kept], key[kept]
    label, name = np.array(labels, dtype=object), np.array(names, dtype=object)
    counts = allowed.sum(1)
    return pd.DataFrame(
        {
            "query": label[query],
            "key": label[key],
            "row": name[query],
            "column": name[key],
            "weight": values[query, key],
            "rank": [f"{ranks[q, k]} of {counts[q]}" for q, k in zip(query, key, strict=True)],
        }
    )
