"""From columns as they are in a file to interactions: filters, ids, times, what is missing."""

import html
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.data.address import where_is
from workbench.data.readers.base import Interactions, Options
from workbench.data.readers.columns import Columns, bare
from workbench.data.readers.filters import kept
from workbench.data.readers.titles import several_titles
from workbench.data.times import (
    WITHOUT_TIMES,
    TimeFault,
    Times,
    day,
    far_off,
    read_times,
    unit_is,
)
from workbench.data.tokens import absent, encode
from workbench.errors import WorkbenchError, ways
from workbench.phrases import counted

ROUNDED = r"^\d(\.\d+)?[eE]\+\d+$"


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
    columns, doubted = kept(columns, options)
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
            raise columns.fault(fault.row, roles["time"], str(fault)) from fault
        clock, unit = times.seconds, times.unit
        if times.doubts:
            doubted[roles["time"]] = times.doubts
        if clock.dtype.kind == "f":
            missing["time"] = np.isnan(clock)
        if len(clock) > 1 and clock.min() == clock.max():
            doubted.pop(roles["time"], None)
            doubts.append(
                f"{path}: all times in {roles['time']} are equal, so histories are in the order of "
                f"the file; leave them out {WITHOUT_TIMES}, or name another column."
            )
        if options.unit is None:
            doubts += _far_off(columns, roles["time"], times)
    doubts += [
        f"{path}: the times in {name} {doubt}."
        for name, several in doubted.items()
        for doubt in several
    ]
    _check_missing(columns, missing, options)
    if "title" in roles:
        titles, several = _titles(columns, *ids["item"])
        doubts += several
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


def _far_off(columns: Columns, name: str, times: Times) -> list[str]:
    """A doubt about times so far from most that they may stand for none, with what leaves out."""
    far = far_off(times.seconds)
    if not far.any():
        return []
    near = np.where(far, np.nan, times.seconds)
    values = columns.values[name]
    conditions = [
        f"{bare(name)}{sign}{str(values[int(row)].as_py()).strip()}"
        for sign, row, beyond in (
            (">=", np.nanargmin(near), times.seconds < np.nanmin(near)),
            ("<=", np.nanargmax(near), times.seconds > np.nanmax(near)),
        )
        if beyond.any()
    ]
    row = int(far.argmax())
    example = f"{str(values[row].as_py()).strip()} ({day(times.seconds[row])})"
    return [
        f"{columns.path}: {counted(int(far.sum()), 'time')} in {name} "
        f"{'lies' if far.sum() == 1 else 'lie'} more than ten years from the others, such as "
        f"{example}, and may stand for none; leave such rows out {where_is(*conditions)}, or say "
        f"that they are meant {unit_is(times.unit)}."
    ]


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
    """A row per item, where a row of the file holds the list of a user's items.

    An empty list, or none, is a row without an item.
    """
    item = columns.values[columns.roles["item"]]
    if not _is_list(item.type):
        return columns
    lengths = pc.fill_null(pc.list_value_length(item), 0).to_numpy()
    owners = np.repeat(np.arange(len(item)), np.maximum(lengths, 1))
    places = np.cumsum(lengths[owners] > 0) - 1  # in all lists, one after another
    within = pa.array(places, mask=lengths[owners] == 0)
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
        flat = pa.chunked_array([pc.list_flatten(column.combine_chunks())])
        values[name] = flat.take(within)
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
    none = value is None or value != value
    word = "" if none else str(value).strip()
    count = int(gone.sum())
    reason = "stands for a missing value" if word else "is missing" if none else "is empty"
    reason += f", as in {count:,} of {len(gone):,} rows; " if count > 1 else "; "
    remedies = []
    if count < len(gone):  # else no row would be left
        remedies.append(f"leave such rows out {ways('?missing=drop', DROP)}")
    if role == "time":
        remedies.append(f"leave the times out {WITHOUT_TIMES}")
    elif word:
        remedies.append(f"take it as the {role}'s name {ways('?missing=keep', KEEP)}")
    remedies = remedies or [f"name the column of the {role}s {ways(f'?{role}=...', COLUMNS)}"]
    raise columns.fault(row, name, reason + ", or ".join(remedies))


DROP, KEEP = "missing='drop'", "missing='keep'"
COLUMNS = "columns={...}"


def _titles(
    columns: Columns, codes: np.ndarray, tokens: np.ndarray
) -> tuple[dict[str, str], list[str]]:
    """Item token -> its first title, without items that have none; a doubt where several differ."""
    name = columns.roles["title"]
    column = columns.values[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    places, titles = encode(column.cast(pa.string()))
    pairs = pd.DataFrame({"item": codes, "title": places})
    pairs = pairs[(codes >= 0) & (places >= 0)].drop_duplicates()
    pairs["title"] = titles[pairs["title"]]
    first = pairs.drop_duplicates("item").set_index("item")["title"]
    differ = pairs["title"].map(html.unescape) != pairs["item"].map(first).map(html.unescape)
    others = pairs[differ].drop_duplicates("item")
    doubts = []
    if len(others):
        item, other = others.iloc[0]
        several = several_titles(len(others), name, str(tokens[item]), first[item], other)
        doubts.append(
            f"{columns.path}: {several}, so write the same in all rows of an item, or name another "
            f"column {ways('?title=...', TITLE)}."
        )
    return dict(zip(tokens[first.index], first, strict=True)), doubts


TITLE = "columns={'title': ...}"
