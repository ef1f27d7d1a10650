"""Which rows are kept, by conditions such as `rating>=4`: of numbers, of times, or of text."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.address import where_is
from workbench.data.readers.base import Options
from workbench.data.readers.columns import Columns, bare, column_of
from workbench.data.times import (
    TimeFault,
    Times,
    UnknownOrder,
    as_number,
    looks_like_time,
    read_times,
)
from workbench.data.tokens import WORDS, is_text
from workbench.errors import WorkbenchError, ways

CONDITION = re.compile(r"(.+?)\s*(>=|<=|!=|==?|<|>)\s*(.*)")
DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)"  # how texts begin
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    **{">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
}
EXACT = 2**53  # below which every whole number is one in floating point
WHERE = "where=['rating>=4']"


def needed(options: Options, names: Sequence[str], path: Path) -> list[str]:
    """Columns that the conditions of `options.where` need.

    Parameters
    ----------
    options : what the user says about the file.
    names : of its columns.
    path : of the file, for messages.

    Raises
    ------
    WorkbenchError
        If a text is no condition, or names a column that does not exist.
    """
    return [column_of(_condition(text)[0], names, path, f"where={text}") for text in options.where]


def kept(columns: Columns, options: Options) -> tuple[Columns, dict[str, list[str]]]:
    """The rows that all conditions of `options.where` hold for.

    Parameters
    ----------
    columns : what the file holds.
    options : what the user says about the file.

    Returns
    -------
    tuple
        These rows, and by the name of a column what was assumed about its times (`Times.doubts`).

    Raises
    ------
    WorkbenchError
        If there is no such row, or a condition cannot be decided.
    """
    if not options.where:
        return columns, {}
    doubts: dict[str, list[str]] = {}
    keep = np.logical_and.reduce([_holds(text, columns, options, doubts) for text in options.where])
    if not keep.any():
        conditions = " and ".join(options.where)
        raise WorkbenchError(
            f"{columns.path}: where={conditions} leaves no row of {len(keep):,}; loosen it."
        )
    places = np.flatnonzero(keep)
    values = {name: column.filter(pa.array(keep)) for name, column in columns.values.items()}
    return replace(
        columns, values=values, place=lambda row: columns.place(int(places[row]))
    ), doubts


def _condition(text: str) -> tuple[str, str, str]:
    parts = CONDITION.fullmatch(text.strip())
    if parts is None:
        raise WorkbenchError(
            f"where={text} is no condition; write one such as rating>=4 or event=view "
            f"{ways('?where=rating>=4', WHERE)}."
        )
    return parts[1], parts[2], parts[3]


def _holds(
    text: str, columns: Columns, options: Options, doubts: dict[str, list[str]]
) -> np.ndarray:
    """Rows for which a condition holds: numbers and times compare as such, all else as text."""
    name, sign, value = _condition(text)
    name = column_of(name, list(columns.values), columns.path, f"where={text}")
    column = columns.values[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = pd.Series(column.cast(pa.string()).to_numpy(), dtype=object).fillna("").str.strip()
    if (small := texts.str.lower()).isin(["true", "false", ""]).all() and (small != "").any():
        texts, value = small, _flag(text, columns.path, name, value)
    numbers, number = pd.to_numeric(texts, errors="coerce"), pd.to_numeric(value, errors="coerce")
    if sign in COMPARISONS and not np.isnan(number):
        _check_numbers(text, columns, name, texts, numbers)
        return COMPARISONS[sign](numbers, number).to_numpy()
    if sign in COMPARISONS and numbers.notna().any():
        same, known = None, ""
        if looks_like_time(pa.array([value])):
            seconds = _seconds(text, columns.path, value, [], options)
            same = as_number(seconds, numbers.to_numpy(np.float64), options.unit)
        if same is not None:
            condition = f"{bare(name)}{sign}{same}"
            known = f", which for {value} is {same} {where_is(condition)}"
        raise WorkbenchError(
            f"{columns.path}: where={text} orders numbers by a text: {name} has "
            f"{texts[numbers.notna()].iloc[0]}, for one; write a number{known}."
        )
    dated = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    equal = texts == value
    if abs(number) < EXACT and not _tells_apart(columns, name, column):
        equal |= numbers == number
    if numbers.isna().all() and _asks_for_times(sign, value, texts, dated):
        times = _times(text, columns, name, column if dated else pa.array(texts), options)
        bound = _seconds(text, columns.path, value, [] if dated else texts.to_list(), options)
        doubts[name] = times.doubts
        if sign in COMPARISONS:
            return np.asarray(COMPARISONS[sign](times.seconds, bound))
        equal |= times.seconds == bound
    elif sign in COMPARISONS:
        return COMPARISONS[sign](texts, value).to_numpy()
    return (~equal if sign == "!=" else equal).to_numpy()


def _flag(text: str, path: Path, name: str, value: str) -> str:
    """True or false, in small letters: a reader of files may write them otherwise than a file."""
    known = {"true": "true", "1": "true", "false": "false", "0": "false"}
    if value.lower() not in known:
        raise WorkbenchError(
            f"{path}: where={text} compares with {value!r}, and {name} is either true or false; "
            "write one of these."
        )
    return known[value.lower()]


def _tells_apart(columns: Columns, name: str, column: pa.ChunkedArray) -> bool:
    """Whether a column holds ids written as text, of which 007 and 7 are two."""
    ids = [columns.roles.get(role) for role in ("user", "item")]
    return name in ids and is_text(column.type)


def _check_numbers(
    text: str, columns: Columns, name: str, texts: pd.Series, numbers: pd.Series
) -> None:
    """Refuse to order by a number what is none; an empty cell is left out by any number."""
    if numbers.notna().any():
        odd = numbers.isna() & (texts != "") & ~texts.isin(WORDS)
        if odd.any():
            reason = (
                f"is no number, and where={text} compares numbers; mend it, or leave the condition "
                "out"
            )
            raise columns.fault(int(odd.to_numpy().argmax()), name, reason)
        return
    times = looks_like_time(pa.array(texts))
    raise WorkbenchError(
        f"{columns.path}: where={text} asks for numbers, and {name} has none, such as "
        f"{texts.iloc[0]!r}; "
        f"{'write a time such as 2021-06-05' if times else 'compare it with = or !='}."
    )


def _asks_for_times(sign: str, value: str, texts: pd.Series, dated: bool) -> bool:
    """Whether a condition is one of times: by its value and its column, or by either to order."""
    given = bool(re.match(DATE, value)) or looks_like_time(pa.array([value]))
    if sign not in COMPARISONS:  # another text is another value, however the column looks
        return given and (dated or looks_like_time(pa.array(texts)))
    dated = dated or bool(texts.str.match(DATE).any())
    return given or dated or looks_like_time(pa.array(texts))


def _times(text: str, columns: Columns, name: str, column: Any, options: Options) -> Times:
    """The times of a column that a condition compares."""
    try:
        return read_times(column, dates=options.dates)
    except UnknownOrder as fault:
        raise columns.fault(fault.row, name, str(fault)) from fault
    except TimeFault as fault:
        reason = f"is no time, and where={text} compares times; mend it, or leave the condition out"
        raise columns.fault(fault.row, name, reason) from fault


def _seconds(text: str, path: Path, value: str, beside: Sequence[str], options: Options) -> float:
    """The time behind the sign, of which those beside it show whether its day comes first."""
    reason = "is no time; write one such as 2021-06-05 or 2021-06-05T10:30:00Z"
    seconds = np.nan
    try:
        seconds = read_times(pa.array([*beside, value]), dates=options.dates).seconds[-1]
    except UnknownOrder as fault:
        reason = str(fault)
    except TimeFault:
        pass
    if np.isnan(seconds):
        raise WorkbenchError(f"{path}: where={text} compares times, and {value!r} {reason}.")
    return float(seconds)
