"""The history as a table: what each model makes of each item."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from workbench import SequenceData
from workbench.app import words
from workbench.app.shown import Shown

POSITION, TITLE, AGO = ("", "#"), ("", "Item"), ("", "Ago")
MEASURES = ("Attention", "Gradient", "Leave-one-out")
RAISES, LOWERS = "0, 114, 178", "213, 94, 0"  # blue and vermilion of Okabe & Ito's palette (2008)
DEEPEST = 0.45  # opacity of the strongest cell, through which text stays legible


def history_frame(data: SequenceData, user: int, shown: list[Shown]) -> pd.DataFrame:
    """A row per item before the held-out one that a model sees, latest first.

    Columns: position (from 1, the oldest of all), item, seconds before the held-out one (where
    times are known), and three measures per model, NaN for items it does not see.
    """
    first, last = int(data.offsets[user]), int(data.offsets[user + 1]) - 1
    start = last - max(len(one.found.items) for one in shown)
    columns: dict[tuple[str, str], np.ndarray | list[str]] = {
        POSITION: np.arange(start, last) - first + 1,
        TITLE: [data.title(int(item)) for item in data.items[start:last]],
    }
    if data.times is not None:
        columns[AGO] = (data.times[last] - data.times[start:last]).astype(float)
    for one in shown:
        for measure, values in zip(
            MEASURES, (one.row, one.importance, one.found.effects), strict=True
        ):
            whole = np.full(last - start, np.nan)
            whole[last - start - len(values) :] = values.numpy()
            columns[one.label, measure] = whole
    frame = pd.DataFrame(columns)
    frame.columns = pd.MultiIndex.from_tuples(list(columns))
    return frame.iloc[::-1].reset_index(drop=True)


def highest(values: pd.Series) -> pd.Series:
    """Where the highest value stands; nowhere where all are alike."""
    return (values == values.max()) & (values.nunique() > 1)


def styled(frame: pd.DataFrame) -> Styler:
    """Cells tinted by value, the highest of each measure bold and marked."""
    measured: list[Any] = [column for column in frame.columns if column[1] in MEASURES]
    formats: dict[Any, Any] = {AGO: words.ago} if AGO in frame.columns else {}
    for column in measured:
        formats[column] = _written(frame[column], sign=column[1] == MEASURES[-1])
    return frame.style.format(formats).apply(_tint, subset=measured)


def _written(values: pd.Series, *, sign: bool) -> Callable[[float], str]:
    """How to write the numbers of a column, the highest with a mark."""
    number, marked = words.numbers(values, sign=sign), set(values[highest(values)])
    return lambda value: "\N{BLACK UP-POINTING TRIANGLE} " * (value in marked) + number(value)


def _tint(values: pd.Series) -> list[str]:
    """Blue for what is positive, vermilion for what is negative, by magnitude."""
    strength = DEEPEST * values.abs() / (values.abs().max() or 1)
    weight = np.where(highest(values), "font-weight: bold", "")
    return [
        f"background-color: rgba({LOWERS if v < 0 else RAISES}, {s:.3f}); {bold}" if s > 0 else bold
        for v, s, bold in zip(values, strength, weight, strict=True)
    ]


def show_history(data: SequenceData, user: int, shown: list[Shown]) -> None:
    """The table, with what its columns mean and do not mean."""
    frame = history_frame(data, user, shown)
    helps = dict(zip(MEASURES, (words.ATTENTION, words.GRADIENT, words.LEAVE_ONE_OUT), strict=True))
    widths: dict[Any, int] = {POSITION: 40, TITLE: 190, AGO: 64}
    config: dict[Any, Any] = {
        place: st.column_config.Column(help=helps.get(name[1]), width=widths.get(name))
        for place, name in enumerate(frame.columns, 1)
    }
    st.dataframe(
        styled(frame),
        hide_index=True,
        height=min(36 * (len(frame) + 2) + 2, 460),
        column_config=config,
        alt="The history, with attention, gradient importance and leave-one-out effect",
    )
    with st.popover("What do the columns mean?", type="tertiary", icon=":material/help:"):
        for measure, text in helps.items():
            st.markdown(f"**{measure}.** {text}")
