"""Summaries of a diagnostic as charts that answer to the pointer, a chart a panel."""

import math
import textwrap
from dataclasses import replace
from typing import Any

import altair as alt
import pandas as pd

from analyses.report.style import PALETTE
from analyses.report.summaries import UNIFORM, Summary
from workbench.app import words
from workbench.app.html_table import plain_frame

GREY = "#8a8f98"
TITLE_WIDTH = 36  # letters
COLUMNS = 2  # of a legend, which has to fit a telephone
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
ENDS = {"low": "95 % from", "high": "to"}
BOX = {"p5": "5 %", "p25": "25 %", "p50": "Median", "p75": "75 %", "p95": "95 %"}


def charts(summary: Summary) -> dict[str, alt.LayerChart]:
    """A chart for each panel by its name, on a common scale."""
    plain = tuple(map(words.plain, summary.series))
    summary = replace(summary, series=plain, table=plain_frame(summary.table))
    make = {"dots": _dots, "lines": _lines, "boxes": _boxes}[summary.kind]
    return {name: make(summary, _records(summary, name)) for name in summary.panels}


def _records(summary: Summary, panel: str) -> pd.DataFrame:
    """The rows of a panel; categories as text, which is what vega takes."""
    rows = summary.table[summary.table["panel"] == panel]
    texts = {c: str for c in ("row", "series", "layer", "head") if c in rows}
    return rows.astype(texts).reset_index(drop=True)


def _dots(summary: Summary, rows: pd.DataFrame) -> alt.LayerChart:
    labels = list(dict.fromkeys(rows["row"]))
    pick, opacity = _pick()
    base = alt.Chart(rows).encode(
        y=_rows(labels),
        yOffset=alt.YOffset("series:N", sort=_shown(summary)),
        color=_color(summary),
        opacity=opacity,
        tooltip=_tooltip(summary, {"row": "", "series": ""}, ENDS),
    )

    def x(name: str) -> alt.X:
        axis = alt.Axis(
            title=_lines_of(summary.measure), tickCount=6, format=".3~f", labelFlush=False
        )
        return alt.X(f"{name}:Q", axis=axis, scale=_domain(summary))

    marks: list[Any] = [_zero(x("zero"))]
    if "least" in rows:
        span = alt.Chart(rows).mark_bar(color=GREY, opacity=0.25)
        marks = [span.encode(y=_rows(labels), x=x("least"), x2="most:Q")]
    marks += [
        base.mark_rule(strokeWidth=2.5).encode(x=x("low"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=x("estimate"), shape=_shape(summary)
        ),
    ]
    step = max(24, 14 * len(_shown(summary)))
    chart = alt.LayerChart(layer=marks).add_params(pick)
    return chart.properties(height=step * len(labels) + _around(summary))


def _lines(summary: Summary, rows: pd.DataFrame) -> alt.LayerChart:
    pick, opacity = _pick()
    base = alt.Chart(rows).encode(
        x=alt.X("at:Q", title=summary.at),
        color=_color(summary),
        opacity=opacity,
        tooltip=_tooltip(summary, {"series": "", "at": summary.at}, ENDS),
    )
    top = alt.Scale(domainMin=0, domainMax=float(summary.table[["estimate", "high"]].max().max()))
    y = alt.Y("estimate:Q", title=summary.measure, scale=top)
    measured = f"datum.series != '{UNIFORM}'"
    band = (
        base.transform_filter(measured)
        .mark_area()
        .encode(
            y=alt.Y("low:Q", title=summary.measure, scale=top), y2="high:Q", opacity=alt.value(0.2)
        )
    )
    uniform = base.transform_filter(f"!({measured})").mark_line(strokeDash=[4, 4])
    line = base.transform_filter(measured).mark_line(strokeWidth=1.5)
    points = base.transform_filter(measured).mark_point(filled=True, size=28)
    layers = [band, uniform.encode(y=y), line.encode(y=y)]
    layers.append(points.encode(y=y, shape=_shape(summary)))
    return alt.LayerChart(layer=layers).add_params(pick).properties(height=240 + _around(summary))


def _boxes(summary: Summary, table: pd.DataFrame) -> alt.LayerChart:
    base = alt.Chart(table).encode(
        y=_rows([name for name in summary.series if name in set(table["row"])]),
        color=_color(summary),
        tooltip=_tooltip(summary, {"row": "", "series": ""}, BOX, mean="Mean"),
    )
    scale = alt.Scale(domain=[-1, 1])

    def x(name: str) -> alt.X:
        return alt.X(
            f"{name}:Q",
            axis=alt.Axis(title=_lines_of(summary.measure), labelFlush=False),
            scale=scale,
        )

    layers = [
        _zero(x("zero")),
        base.mark_rule(strokeWidth=1.5).encode(x=x("p5"), x2="p95"),
        base.mark_bar(size=12, opacity=0.5).encode(x=x("p25"), x2="p75"),
        base.mark_tick(thickness=2, size=14).encode(x=x("p50")),
        base.mark_point(filled=True, size=40).encode(x=x("estimate")),
    ]
    rows = table["row"].nunique()
    return alt.LayerChart(layer=layers).properties(height=40 * rows + _around(summary))


def _lines_of(title: str) -> list[str]:
    """A title below an axis, which is not wider than a telephone."""
    return textwrap.wrap(title, TITLE_WIDTH)


def _rows(labels: list[str]) -> alt.Y:
    axis = alt.Axis(labelLimit=200, ticks=False, title=None, domain=False)
    return alt.Y("row:N", sort=labels, axis=axis)


def _zero(x: alt.X) -> alt.Chart:
    return (
        alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x=x)
    )


def _around(summary: Summary) -> int:
    """Pixels that the axis and the legend take from the height of a chart."""
    shown = len(_shown(summary)) if _has_legend(summary) else 0
    below = 46 + 18 * len(_lines_of(summary.measure))
    return below + (20 * math.ceil(shown / COLUMNS) + 14 if shown else 0)


def _has_legend(summary: Summary) -> bool:
    """Whether there is a legend; boxes need none, since each has its row."""
    return summary.kind != "boxes" and len(_shown(summary)) > 1


def _domain(summary: Summary) -> alt.Scale:
    """The scale all panels share; 0 is always in it."""
    # an estimate of too few users has no ends
    ends = summary.table[["estimate", "low", "high"]]
    low, high = ends.min().min(), ends.max().max()
    if "most" in summary.table:
        high = summary.table["most"].max()
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    room = 0.03 * (high - low)  # so that no interval seems cut off at the edge
    return alt.Scale(domain=[low and low - room, high and high + room], nice=True)


def _shown(summary: Summary) -> list[str]:
    """Series that have anything to show, in order."""
    present = set(summary.table["series"].astype(str))
    return [name for name in summary.series if name in present]


def _color(summary: Summary) -> alt.Color:
    """A series keeps its colour whatever else is shown; what is no measurement is grey."""
    colors = {
        name: GREY if name == UNIFORM else PALETTE[k % len(PALETTE)]
        for k, name in enumerate(summary.series)
    }
    shown = _shown(summary)
    legend = alt.Legend(orient="top", title=None, columns=COLUMNS, labelLimit=170, symbolOpacity=1)
    return alt.Color(
        "series:N",
        scale=alt.Scale(domain=shown, range=[colors[name] for name in shown]),
        legend=legend if _has_legend(summary) else None,
    )


def _shape(summary: Summary) -> alt.Shape:
    shown = _shown(summary)
    shapes = [SHAPES[summary.series.index(name) % len(SHAPES)] for name in shown]
    return alt.Shape("series:N", scale=alt.Scale(domain=shown, range=shapes), legend=None)


def _pick() -> tuple[alt.Parameter, Any]:
    """A click on a name of the legend leaves the others pale."""
    pick = alt.selection_point(fields=["series"], bind="legend")
    return pick, alt.condition(pick, alt.value(1), alt.value(0.15))


def _tooltip(
    summary: Summary, texts: dict[str, str], numbers: dict[str, str], mean: str = ""
) -> list[alt.Tooltip]:
    kind = {"at": "Q"}
    tooltips = [
        alt.Tooltip(f"{name}:{kind.get(name, 'N')}", title=(title or name).capitalize())
        for name, title in texts.items()
    ]
    tooltips.append(alt.Tooltip("estimate:Q", title=mean or summary.measure, format=".4f"))
    tooltips += [alt.Tooltip(f"{n}:Q", title=title, format=".4f") for n, title in numbers.items()]
    return [*tooltips, alt.Tooltip("n:Q", title="Users", format=",")]
