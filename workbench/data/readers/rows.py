"""From columns as they are in a file to interactions: filters, ids, times, what is missing."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.data.readers.base import Interactions, Options
from workbench.data.times import WITHOUT_TIMES, TimeFault, read_times
from workbench.data.tokens import absent, encode
from workbench.errors import WorkbenchError, ways

CONDITION = re.compile(r"(.+?)\s*(>=|<=|!=|==?|<|>)\s*(.*)")
TYPES = ("token", "float", "token_seq", "float_seq")  # that RecBole writes behind a name
CLOCKS = 1e8  # seconds, from which on times are those of computers
DATE, ISO = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b", r"\d{4}-\d\d-\d\d"  # how texts begin
ROUNDED = r"^\d(\.\d+)?[eE]\+\d+$"
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    **{">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
}


@dataclass(frozen=True)
class Columns:
    """Columns of a file by the names they have there, and which of them is what.

    Attributes
    ----------
    path : of the file.
    values : name -> column [n].
    roles : role (user, item, time, title) -> name.
    place : for a row, counted from 0, its place ("line 3") and its fields as written, where these
        are known.
    unused : columns of the file that were not read.
    """

    path: Path
    values: Mapping[str, pa.ChunkedArray]
    roles: Mapping[str, str]
    place: Callable[[int], tuple[str, Mapping[str, str]]]
    unused: Sequence[str] = ()

    def fault(self, row: int, role: str, reason: str) -> WorkbenchError:
        """The error for a value that cannot be read.

        Parameters
        ----------
        row : of the value, counted from 0.
        role : of its column.
        reason : what is wrong, as the end of a sentence.
        """
        where, fields = self.place(row)
        name = self.roles[role]
        value = fields.get(name, self.values[name][row].as_py())
        shown = "" if value is None or not str(value).strip() else f" {str(value)[:80]!r}"
        return WorkbenchError(f"{self.path}, {where}: {name}{shown} {reason}.")


def interactions(
    columns: Columns, options: Options, titles: dict[str, str] | None = None
) -> Interactions:
    """Filter the rows, and read their ids and times.

    Parameters
    ----------
    columns : what the file holds; where items are lists, a row is made for each item.
    options : what the user says about the file.
    titles : item token -> title, from another file; a column of titles replaces it.

    Raises
    ------
    WorkbenchError
        If there is no row, if no row passes the filters, or if a value is missing or cannot be
        read; the message gives the place of the first.
    """
    columns = _unlisted(columns)
    path, roles = columns.path, dict(columns.roles)
    if options.without_times:
        roles.pop("time", None)
    n_rows = len(columns.values[roles["user"]])
    if not n_rows:
        raise WorkbenchError(f"{path} has no interactions.")
    columns = _kept(columns, options)
    missing, ids = {}, {}
    doubts: list[str] = []
    for role in ("user", "item"):
        try:
            codes, tokens = encode(columns.values[roles[role]])
        except ValueError as error:
            raise WorkbenchError(f"{path}: {roles[role]}: {error}.") from error
        ids[role] = codes, tokens
        missing[role] = absent(codes, tokens, options.missing)
        doubts += _rounded(path, roles[role], tokens)
    clock, unit = None, None
    if "time" in roles:
        try:
            times = read_times(columns.values[roles["time"]], options.unit, options.dates)
        except TimeFault as fault:
            raise columns.fault(fault.row, "time", str(fault)) from fault
        clock, unit = times.seconds, times.unit
        about_times = [f"{path}: the times in {roles['time']} {doubt}." for doubt in times.doubts]
        if clock.dtype.kind == "f":
            missing["time"] = np.isnan(clock)
        if len(clock) > 1 and clock.min() == clock.max():
            about_times = [
                f"{path}: all times in {roles['time']} are equal, so histories are in the order of "
                f"the file; leave them out {WITHOUT_TIMES}, or name another column."
            ]
        nones = int(((clock <= 0) & (clock >= -1)).sum())
        if nones and np.nanmedian(clock) > CLOCKS and options.unit is None:
            condition = f"{bare(roles['time'])}>0"
            about_times.append(
                f"{path}: {nones:,} times in {roles['time']} are 0 or -1, which may stand for "
                "none, and were read as 1970; leave such rows out "
                f"{ways(f'?where={condition}', f'where={[condition]}')}."
            )
        doubts += about_times
    _check_missing(columns, missing, options)
    if "title" in roles:
        titles = _titles(*ids["item"], columns.values[roles["title"]])
    users, items = (
        pa.DictionaryArray.from_arrays(
            pa.array(codes, mask=codes < 0), pa.array(tokens, pa.string())
        )
        for codes, tokens in ids.values()
    )
    return Interactions(
        *(users, items, clock, titles, unit, roles),
        dropped={"where": n_rows - len(users)} if options.where else {},
        doubts=doubts,
        unused=columns.unused,
    )


def _kept(columns: Columns, options: Options) -> Columns:
    """The rows that all conditions hold for."""
    if not options.where:
        return columns
    keep = np.logical_and.reduce([_holds(text, columns) for text in options.where])
    if not keep.any():
        conditions = " and ".join(options.where)
        raise WorkbenchError(
            f"{columns.path}: where={conditions} leaves no row of {len(keep):,}; loosen it."
        )
    kept = np.flatnonzero(keep)
    values = {name: column.filter(pa.array(keep)) for name, column in columns.values.items()}
    return replace(columns, values=values, place=lambda row: columns.place(int(kept[row])))


def _rounded(path: Path, name: str, tokens: np.ndarray) -> list[str]:
    """A doubt about ids that a program wrote as 7.65612e+16, where several may have become one."""
    like = pc.match_substring_regex(pa.array(tokens, pa.string()), ROUNDED)
    at = pc.index(like, True).as_py()
    if at < 0:
        return []
    return [
        f"{path}: {name} holds numbers such as {tokens[at]}, for which several ids may have been "
        "rounded to one; write ids as text or integers."
    ]


def _unlisted(columns: Columns) -> Columns:
    """A row per item, where a row of the file holds the list of a user's items."""
    item = columns.values[columns.roles["item"]]
    if not _is_list(item.type):
        return columns
    lengths = pc.fill_null(pc.list_value_length(item), 0).to_numpy()
    owners = np.repeat(np.arange(len(item)), lengths)
    values = {}
    for name, column in columns.values.items():
        if not _is_list(column.type):
            values[name] = column.take(pa.array(owners))
            continue
        wrong = pc.fill_null(pc.list_value_length(column), 0).to_numpy() != lengths
        if wrong.any():
            where, _ = columns.place(int(wrong.argmax()))
            raise WorkbenchError(
                f"{columns.path}, {where}: {name} has another length than {columns.roles['item']}; "
                "write as many of one as of the other."
            )
        values[name] = pa.chunked_array([pc.list_flatten(column.combine_chunks())])
    return replace(
        columns, values=values, place=lambda row: (columns.place(int(owners[row]))[0], {})
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _check_missing(columns: Columns, missing: Mapping[str, np.ndarray], options: Options) -> None:
    """Raise WorkbenchError for the first row without user, item or time, unless it is dropped."""
    gone = np.logical_or.reduce(list(missing.values()))
    if options.missing == "drop" or not gone.any():
        return
    row = int(gone.argmax())
    role = next(role for role, rows in missing.items() if rows[row])
    _, fields = columns.place(row)
    name = columns.roles[role]
    value = fields.get(name, columns.values[name][row].as_py())
    word = "" if value is None else str(value).strip()
    count = int(gone.sum())
    reason = "stands for a missing value" if word else "is missing" if value is None else "is empty"
    reason += f", as in {count:,} of {len(gone):,} rows; " if count > 1 else "; "
    remedies = []
    if count < len(gone):  # else no row would be left
        remedies.append(f"leave such rows out {ways('?missing=drop', DROP)}")
    if role == "time":
        remedies.append(f"leave the times out {WITHOUT_TIMES}")
    elif word:
        remedies.append(f"take it as the {role}'s name {ways('?missing=keep', KEEP)}")
    remedies = remedies or [f"name the column of the {role}s {ways(f'?{role}=...', COLUMNS)}"]
    raise columns.fault(row, role, reason + ", or ".join(remedies))


DROP, KEEP = "missing='drop'", "missing='keep'"
COLUMNS = "columns={...}"


def bare(name: str) -> str:
    """`user_id` of RecBole's `user_id:token`."""
    start, _, kind = name.rpartition(":")
    return start if kind in TYPES else name


def column_of(name: str, names: Sequence[str], path: Path, option: str) -> str:
    """The column meant by a name, by `#` and a position, or by RecBole's name without its type.

    Parameters
    ----------
    name : what the user wrote.
    names : of the columns.
    path : of the file, for messages.
    option : where the name was written, for messages.

    Raises
    ------
    WorkbenchError
        If there is no such column.
    """
    untyped = {bare(known): known for known in reversed(names)}
    if name in names:
        return name
    if name in untyped:
        return untyped[name]
    if name.startswith("#") and name[1:].isdecimal() and int(name[1:]) < len(names):
        return names[int(name[1:])]
    raise WorkbenchError(
        f"{path}: {option} names the column {name!r}, and there are {', '.join(names)[:200]}; "
        "name one of these."
    )


def check_single(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a file in which several columns have the name of one that is read.

    Parameters
    ----------
    path : of the file, for the message.
    names : of its columns, those that were repeated with `#` and their position behind them or not.
    wanted : names of the columns that are read.

    Raises
    ------
    WorkbenchError
        If one of them stands for several columns.
    """
    for name in wanted:
        if sum(name in (other, other.removesuffix(f"#{k}")) for k, other in enumerate(names)) > 1:
            raise WorkbenchError(f"{path}: two columns are called {name!r}; rename one.")


def filtered(options: Options, names: Sequence[str], path: Path) -> list[str]:
    """Columns that the conditions of `options.where` need.

    Raises
    ------
    WorkbenchError
        If a text is no condition, or names a column that does not exist.
    """
    return [column_of(_condition(text)[0], names, path, f"where={text}") for text in options.where]


def _condition(text: str) -> tuple[str, str, str]:
    parts = CONDITION.fullmatch(text.strip())
    if parts is None:
        raise WorkbenchError(
            f"where={text} is no condition; write one such as rating>=4 or event=view "
            f"{ways('?where=rating>=4', WHERE)}."
        )
    return parts[1], parts[2], parts[3]


WHERE = "where=['rating>=4']"


def _holds(text: str, columns: Columns) -> np.ndarray:
    """Rows for which a condition holds; numbers compare as such, text (ISO dates, too) as text."""
    name, sign, value = _condition(text)
    name = column_of(name, list(columns.values), columns.path, f"where={text}")
    column = columns.values[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = pd.Series(column.cast(pa.string()).to_numpy(), dtype=object).fillna("").str.strip()
    numbers, number = pd.to_numeric(texts, errors="coerce"), pd.to_numeric(value, errors="coerce")
    if sign in ("=", "==", "!="):
        equal = (texts == value) | (numbers == number)
        return (~equal if sign == "!=" else equal).to_numpy()
    if not np.isnan(number):
        if numbers.isna().all():
            raise WorkbenchError(
                f"{columns.path}: where={text} asks for numbers, and {name} has none, such as "
                f"{texts.iloc[0]!r}; compare it with = or !=."
            )
        return COMPARISONS[sign](numbers, number).to_numpy()
    _check_order(text, columns.path, name, texts, numbers, value)
    return COMPARISONS[sign](texts, value).to_numpy()


def _check_order(
    text: str, path: Path, name: str, texts: pd.Series, numbers: pd.Series, value: str
) -> None:
    """Refuse to order numbers by a text, and dates whose text is in another order than time."""
    given = texts[texts != ""]
    if numbers.notna().any():
        date = pd.to_datetime(value, errors="coerce", utc=True)
        known = "" if pd.isna(date) else f" ({value} begins {date.timestamp():.0f} s after 1970)"
        raise WorkbenchError(
            f"{path}: where={text} orders numbers by a text: {name} has {given.iloc[0]}, for one; "
            f"write a number{known}."
        )
    dates = given.str.match(DATE)
    if (dates.any() or re.match(DATE, value)) and not (
        given.str.match(ISO).all() and re.match(ISO, value)
    ):
        raise WorkbenchError(
            f"{path}: where={text} orders dates by their text, which only dates such as 2015-06-01 "
            f"allow, in the column and behind the sign; {name} has {given.iloc[0]}, for one. "
            "Convert the column first."
        )


def _titles(codes: np.ndarray, tokens: np.ndarray, column: Any) -> dict[str, str]:
    """Item token -> its first title; items without one are left out."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    titles = pc.utf8_trim_whitespace(column.cast(pa.string())).to_numpy()
    frame = pd.DataFrame({"item": codes, "title": titles})
    frame = frame[(codes >= 0) & frame["title"].notna() & (frame["title"] != "")]
    frame = frame.drop_duplicates("item")
    return dict(zip(tokens[frame["item"]], frame["title"], strict=True))
