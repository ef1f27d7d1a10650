"""Attention as maps in HTML: small ones of all layers and heads, a large one, and a difference."""

import base64
import io
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from workbench.explore.markup import text_of
from workbench.explore.shown import Shown
from workbench.phrases import cut
from workbench.statistics.given_numbers import array
from workbench.writing import number, plain

SCHEME: Final = "cividis"  # safe for colour blindness
DIVERGING: Final = "PuOr"  # of differences: orange below zero, purple above; as safe
FRAME = "#D55E00"
TITLE_WIDTH = 22
FEW = 25  # items up to which rows are high enough to be read
STYLE = f"""<style>
.aw-map {{ position: relative; font-size: .6875rem; }}
.aw-map button {{ all: unset; position: relative; display: block; cursor: pointer;
  outline: 1px solid rgba(128, 128, 128, .5); }}
.aw-map button:is(:hover, :focus-visible) {{ outline: 3px solid #0072B2; }}
.aw-map button.o {{ outline: 2px solid {FRAME}; }}
.aw-map img {{ display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; }}
.aw-map i {{ position: absolute; top: 0; bottom: 0; visibility: hidden; pointer-events: none; }}
.aw-small {{ display: grid; gap: .5rem; align-items: center; justify-items: center; }}
.aw-small > button {{ width: 100%; max-width: 8rem; }}
.aw-large {{ padding-top: 4.4rem; overflow-x: auto; }}
.aw-large table {{ border-collapse: collapse; table-layout: fixed; width: 100%; margin: 0; }}
.aw-large :is(td, th) {{ border: 0; padding: 0; line-height: 1; height: 1.25rem; }}
.aw-large.d :is(td, th) {{ height: .8125rem; }}
.aw-large th {{ font-weight: 400; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  text-align: right; padding-right: .3rem; }}
.aw-large tr.f {{ outline: 2px solid {FRAME}; outline-offset: -1px; }}
.aw-large tfoot th {{ height: 9rem; padding: .3rem 0 0; vertical-align: top; }}
.aw-large tfoot span {{ writing-mode: vertical-rl; max-height: 9rem; text-align: left;
  overflow: hidden; text-overflow: ellipsis; }}
.aw-large td:hover {{ outline: 2px solid currentColor; }}
.aw-large td:hover::after {{ content: attr(data-t); position: absolute; left: 0; right: 0;
  top: 1.3rem; line-height: 1.3; white-space: pre-line; }}
.aw-scale {{ position: absolute; top: 0; left: 0; }}
.aw-scale b {{ display: inline-block; width: 7rem; height: .6rem; margin: 0 .3rem; }}
</style>"""


def difference(first: Shown, second: Shown) -> Tensor | None:
    """The first model's map minus the second's, [T, T], over the last items that both read.

    None where only one has a token after the history: its last row is no item's.
    """
    added = [len(one.matrix) - len(one.inspection.items) for one in (first, second)]
    if added[0] != added[1]:
        return None
    size = min(len(first.matrix), len(second.matrix))
    return first.matrix[-size:, -size:] - second.matrix[-size:, -size:]


def later_maximum(weights: ArrayLike, start: int = 0) -> float:
    """The largest weight in the later half of the rows of a map, where a colour scale ends.

    A row with few items to look at must have large weights (the first one, of its only item,
    always 1), so the earlier half is left out.

    Parameters
    ----------
    weights : a map, [L, L]; NaN where nothing is allowed.
    start : the first row and column that are shown.
    """
    matrix = array("weights", weights)
    later = max(len(matrix) // 2, start)
    return max(float(np.nanmax(matrix[later:, start:])), 1e-12)


def colours(values: np.ndarray, top: float, *, diverging: bool = False) -> np.ndarray:
    """Weights as uint8 RGBA, [..., 4], from 0 (or minus `top`) to `top`; NaN is transparent."""
    import matplotlib  # which takes half a second

    scheme = matplotlib.colormaps[DIVERGING if diverging else SCHEME]
    share = (values / top + 1) / 2 if diverging else values / top
    return scheme(np.ma.masked_invalid(np.clip(share, 0, 1)), bytes=True)


def picture(matrix: Tensor, top: float) -> str:
    """A map [T, T] as the address of an inline PNG; cells that are NaN are transparent."""
    import matplotlib.image

    file = io.BytesIO()
    matplotlib.image.imsave(file, colours(matrix.numpy(), top), format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def small_maps(
    weights: Tensor,
    opened: tuple[int | None, int | None],
    first: int,
    *,
    top: float | None = None,
) -> str:
    """A map per layer (downwards, from the input) and head (across); a click gives its name.

    Parameters
    ----------
    weights : [n_layers, H, T, T].
    opened : the layer and head shown large, which are framed; None means all.
    first : the position of the first item in the history.
    top : of the colour scale; where None, of each map its own.
    """
    n_layers, n_heads, size = weights.shape[:3]
    parts = ["<span></span>", *(f"<span>Head {head + 1}</span>" for head in range(n_heads))]
    strips = "".join(
        f'<i class="k{first + at}" style="left:{100 * at / size:.3f}%;width:{100 / size:.3f}%"></i>'
        for at in range(size)
    )
    for layer in range(n_layers):
        parts.append(f"<span>Layer {layer + 1}</span>")
        for head in range(n_heads):
            matrix = weights[layer, head]
            end = later_maximum(matrix) if top is None else top
            name = f"Layer {layer + 1}, head {head + 1}"
            framed = opened in ((layer, head), (layer, None), (None, None))
            parts.append(
                f'<button type="button" data-pick="{name}" class="{"o" if framed else ""}" '
                f'title="{name}: 0 to {end:.3f}" aria-label="Open {name.lower()}">'
                f'<img alt="" src="{picture(matrix, end)}">{strips}</button>'
            )
    columns = f"auto repeat({n_heads}, minmax(0, 8rem))"
    return (
        f'<div class="aw-map aw-small" style="grid-template-columns:{columns}">'
        f"{''.join(parts)}</div>"
    )


def large_map(
    matrix: Tensor,
    titles: list[str],
    first: int,
    last: int,
    *,
    label: str,
    top: float | None = None,
    diverging: bool = False,
) -> str:
    """One large map: rows attend, columns are attended to, the framed row predicts.

    Hovering shows both items, the weight and its rank within the row.

    Parameters
    ----------
    matrix : weights [T, T], NaN where a row may not attend.
    titles : of the T items, for both axes.
    first : the position of the first of these items in the history.
    last : how many items are shown, counted from the end.
    label : what is shown, for screen readers.
    top : of the colour scale; by default `later_maximum`, or the largest magnitude if diverging.
    diverging : whether weights are differences, and colours go from minus `top`.
    """
    start = max(0, len(titles) - last)
    if top is None:
        largest = float(matrix[start:, start:].nan_to_num(0).abs().max()) or 1.0
        top = largest if diverging else later_maximum(matrix, start)
    names = [f"{n}. {plain(title)}" for n, title in enumerate(titles, first)]
    table = cells(matrix, names, start)
    painted = colours(table["weight"].to_numpy(), top, diverging=diverging)
    drawn: dict[tuple[int, int], str] = {}
    cell: Any
    for cell, (red, green, blue, _) in zip(table.itertuples(), painted, strict=True):
        weight = f"Weight {cell.weight:.4f}, rank in the row {cell.rank}"
        said = "&#10;".join(  # the ends of lines, in an attribute
            text_of(line)
            for line in (
                f"Row {cell.row}",
                f"Looks at {cell.column}",
                f"Difference {number(cell.weight, sign=True)}" if diverging else weight,
            )
        )
        drawn[cell.query, cell.key] = (
            f'<td class="k{first + cell.key}" style="background:#{red:02x}{green:02x}{blue:02x}" '
            f'data-t="{said}"></td>'
        )
    places, short = range(start, len(titles)), labels(titles, first)
    lines = [
        f'<tr class="{"f" if query == len(titles) - 1 else ""}"><th scope="row" '
        f'title="{text_of(names[query])}">{text_of(short[query])}</th>'
        + "".join(drawn.get((query, key), "<td></td>") for key in places)
        + "</tr>"
        for query in places
    ]
    foot = "".join(
        f'<th scope="col" title="{text_of(names[key])}"><span>{text_of(short[key])}</span></th>'
        for key in places
    )
    dense = " d" if len(places) > FEW else ""
    return (
        f'<div class="aw-map aw-large{dense}" role="img" aria-label="{text_of(label)}">'
        f"{_scale(top, diverging)}<table><colgroup><col style='width:34%'></colgroup>"
        f"<tbody>{''.join(lines)}</tbody><tfoot><tr><th></th>{foot}</tr></tfoot></table></div>"
    )


def _scale(top: float, diverging: bool) -> str:
    stops = colours(np.linspace(-top if diverging else 0, top, 9), top, diverging=diverging)
    named = ", ".join(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in stops)
    low = number(-top, 3) if diverging else "0"
    return (
        f'<span class="aw-scale">{"Difference" if diverging else "Weight"} {low}'
        f'<b style="background:linear-gradient(to right, {named})"></b>{top:.3f}</span>'
    )


def labels(titles: list[str], first: int) -> list[str]:
    """Labels of rows and columns: shortened titles with positions, which count from `first`."""
    return [f"{cut(plain(t), TITLE_WIDTH)} {n}" for n, t in enumerate(titles, first)]


def cells(matrix: Tensor, names: list[str], start: int) -> pd.DataFrame:
    """A table row per allowed pair of items from `start` on.

    The columns are query and key (places among the T items), row and column (their names), weight,
    and rank.

    A weight is ranked within its row of the map, including the items before `start`.

    Parameters
    ----------
    matrix : weights [T, T], NaN where a row may not attend.
    names : of the T items.
    start : the first item that is in the table.
    """
    allowed = ~matrix.isnan()
    values = matrix.masked_fill(~allowed, -torch.inf)
    ranks = 1 + (values[:, None, :] > values[:, :, None]).sum(-1)  # [T, T]
    query, key = allowed.nonzero(as_tuple=True)
    kept = (query >= start) & (key >= start)
    query, key = query[kept], key[kept]
    counts = allowed.sum(1)
    return pd.DataFrame(
        {
            "query": query.numpy(),
            "key": key.numpy(),
            "row": [names[place] for place in query],
            "column": [names[place] for place in key],
            "weight": matrix[query, key].numpy(),
            "rank": [f"{ranks[q, k]} of {counts[q]}" for q, k in zip(query, key, strict=True)],
        }
    )
