"""Summaries of a diagnostic as charts that answer to the pointer, a chart a panel.

They are written as Vega-Lite has them: a class for each of their parts would take ten times as
long to make a chart.
"""

import math
import textwrap
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from analyses.telling.palette import PALETTE
from analyses.telling.summaries import UNIFORM, Summary
from workbench.app import words
from workbench.app.html_table import plain_frame

GREY = "#8a8f98"
TITLE_WIDTH = 36  # letters
COLUMNS = 2  # of a legend, which has to fit a telephone
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
ENDS = {"low": "95 % from", "high": "to"}
BOX = {"p5": "5 %", "p25": "25 %", "p50": "Median", "p75": "75 %", "p95": "95 %"}
DASHED = [4, 4]

Spec = dict[str, Any]


class Chart(NamedTuple):
    """What `st.vega_lite_chart` takes: a row per mark, and how they are drawn."""

    rows: pd.DataFrame
    spec: Spec


def charts(summary: Summary) -> dict[str, Chart]:
    """A chart for each panel by its name, on a common scale."""
    plain = tuple(map(words.plain, summary.series))
    summary = replace(summary, series=plain, table=plain_frame(summary.table))
    make = {"dots": _dots, "lines": _lines, "boxes": _boxes}[summary.kind]
    panels = {name: _records(summary, name) for name in summary.panels}
    return {name: Chart(rows, make(summary, rows)) for name, rows in panels.items()}


def _records(summary: Summary, panel: str) -> pd.DataFrame:
    """The rows of a panel; categories as text, which is what vega takes."""
    rows = summary.table[summary.table["panel"] == panel]
    texts = {c: str for c in ("row", "series", "layer", "head") if c in rows}
    return rows.astype(texts).reset_index(drop=True)


def _dots(summary: Summary, rows: pd.DataFrame) -> Spec:
    labels = list(dict.fromkeys(rows["row"]))
    axis = {"title": _lines_of(summary.measure), "tickCount": 6, "format": ".3~f"}
    place = {"axis": axis | {"labelFlush": False}, "scale": _domain(summary)}
    y = _rows(labels)
    common = {
        "y": y,
        "yOffset": _nominal("series", sort=_shown(summary)),
        "color": _color(summary),
        "opacity": _unless_picked(),
        "tooltip": _tooltip(summary, {"row": "", "series": ""}, ENDS),
    }
    if "least" in rows:
        reach = {"y": y, "x": _number("least", **place), "x2": {"field": "most"}}
        first = _layer("bar", reach, color=GREY, opacity=0.25)
    else:
        first = _zero(place)
    interval = {"x": _number("low", **place), "x2": {"field": "high"}}
    estimate = {"x": _number("estimate", **place), "shape": _shape(summary)}
    layers = [
        first | _pick(),
        _layer("rule", common | interval, strokeWidth=2.5),
        _layer("point", common | estimate, filled=True, size=60, opacity=1),
    ]
    step = max(24, 14 * len(_shown(summary)))
    return {"layer": layers, "height": step * len(labels) + _around(summary)}


def _lines(summary: Summary, rows: pd.DataFrame) -> Spec:
    highest = float(summary.table[["estimate", "high"]].max().max())
    place = {"title": summary.measure, "scale": {"domainMin": 0, "domainMax": highest}}
    common = {
        "x": _number("at", title=summary.at, axis={"tickMinStep": 1} if _is_whole(rows) else {}),
        "color": _color(summary),
        "opacity": _unless_picked(),
        "tooltip": _tooltip(summary, {"series": "", "at": summary.at}, ENDS),
    }
    line = common | {"y": _number("estimate", **place)}
    band = {"y": _number("low", **place), "y2": {"field": "high"}, "opacity": {"value": 0.2}}
    measured = f"datum.series != '{UNIFORM}'"
    layers = [
        _layer("area", common | band) | _only(measured) | _pick(),
        _layer("line", line, strokeDash=DASHED) | _only(f"!({measured})"),
        _layer("line", line, strokeWidth=1.5) | _only(measured),
        _layer("point", line | {"shape": _shape(summary)}, filled=True, size=28) | _only(measured),
    ]
    return {"layer": layers, "height": 240 + _around(summary)}


def _is_whole(rows: pd.DataFrame) -> bool:
    """Whether lines stand at whole numbers, between which a tick would mean nothing."""
    return bool((rows["at"] % 1 == 0).all())


def _boxes(summary: Summary, table: pd.DataFrame) -> Spec:
    axis = {"title": _lines_of(summary.measure), "labelFlush": False}
    place = {"axis": axis, "scale": {"domain": [-1, 1]}}
    common = {
        "y": _rows([name for name in summary.series if name in set(table["row"])]),
        "color": _color(summary),
        "tooltip": _tooltip(summary, {"row": "", "series": ""}, BOX, mean="Mean"),
    }

    def at(low: str, high: str = "") -> Spec:
        x2 = {"x2": {"field": high}} if high else {}
        return common | {"x": _number(low, **place)} | x2

    layers = [
        _zero(place),
        _layer("rule", at("p5", "p95"), strokeWidth=1.5),
        _layer("bar", at("p25", "p75"), size=12, opacity=0.5),
        _layer("tick", at("p50"), thickness=2, size=14),
        _layer("point", at("estimate"), filled=True, size=40),
    ]
    return {"layer": layers, "height": 40 * table["row"].nunique() + _around(summary)}


def _layer(mark: str, encoding: Spec, **look: Any) -> Spec:
    return {"mark": {"type": mark, **look}, "encoding": encoding}


def _only(condition: str) -> Spec:
    return {"transform": [{"filter": condition}]}


def _number(field: str, **given: Any) -> Spec:
    return {"field": field, "type": "quantitative", **given}


def _nominal(field: str, **given: Any) -> Spec:
    return {"field": field, "type": "nominal", **given}


def _lines_of(title: str) -> list[str]:
    """A title below an axis, which is not wider than a telephone."""
    return textwrap.wrap(title, TITLE_WIDTH)


def _rows(labels: list[str]) -> Spec:
    axis = {"labelLimit": 200, "ticks": False, "title": None, "domain": False}
    return _nominal("row", sort=labels, axis=axis)


def _zero(place: Spec) -> Spec:
    zero = _layer("rule", {"x": _number("zero", **place)}, color=GREY, strokeDash=DASHED)
    return zero | {"data": {"values": [{"zero": 0}]}}


def _around(summary: Summary) -> int:
    """Pixels that the axis and the legend take from the height of a chart."""
    shown = len(_shown(summary)) if _has_legend(summary) else 0
    below = 46 + 18 * len(_lines_of(summary.measure))
    return below + (20 * math.ceil(shown / COLUMNS) + 14 if shown else 0)


def _has_legend(summary: Summary) -> bool:
    """Whether there is a legend; boxes need none, since each has its row."""
    return summary.kind != "boxes" and len(_shown(summary)) > 1


def _domain(summary: Summary) -> Spec:
    """The scale all panels share; 0 is always in it."""
    # an estimate of too few users has no ends
    ends = summary.table[["estimate", "low", "high"]]
    low, high = ends.min().min(), ends.max().max()
    if "most" in summary.table:
        high = summary.table["most"].max()
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    room = 0.03 * (high - low)  # so that no interval seems cut off at the edge
    return {"domain": [low and low - room, high and high + room], "nice": True}


def _shown(summary: Summary) -> list[str]:
    """Series that have anything to show, in order."""
    present = set(summary.table["series"].astype(str))
    return [name for name in summary.series if name in present]


def _color(summary: Summary) -> Spec:
    """A series keeps its colour whatever else is shown; what is no measurement is grey."""
    colors = {
        name: GREY if name == UNIFORM else PALETTE[k % len(PALETTE)]
        for k, name in enumerate(summary.series)
    }
    shown = _shown(summary)
    legend = {"orient": "top", "title": None, "columns": COLUMNS, "labelLimit": 170}
    return _nominal(
        "series",
        scale={"domain": shown, "range": [colors[name] for name in shown]},
        legend=legend | {"symbolOpacity": 1} if _has_legend(summary) else None,
    )


def _shape(summary: Summary) -> Spec:
    shown = _shown(summary)
    shapes = [SHAPES[summary.series.index(name) % len(SHAPES)] for name in shown]
    return _nominal("series", scale={"domain": shown, "range": shapes}, legend=None)


def _pick() -> Spec:
    """A click on a name of the legend leaves the others pale; asked of one layer alone."""
    series = {"type": "point", "fields": ["series"]}
    return {"params": [{"name": "picked", "select": series, "bind": "legend"}]}


def _unless_picked() -> Spec:
    return {"condition": {"param": "picked", "value": 1}, "value": 0.15}


def _tooltip(
    summary: Summary, texts: dict[str, str], numbers: dict[str, str], mean: str = ""
) -> list[Spec]:
    kind = {"at": _number}
    tooltips = [
        kind.get(name, _nominal)(name, title=(title or name).capitalize())
        for name, title in texts.items()
    ]
    tooltips.append(_number("estimate", title=mean or summary.measure, format=".4f"))
    tooltips += [_number(name, title=title, format=".4f") for name, title in numbers.items()]
    return [*tooltips, _number("n", title="Users", format=",")]
