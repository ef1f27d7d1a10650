"""How figures look: sizes that can be read, colours that survive colour blindness."""

import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.telling.palette import PALETTE

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENTIAL = "cividis"
LABEL = 36  # characters of a label beside an axis
LINE = 0.17  # inches of a line of type
ABOVE = 0.1  # inches above the title of a figure


def context() -> AbstractContextManager[Any]:
    """Matplotlib settings shared by every figure."""
    return mpl.rc_context(
        {
            "font.family": ["DejaVu Sans", "sans-serif"],  # the second is the reader's
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.titlesize": 11,
            "legend.frameon": False,
            "savefig.dpi": 110,
            "svg.fonttype": "none",  # small, and letters stay letters
            "svg.hashsalt": "analyses",
            "axes.prop_cycle": cycler(color=PALETTE),
            "text.parse_math": False,  # titles, users and models are named as they are
        }
    )


def look(k: int) -> tuple[str, str]:
    """Colour and marker of the k-th of several names; the pairs repeat after 49."""
    return PALETTE[k % len(PALETTE)], MARKERS[(k + k // len(PALETTE)) % len(MARKERS)]


def wrapped(name: str, width: int = LABEL) -> str:
    """A name in as few lines of at most `width` characters as hold it, about equally long."""
    lines = textwrap.wrap(name, width, break_on_hyphens=False)
    word = max(map(len, name.split()), default=0)  # none is broken to make lines even
    for narrower in range(max(word, len(name) // len(lines)), width) if len(lines) > 1 else ():
        evenly = textwrap.wrap(name, narrower, break_on_hyphens=False)
        if len(evenly) == len(lines):
            return "\n".join(evenly)
    return "\n".join(lines)


def lines_of(labels: Iterable[str]) -> int:
    """Lines that the longest of some labels has."""
    return max((label.count("\n") + 1 for label in labels), default=1)


def grid(figure: Figure, n: int, across: int, *, sharex: bool = False) -> list[Axes]:
    """Panels with one vertical axis, at most `across` side by side, each with numbers below."""
    columns = min(n, across)
    lines = -(-n // columns)
    panels = figure.subplots(lines, columns, sharex=sharex, sharey=True, squeeze=False).ravel()
    for panel in panels[n:]:
        panel.remove()
    for panel in panels[:n]:
        panel.xaxis.set_tick_params(labelbottom=True)
    return list(panels[:n])


def width_of(labels: Iterable[str], size: float) -> float:
    """Inches that the longest line of some labels takes in type of a size in points."""
    lines = [line for label in labels for line in label.split("\n")]
    em = size / 72
    return 0.1 + max((em * sum(map(_width, line)) for line in lines), default=0.0)


def height_of(title: str) -> float:
    """Inches that the title of a figure takes, with what is above and below it."""
    return 2 * ABOVE + 1.2 * LINE * lines_of([title])


def _width(character: str) -> float:
    """About the width of a character, in the size of its type."""
    if unicodedata.combining(character):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(character) in "WF" else 0.64


@dataclass(frozen=True)
class Frame:
    """Room around a grid of many panels, in inches: laid out by arithmetic.

    Matplotlib's own layout draws every panel several times to find this out.
    """

    left: float
    right: float
    top: float
    bottom: float

    def panels(
        self,
        inner: tuple[float, float],
        lines: int,
        columns: int,
        *,
        heights: Sequence[float] | None = None,
        between: tuple[float, float] = (0.0, 0.12),
    ) -> tuple[Figure, np.ndarray]:
        """A figure and its panels, [lines, columns].

        Parameters
        ----------
        inner : width and height of all panels together, with what is between them.
        lines, columns : how many panels down and across.
        heights : of the lines, in any unit; equal if None.
        between : inches between columns, and between lines.
        """
        width, height = self.left + inner[0] + self.right, self.top + inner[1] + self.bottom
        across = (inner[0] - between[0] * (columns - 1)) / columns
        down = (inner[1] - between[1] * (lines - 1)) / lines
        figure = Figure(figsize=(width, height))
        panels = figure.subplots(
            lines,
            columns,
            squeeze=False,
            height_ratios=heights,
            gridspec_kw={
                "left": self.left / width,
                "right": 1 - self.right / width,
                "bottom": self.bottom / height,
                "top": 1 - self.top / height,
                "wspace": between[0] / across,
                "hspace": between[1] / down,
            },
        )
        return figure, panels


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
