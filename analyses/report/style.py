"""How figures look: sizes that can be read, colours that survive colour blindness."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.statistics import Interval

# Okabe & Ito's palette (2008) without its yellow, which is lost on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENTIAL = "cividis"
LABEL = 36  # characters of a label beside an axis
LINE = 0.17  # inches of a line of type


def context() -> AbstractContextManager[Any]:
    """Matplotlib settings shared by every figure."""
    return mpl.rc_context(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.titlesize": 11,
            "legend.frameon": False,
            "savefig.dpi": 110,
            "svg.fonttype": "path",
            "svg.hashsalt": "analyses",
            "axes.prop_cycle": cycler(color=PALETTE),
            "text.parse_math": False,  # titles, users and models are named as they are
        }
    )


def look(k: int) -> tuple[str, str]:
    """Colour and marker of the k-th of several names; the pairs repeat after 49."""
    return PALETTE[k % len(PALETTE)], MARKERS[(k + k // len(PALETTE)) % len(MARKERS)]


def wrapped(name: str, width: int = LABEL) -> str:
    """A name in lines of at most `width` characters; paths of models are long."""
    return textwrap.fill(name, width, break_on_hyphens=False)


def lines_of(labels: Iterable[str]) -> int:
    """Lines that the longest of some labels has."""
    return max((label.count("\n") + 1 for label in labels), default=1)


def grid(
    figure: Figure, n: int, across: int, *, sharex: bool = False, sharey: bool = False
) -> list[Axes]:
    """Panels of a figure, at most `across` side by side, each with numbers below."""
    columns = min(n, across)
    lines = -(-n // columns)
    panels = figure.subplots(lines, columns, sharex=sharex, sharey=sharey, squeeze=False).ravel()
    for panel in panels[n:]:
        panel.remove()
    for panel in panels[:n]:
        panel.xaxis.set_tick_params(labelbottom=True)
    return list(panels[:n])


def dots(
    panel: Axes, labels: Sequence[str], estimates: Mapping[str, Sequence[Interval | None]]
) -> dict[str, Artist]:
    """Estimates with their intervals: a row per label from the top, names side by side in each.

    A name has the same look in every figure by its place in `estimates`, whether or not it has
    anything to show.

    Parameters
    ----------
    panel : where they are drawn.
    labels : of the rows.
    estimates : name -> an interval for each label; None leaves the place empty, and an interval
        without ends is a point without a bar.

    Returns
    -------
    dict
        What a legend shows of each name.
    """
    handles: dict[str, Artist] = {}
    shown = [name for name, intervals in estimates.items() if any(intervals)]
    for name, intervals in estimates.items():
        if name not in shown:
            continue
        shift = (shown.index(name) - (len(shown) - 1) / 2) * 0.8 / len(shown)
        color, marker = look(list(estimates).index(name))
        (handles[name],) = panel.plot([], [], marker, color=color, linestyle="-", markersize=4)
        for row, interval in enumerate(intervals):
            if interval is not None:
                if interval.has_ends:
                    panel.plot([interval.low, interval.high], [row + shift] * 2, color=color)
                panel.plot(interval.estimate, row + shift, marker, color=color, markersize=4)
    panel.axvline(0, color="0.4", linewidth=1, linestyle="--")
    panel.set_yticks(range(len(labels)), [wrapped(label) for label in labels])
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.locator_params(axis="x", nbins=5)
    return handles


def legend_below(figure: Figure, handles: Mapping[str, Artist]) -> None:
    """One legend for the figure, under it, where it covers no data: name -> what is drawn so."""
    if len(handles) < 2:
        return
    # named afterwards: matplotlib leaves out what is labelled with a leading underscore
    blank = [" "] * len(handles)
    names = [wrapped(name) for name in handles]
    longest = max(len(line) for name in names for line in name.split("\n"))
    fitting = int(figure.get_size_inches()[0] / (0.5 + 0.085 * longest))  # of 10 points
    columns = max(1, min(len(handles), 4, fitting))
    legend = figure.legend(list(handles.values()), blank, loc="outside lower center", ncols=columns)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
