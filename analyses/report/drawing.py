"""Summaries as matplotlib figures: points, lines and boxes over users, with their intervals."""

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.report import style
from analyses.report.summaries import SHUFFLED, UNIFORM, Summary
from workbench.phrases import in_order
from workbench.statistics import Interval

ACROSS = 3  # panels side by side, as many as a window of 1,280 pixels shows in readable type


def draw(summary: Summary) -> Figure:
    """The figure of a summary, a panel for each of its panels."""
    with style.context():
        return {"dots": _dots, "lines": _lines, "boxes": _boxes}[summary.kind](summary)


def _dots(summary: Summary) -> Figure:
    """Rows from the top, series side by side in each; a pale bar is the attainable range."""
    table = summary.table
    labels = list(in_order(table["row"]))
    shown = table["series"].nunique()
    columns = min(ACROSS, len(summary.panels))
    lines = -(-len(summary.panels) // columns)
    tall = 0.09 + style.LINE * max(shown, style.lines_of(map(style.wrapped, labels)))
    height = 1.1 + lines * (0.8 + len(labels) * tall)
    width = max(8.0, 1.6 + 3.8 * columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = style.grid(figure, len(summary.panels), ACROSS, sharex=True, sharey=True)
    handles: dict[str, Artist] = {}
    for panel, name in zip(panels, summary.panels, strict=True):
        rows = table[table["panel"] == name]
        if "least" in rows:
            span = rows["most"] - rows["least"]
            panel.barh(range(len(rows)), span, left=rows["least"], height=0.8, color="0.9")
        estimates = {series: _aligned(rows, series, labels) for series in summary.series}
        handles |= style.dots(panel, labels, estimates)
        panel.set_title(name)
        panel.set_xlabel(summary.measure)
    if "least" in table:
        panels[0].set_xlim(0, 1.02 * table["most"].max())
    style.legend_below(figure, {name: handles[name] for name in summary.series if name in handles})
    figure.suptitle(style.wrapped(summary.title, 90))
    return figure


def _aligned(rows: pd.DataFrame, series: str, labels: list[str]) -> list[Interval | None]:
    """The intervals of a series, one for each label or None."""
    chosen = rows[rows["series"] == series]
    columns = (chosen[name] for name in ("row", "estimate", "low", "high", "n"))
    intervals = {row: Interval(*numbers) for row, *numbers in zip(*columns, strict=True)}
    return [intervals.get(label) for label in labels]


def _lines(summary: Summary) -> Figure:
    columns = min(ACROSS, len(summary.panels))
    lines = -(-len(summary.panels) // columns)
    figure = Figure(figsize=(1 + 4 * columns, 0.8 + 3.2 * lines), layout="constrained")
    panels = style.grid(figure, len(summary.panels), ACROSS, sharey=True)
    handles: dict[str, Artist] = {}
    for panel, name in zip(panels, summary.panels, strict=True):
        rows = summary.table[summary.table["panel"] == name]
        for k, series in enumerate(summary.series):
            points = rows[rows["series"] == series]
            if len(points):
                handles[series] = _line(panel, points, series, k)
        panel.set_title(name)
        panel.set_xlabel(summary.at)
    # of all panels, once all they share the axis for is drawn; with room above flat curves
    panels[0].set_ylim(0, 1.05 * float(summary.table[["estimate", "high"]].max().max()))
    for panel in panels[::columns]:
        panel.set_ylabel(summary.measure)
    style.legend_below(figure, {name: handles[name] for name in summary.series if name in handles})
    figure.suptitle(style.wrapped(summary.title, 90))
    return figure


def _line(panel: Axes, points: pd.DataFrame, series: str, k: int) -> Artist:
    if series == UNIFORM:
        look: dict[str, Any] = {"color": "0.4", "linestyle": "--"}
    else:
        color, marker = style.look(k)
        look = {"color": color, "marker": marker}
        ends = points["low"], points["high"]
        panel.fill_between(points["at"], *ends, color=color, alpha=0.25, linewidth=0)
    (line,) = panel.plot(points["at"], points["estimate"], markersize=3, linewidth=1, **look)
    return line


def _boxes(summary: Summary) -> Figure:
    """Boxes hold the middle half, whiskers 5 to 95 %; panels named `a / b` make a grid."""
    table = summary.table
    labels = list(in_order(table["row"]))
    tall = max(0.5, style.LINE * style.lines_of(map(style.wrapped, labels)))
    places = [tuple(name.split(" / ")) for name in summary.panels]
    lines, columns = (in_order(part) for part in zip(*places, strict=True))
    size = (9, 1.2 + len(lines) * (0.8 + tall * len(labels)))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(lines), len(columns), sharex=True, sharey=True, squeeze=False)
    for name, (line, column) in zip(summary.panels, places, strict=True):
        rows = table[table["panel"] == name]
        panel = grid[lines.index(line)][columns.index(column)]
        for box in rows.itertuples():
            _box(panel, box, labels.index(str(box.row)), summary)
        for place, row in enumerate(labels):
            if row not in set(rows["row"].astype(str)):
                panel.text(0.05, place, "no value", va="center", color="0.4", fontsize=8)
        panel.set_title(f"{column}\n{line}, n = {rows['n'].max():,} users", fontsize=9)
        panel.axvline(0, color="0.4", linewidth=1, linestyle="--")
        panel.set_yticks(range(len(labels)), [style.wrapped(label) for label in labels])
        panel.set_ylim(len(labels) - 0.5, -0.5)
        panel.set_xlim(-1, 1)
    figure.supxlabel(summary.measure, fontsize=10)
    return figure


def _box(panel: Axes, box: Any, row: int, summary: Summary) -> None:
    """One box; that of shuffled attention is grey and below."""
    null = box.series == SHUFFLED
    color = "0.6" if null else style.look(summary.series.index(box.series))[0]
    panel.bxp(
        [
            {"whislo": box.p5, "q1": box.p25, "med": box.p50, "q3": box.p75, "whishi": box.p95}
            | {"mean": box.estimate}
        ],
        positions=[row + (0.17 if null else -0.17)],
        widths=0.28,
        orientation="horizontal",
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": color, "alpha": 0.35, "edgecolor": color},
        medianprops={"color": color, "linewidth": 2},
        whiskerprops={"color": color},
        capprops={"color": color},
        meanprops={"marker": "o", "markerfacecolor": color, "markeredgecolor": color}
        | {"markersize": 4},
    )
