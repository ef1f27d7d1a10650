"""Tables and pages as HTML: bars in cells, full titles on hover, heads that stay on scrolling.

Whatever comes from outside (titles, ids, names of models) is escaped here, and here alone.
"""

from collections.abc import Collection, Sequence
from html import escape
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch

from workbench.statistics.rounding import even
from workbench.writing import numbers, plain

RAISES, LOWERS = "0, 114, 178", "213, 94, 0"  # blue and vermilion of Okabe & Ito's palette (2008)
MARK = "0, 158, 115"  # its green
EVEN = "rgba(110, 110, 110, .7)"  # the line across a bar
EDGE = "rgba(110, 110, 110, .45)"  # the shadow where a table goes on
PAGE = "var(--st-background-color, var(--aw-page, Canvas))"
LONG = 24  # letters of a head from which it is written in several lines
HIGHEST = "\N{BLACK UP-POINTING TRIANGLE} "  # before the highest value of a column
# a shadow at the edge behind which a table goes on; the page's own colour covers it at the end
STYLE = f"""<style>
.aw {{ overflow: auto; max-height: 30rem; border: 1px solid rgba(128, 128, 128, .3);
  border-radius: .5rem; background:
  linear-gradient(90deg, {PAGE} 50%, transparent) 0 0 / 2.4rem 100% no-repeat local,
  linear-gradient(270deg, {PAGE} 50%, transparent) calc(100% + 1px) 0 / 2.4rem 100% no-repeat local,
  linear-gradient(90deg, {EDGE}, transparent) 0 0 / .8rem 100% no-repeat scroll,
  linear-gradient(270deg, {EDGE}, transparent) 100% 0 / .8rem 100% no-repeat scroll;
  background-clip: padding-box; }}
.aw table {{ border-collapse: separate; border-spacing: 0; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; margin: 0; }}
.aw th, .aw td {{ padding: .28rem .4rem; white-space: nowrap; text-align: right; border: 0;
  border-bottom: 1px solid rgba(128, 128, 128, .18); vertical-align: baseline; }}
.aw thead th {{ position: sticky; top: 0; z-index: 2; font-weight: 600; vertical-align: bottom;
  background: var(--st-secondary-background-color, {PAGE}); }}
.aw thead tr + tr th {{ top: 1.9rem; }}
.aw thead th[scope][title] {{ text-decoration: underline dotted; text-underline-offset: .2rem; }}
.aw .x {{ text-align: left; }}
.aw .w {{ text-align: left; white-space: normal; min-width: 6.5rem; }}
.aw .h {{ white-space: normal; min-width: 8.5rem; }}
.aw:has(.w) {{ max-height: none; }}
.aw .l {{ position: sticky; left: 0; z-index: 1; min-width: 8.5rem; }}
.aw tbody .l {{ background: {PAGE}; }}
.aw thead .l {{ z-index: 3; }}
.aw small {{ display: block; font-size: .75rem; opacity: .75; }}
@media (max-width: 40rem) {{ .aw small {{ display: none; }} }}
.aw .t {{ text-align: left; max-width: 0; width: 99%; min-width: 11rem; overflow: hidden;
  text-overflow: ellipsis; }}
.aw .g {{ text-align: center; border-left: 2px solid rgba(128, 128, 128, .3); max-width: 0;
  overflow: hidden; text-overflow: ellipsis; }}
.aw .s {{ border-left: 2px solid rgba(128, 128, 128, .3); }}
.aw .b {{ font-weight: 700; }}
.aw button {{ all: unset; cursor: pointer; }}
.aw .t button {{ display: block; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }}
@media (min-width: 64rem) {{ .aw .t {{ min-width: 8rem; }} }}
.aw button:is(:hover, :focus-visible) {{ text-decoration: underline; }}
.aw tbody tr:hover td {{ box-shadow: inset 0 0 0 99rem rgba(128, 128, 128, .08); }}
.aw tr.m td {{ background-color: rgba({MARK}, .25); font-weight: 700; }}
</style>"""


class Cell(NamedTuple):
    """A cell of a table.

    Attributes
    ----------
    text : what it shows.
    hover : the full text, if `text` may be cut.
    bar : from -1 to 1, vermilion if negative.
    strong : whether the text is bold.
    mark : where a line crosses the bar, from 0 to 1; none where None.
    pick : what a click on the text gives to the page, where one listens; "" for nothing.
    below : small lines under the text, where the window is not a telephone's.
    """

    text: str
    hover: str = ""
    bar: float = 0.0
    strong: bool = False
    mark: float | None = None
    pick: str = ""
    below: tuple[str, ...] = ()


class Head(NamedTuple):
    """The head of a column.

    A column of titles takes the room that the others leave, and cuts them where it ends; prose is
    written in as many lines as it takes, and a table of it as high as it is. A column that stays is
    seen however far the others are scrolled.
    """

    name: str
    help: str = ""
    kind: Literal["number", "text", "title", "prose"] = "number"
    starts_group: bool = False
    stays: bool = False


def table(
    label: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[Cell]],
    *,
    groups: Sequence[tuple[str, int]] = (),
    marked: Collection[int] = (),
    positions: Sequence[int] = (),
) -> str:
    """A table as HTML.

    Parameters
    ----------
    label : what the table holds, for screen readers.
    heads, rows : the heads of the columns, and a cell per column in each row.
    groups : heads above several columns: name, number of columns.
    marked : the numbers of the rows shown in green, from 0.
    positions : of the item of each row in the history, whose columns of maps it lights (`lit`).
    """
    group_heads = "".join(
        f'<th colspan="{span}" class="{"g" if name else ""}"{_title(name)}>{text_of(name)}</th>'
        for name, span in groups
    )
    lines = [f"<tr>{group_heads}</tr>"] if groups else []
    lines.append("<tr>" + "".join(_head(head) for head in heads) + "</tr>")
    classes = [
        " ".join(["m"] * (number in marked) + [f"p{at}" for at in positions[number : number + 1]])
        for number in range(len(rows))
    ]
    body = [
        f'<tr class="{classes[number]}">'
        + "".join(_cell(head, cell) for head, cell in zip(heads, row, strict=True))
        + "</tr>"
        for number, row in enumerate(rows)
    ]
    return (
        f'<div class="aw" role="region" aria-label="{text_of(label)}" tabindex="0">'
        f"<table><thead>{''.join(lines)}</thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def highest(values: pd.Series) -> pd.Series:
    """True for the highest value; False for all if most are, or all are equal, as `even` tells.

    Most are the highest where one of equal values was taken away.
    """
    known, top = torch.tensor(values.dropna().tolist(), dtype=torch.float64), values == values.max()
    return top & (2 * top.sum() <= len(known) and len(known) > 0 and not even(known))


def lights(position: int | str) -> str:
    """The style that lights the column of the item at a position of a history in all maps."""
    return (
        f".aw-map .k{position} {{ visibility: visible; outline: 2px solid #D55E00; "
        "box-shadow: inset 0 0 0 99rem rgba(255, 255, 255, .35); }"
    )


def lit(positions: Collection[int], scope: str) -> str:
    """Styles by which pointing at a row of a history lights the item's column in all maps.

    For a document that stays as it is: with each change, a browser tries all of them anew.

    Parameters
    ----------
    positions : of the items in the history.
    scope : the element around the history and the maps.
    """
    rules = (f"{scope}:has(.aw tr.p{at}:hover) {lights(at)}" for at in positions)
    return f"<style>{' '.join(rules)}</style>"


def bar_cells(values: pd.Series, *, sign: bool, mark: float | None = None) -> list[Cell]:
    """Numbers with bars, scaled to the largest magnitude; the highest value is marked.

    Parameters
    ----------
    values : the numbers; a NaN gives an empty cell.
    sign : whether to write a plus before positive numbers.
    mark : a value that a line crosses every bar at.
    """
    number, longest = numbers(values, sign=sign), values.abs().max() or 1.0
    return [
        Cell(
            HIGHEST * bool(top) + number(v),
            bar=0.0 if np.isnan(v) else v / longest,
            strong=top,
            mark=None if mark is None or np.isnan(v) else min(mark / longest, 1.0),
        )
        for v, top in zip(values, highest(values), strict=True)
    ]


def text_of(text: str) -> str:
    """Outside text as HTML, as `plain` writes it."""
    return escape(plain(text))


def _title(text: str) -> str:
    return f' title="{text_of(text)}"' if text else ""


def _classes(head: Head, *, strong: bool = False, long: bool = False) -> str:
    kinds = {"title": "t", "text": "x", "prose": "w"}
    named = {kinds.get(head.kind, ""): True, "s": head.starts_group, "l": head.stays}
    named |= {"b": strong, "h": long}
    classes = " ".join(name for name, holds in named.items() if name and holds)
    return f' class="{classes}"' if classes else ""


def _head(head: Head) -> str:
    classes = _classes(head, long=len(head.name) > LONG)
    return f'<th scope="col"{classes}{_title(head.help)}>{text_of(head.name)}</th>'


def _cell(head: Head, cell: Cell) -> str:
    layers = []
    if cell.mark is not None:
        at = f"calc({100 * cell.mark:.1f}% - 1px)"
        layers.append(
            f"linear-gradient(to right, transparent {at}, {EVEN} {at}, {EVEN} "
            f"{100 * cell.mark:.1f}%, transparent 0)"
        )
    if cell.bar:
        colour, end = LOWERS if cell.bar < 0 else RAISES, f"{100 * abs(cell.bar):.1f}%"
        layers.append(f"linear-gradient(to right, rgba({colour}, .38) {end}, transparent {end})")
    style = f' style="background-image: {", ".join(layers)}"' if layers else ""
    text = text_of(cell.text)
    if cell.pick:
        text = f'<button type="button" data-pick="{text_of(cell.pick)}">{text}</button>'
    text += "".join(f"<small>{text_of(line)}</small>" for line in cell.below)
    return f"<td{_classes(head, strong=cell.strong)}{_title(cell.hover)}{style}>{text}</td>"
