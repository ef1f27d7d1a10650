"""Tables as HTML: bars in cells, full titles on hover, heads that stay while the rows scroll."""

from collections.abc import Collection, Sequence
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from workbench.app.words import numbers, plain

RAISES, LOWERS = "0, 114, 178", "213, 94, 0"  # blue and vermilion of Okabe & Ito's palette (2008)
MARK = "0, 158, 115"  # its green
HIGHEST = "\N{BLACK UP-POINTING TRIANGLE} "  # before the highest value of a column
STYLE = f"""<style>
[data-testid=stMainBlockContainer] {{ padding-top: 4rem; }}
.aw {{ overflow: auto; max-height: 30rem; border: 1px solid rgba(128, 128, 128, .3);
  border-radius: .5rem; }}
.aw table {{ border-collapse: separate; border-spacing: 0; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; margin: 0; }}
.aw th, .aw td {{ padding: .28rem .4rem; white-space: nowrap; text-align: right; border: 0;
  border-bottom: 1px solid rgba(128, 128, 128, .18); }}
.aw thead th {{ position: sticky; top: 0; z-index: 1; font-weight: 600;
  background: var(--st-secondary-background-color, Canvas); }}
.aw thead tr + tr th {{ top: 1.9rem; }}
.aw thead th[scope][title] {{ text-decoration: underline dotted; text-underline-offset: .2rem; }}
.aw .x {{ text-align: left; }}
.aw .t {{ text-align: left; max-width: 0; width: 99%; min-width: 5.5rem; overflow: hidden;
  text-overflow: ellipsis; }}
.aw .g {{ text-align: center; border-left: 2px solid rgba(128, 128, 128, .3); max-width: 0;
  overflow: hidden; text-overflow: ellipsis; }}
.aw .s {{ border-left: 2px solid rgba(128, 128, 128, .3); }}
.aw .b {{ font-weight: 700; }}
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
    """

    text: str
    hover: str = ""
    bar: float = 0.0
    strong: bool = False


class Head(NamedTuple):
    """The head of a column. A column of titles takes the room that the others leave."""

    name: str
    help: str = ""
    kind: Literal["number", "text", "title"] = "number"
    starts_group: bool = False


def show_table(
    label: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[Cell]],
    *,
    groups: Sequence[tuple[str, int]] = (),
    marked: Collection[int] = (),
) -> None:
    """Show a table.

    Parameters
    ----------
    label : what the table holds, for screen readers.
    heads, rows : the heads of the columns, and a cell per column in each row.
    groups : heads above several columns: name, number of columns.
    marked : the numbers of the rows shown in green, from 0.
    """
    group_heads = "".join(
        f'<th colspan="{span}" class="{"g" if name else ""}"{_title(name)}>{_text(name)}</th>'
        for name, span in groups
    )
    lines = [f"<tr>{group_heads}</tr>"] if groups else []
    lines.append("<tr>" + "".join(_head(head) for head in heads) + "</tr>")
    body = [
        f'<tr class="{"m" if number in marked else ""}">'
        + "".join(_cell(head, cell) for head, cell in zip(heads, row, strict=True))
        + "</tr>"
        for number, row in enumerate(rows)
    ]
    st.html(
        f'<div class="aw" role="region" aria-label="{_text(label)}" tabindex="0">'
        f"<table><thead>{''.join(lines)}</thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def highest(values: pd.Series) -> pd.Series:
    """True for the highest value; False for all if all values are equal."""
    return (values == values.max()) & (values.nunique() > 1)


def bar_cells(values: pd.Series, *, sign: bool) -> list[Cell]:
    """Numbers with bars, scaled to the largest magnitude; the highest value is marked.

    Parameters
    ----------
    values : the numbers; a NaN gives an empty cell.
    sign : whether to write a plus before positive numbers.
    """
    number, longest = numbers(values, sign=sign), values.abs().max() or 1.0
    return [
        Cell(HIGHEST * bool(top) + number(v), bar=0.0 if np.isnan(v) else v / longest, strong=top)
        for v, top in zip(values, highest(values), strict=True)
    ]


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame for `st.dataframe`, with headings and texts written by `plain`."""
    texts = frame.select_dtypes(["category", "object", "string"])
    shown = frame.assign(**{str(name): texts[name].map(_plain_cell) for name in texts})
    return shown.rename(columns=_plain_cell)


def _plain_cell(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return escape(plain(text))


def _title(text: str) -> str:
    return f' title="{_text(text)}"' if text else ""


def _classes(head: Head, strong: bool = False) -> str:
    named = {"t": head.kind == "title", "x": head.kind == "text", "s": head.starts_group}
    classes = " ".join(name for name, holds in (named | {"b": strong}).items() if holds)
    return f' class="{classes}"' if classes else ""


def _head(head: Head) -> str:
    return f'<th scope="col"{_classes(head)}{_title(head.help)}>{_text(head.name)}</th>'


def _cell(head: Head, cell: Cell) -> str:
    bar = ""
    if cell.bar:
        colour, end = LOWERS if cell.bar < 0 else RAISES, f"{100 * abs(cell.bar):.1f}%"
        bar = (
            f' style="background-image: linear-gradient(to right, rgba({colour}, .38) {end}, '
            f'transparent {end})"'
        )
    return f"<td{_classes(head, cell.strong)}{_title(cell.hover)}{bar}>{_text(cell.text)}</td>"
