"""Summaries as seaborn figures: points, lines and boxes over users, with their intervals."""

from functools import partial
from io import BytesIO
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from analyses.telling import style
from analyses.telling.summaries import UNIFORM, Summary
from workbench.fonts import chosen_fonts
from workbench.phrases import in_order

ACROSS = 3  # panels side by side, as many as a window of 1,280 pixels shows in readable type
GREY = "0.55"
MARKS: dict[str, Any] = {"markersize": 5.0, "markeredgewidth": 0.0}
PERCENTILES = ["p5", "p25", "p50", "p75", "p95"]
TITLE = 100  # characters of a line above a figure of the least width


def draw(summary: Summary) -> Figure:
    """The figure of a summary, a panel for each of its panels; above it, what is seen."""
    with style.context():
        figure = {"dots": _dots, "lines": _lines, "boxes": _boxes}[summary.kind](summary)
        width = int(TITLE * figure.get_size_inches()[0] / 8)
        said = [style.wrapped(text, width) for text in (summary.seen, summary.title) if text]
        figure.suptitle("\n".join(said))
        return figure


def images(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as PNG and as SVG, the same bytes every time; its text as it is, without markup."""
    FigureCanvasAgg(figure)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # what the style says as well, of text made under it
    made = []
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style.context(), chosen_fonts(figure):
        engine = figure.get_layout_engine()
        if engine is not None:  # left to savefig, it is done up to three times, with a draw each
            figure.set_dpi(mpl.rcParams["savefig.dpi"])
            engine.execute(figure)
            figure.set_layout_engine(None)
        for kind, metadata in (("png", {"Software": None}), ("svg", nothing)):
            buffer = BytesIO()
            figure.savefig(buffer, format=kind, metadata=metadata)
            made.append(buffer.getvalue())
    return made[0], made[1]


def _dots(summary: Summary) -> Figure:
    """Rows from the top, series side by side in each; a pale bar is the attainable range."""
    import seaborn as sns  # which brings scipy.stats and takes a second

    table = summary.table
    labels = list(in_order(table["row"]))
    shown = [name for name in summary.series if name in set(table["series"])]
    columns = min(ACROSS, len(summary.panels))
    lines = -(-len(summary.panels) // columns)
    tall = 0.09 + style.LINE * max(len(shown), style.lines_of(map(style.wrapped, labels)))
    height = 1.1 + lines * (0.8 + len(labels) * tall)
    width = max(8.0, 1.6 + 3.8 * columns)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = style.grid(figure, len(summary.panels), ACROSS, sharex=summary.alike)
    looks = {name: style.look(summary.series.index(name)) for name in shown}
    for panel, name in zip(panels, summary.panels, strict=True):
        rows = table[table["panel"] == name]
        if "least" in rows:
            span = rows["most"] - rows["least"]
            panel.barh(  # with an edge, so that a range without width is seen as well
                *(rows["row"], span), left=rows["least"], height=0.8, color="0.9", edgecolor="0.8"
            )
            panel.use_sticky_edges = False
        sns.pointplot(
            _numbers(rows),
            x="value",
            y="row",
            hue="series",
            order=labels,
            hue_order=shown,
            palette=[color for color, _ in looks.values()],
            markers=[marker for _, marker in looks.values()],
            linestyles="none",
            dodge=0.8 * (1 - 1 / len(shown)) if len(shown) > 1 else False,
            estimator=_first,
            errorbar=_ends,
            err_kws={"linewidth": 1.6},
            legend=False,
            ax=panel,
            **MARKS,
        )
        panel.axvline(0, color="0.4", linewidth=1, linestyle="--")
        panel.set_yticks(range(len(labels)), [style.wrapped(label) for label in labels])
        panel.set_ylim(len(labels) - 0.5, -0.5)
        panel.locator_params(axis="x", nbins=5)
        panel.set(title=name, xlabel=summary.measure, ylabel="")
    if "least" in table and min(table["least"].min(), table["low"].min()) >= 0:
        panels[0].set_xlim(0, 1.02 * table["most"].max() or 1)  # also where all is 0
    handles = {name: _handle(color, marker, "-") for name, (color, marker) in looks.items()}
    style.legend_below(figure, handles)
    return figure


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """An estimate and then its ends as rows of `value`, of which seaborn makes a point and a bar.

    It leaves out ends that are not there, and then the bar.
    """
    parts = [rows.assign(value=rows[name]) for name in ("estimate", "low", "high")]
    return pd.concat(parts, ignore_index=True)[["row", "series", "value"]].astype(
        {"row": str, "series": str}
    )


def _first(values: pd.Series) -> float:
    return float(values.iloc[0])


def _ends(values: pd.Series) -> tuple[float, float]:
    return float(values.iloc[1]), float(values.iloc[2])


def _lines(summary: Summary) -> Figure:
    across = 2 if len(summary.panels) == 4 else ACROSS  # two and two rather than three and one
    columns = min(across, len(summary.panels))
    lines = -(-len(summary.panels) // columns)
    width = max(8.0, 1 + 4 * columns)
    figure = Figure(figsize=(width, 1 + 3.2 * lines), layout="constrained")
    panels = style.grid(figure, len(summary.panels), across)
    handles: dict[str, Artist] = {}
    for panel, name in zip(panels, summary.panels, strict=True):
        rows = summary.table[summary.table["panel"] == name]
        for k, series in enumerate(summary.series):
            points = rows[rows["series"] == series]
            if len(points):
                handles[series] = _line(panel, points, series, k)
        panel.set(title=name, xlabel=summary.at, ylabel="")
        panel.locator_params(axis="x", integer=True)
    # of all panels, once all they share the axis for is drawn; with room above flat curves
    panels[0].set_ylim(0, 1.05 * float(summary.table[["estimate", "high"]].max().max()) or 1)
    for panel in panels[::columns]:
        panel.set_ylabel(summary.measure)
    style.legend_below(figure, {name: handles[name] for name in summary.series if name in handles})
    return figure


def _line(panel: Axes, points: pd.DataFrame, series: str, k: int) -> Artist:
    import seaborn as sns  # which brings scipy.stats and takes a second

    color, marker = style.look(k)
    look = {"color": color, "marker": marker, "linestyle": "-"}
    if series == UNIFORM:
        look = {"color": GREY, "marker": "", "linestyle": "--"}
    else:
        ends = points["low"], points["high"]
        panel.fill_between(points["at"], *ends, color=color, alpha=0.25, linewidth=0)
    plot = partial(sns.lineplot, points, x="at", y="estimate", estimator=None, errorbar=None)
    plot(ax=panel, linewidth=1.2, **look, **MARKS)
    return _handle(**look)


def _handle(color: str, marker: str, linestyle: Any) -> Artist:
    """What a legend shows of a series."""
    return Line2D([], [], color=color, marker=marker, linestyle=linestyle, **MARKS)


def _boxes(summary: Summary) -> Figure:
    """Boxes hold the middle half, whiskers 5 to 95 %; panels named `a / b` make a grid."""
    table = summary.table
    labels = list(in_order(table["row"]))
    tall = max(0.5, style.LINE * style.lines_of(map(style.wrapped, labels)))
    places = [tuple(name.split(" / ")) for name in summary.panels]
    lines, columns = (in_order(part) for part in zip(*places, strict=True))
    size = (9, 1.4 + len(lines) * (0.8 + tall * len(labels)))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(lines), len(columns), sharex=True, sharey=True, squeeze=False)
    for name, (line, column) in zip(summary.panels, places, strict=True):
        rows = table[table["panel"] == name]
        panel = grid[lines.index(line)][columns.index(column)]
        _boxes_of(panel, rows, labels, summary.series)
        for place, row in enumerate(labels):
            if row not in set(rows["row"].astype(str)):
                panel.text(0.05, place, "no value", va="center", color="0.4", fontsize=8)
        panel.set_title(f"{column}\n{line}, n = {rows['n'].max():,} users", fontsize=9)
        panel.axvline(0, color="0.4", linewidth=1, linestyle="--")
        panel.set_yticks(range(len(labels)), [style.wrapped(label) for label in labels])
        panel.set(ylim=(len(labels) - 0.5, -0.5), xlim=(-1, 1), xlabel="", ylabel="")
    figure.supxlabel(summary.measure, fontsize=10)
    return figure


def _boxes_of(panel: Axes, rows: pd.DataFrame, labels: list[str], series: tuple[str, ...]) -> None:
    """The boxes of a panel: quartiles and extremes of five percentiles are these percentiles."""
    import seaborn as sns  # which brings scipy.stats and takes a second

    rows = rows.assign(row=rows["row"].astype(str))
    values = rows.melt(["row"], PERCENTILES, value_name="percentile")
    for row in in_order(rows["row"]):
        color = style.look(series.index(row))[0] if row in series else style.look(0)[0]
        sns.boxplot(
            values[values["row"] == row],
            x="percentile",
            y="row",
            order=labels,
            color=color,
            whis=(0, 100),
            linewidth=1.2,
            boxprops={"alpha": 0.6},
            legend=False,
            ax=panel,
        )
    panel.plot(rows["estimate"], rows["row"].map(labels.index), "o", color="black", markersize=3.5)
