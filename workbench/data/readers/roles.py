"""Which column of a file is which: by what the user says, by usual names, and by the values."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa

from workbench.data.readers import presplit
from workbench.data.readers.base import Options
from workbench.data.readers.columns import bare, column_of
from workbench.data.times import DAY, WITHOUT_TIMES, looks_like_time, read_times
from workbench.errors import WorkbenchError, ways
from workbench.phrases import listing

# names without case, blanks and punctuation; the first that is there is taken
USUAL = {
    "user": ("user", "userid", "uid", "reviewerid", "customerid", "visitorid", "memberid",
             "accountid", "profileid", "username", "author", "sessionid", "session"),
    "item": ("item", "itemid", "iid", "parentasin", "asin", "movieid", "productid", "businessid",
             "articleid", "videoid", "bookid", "isbn", "trackid", "songid", "newsid", "gameid",
             "appid", "recipeid", "venueid", "poiid", "locationid", "product", "movie"),
    "time": ("timestamp", "unixreviewtime", "time", "ts", "timems", "timestampms", "unixtime",
             "eventtime", "eventtimestamp", "ratingtime", "reviewtime", "datetime", "createdat",
             "dateadded", "date", "eventdate", "ratingdate", "reviewdate", "tdat", "lastwatchdt"),
    "title": ("title", "itemtitle", "itemname"),
}  # fmt: skip
REQUIRED = ("user", "item")
TIME_OF_DAY = re.compile(
    r"T?\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?(Z|[+-]\d\d:?\d\d)?"
)
# what people read as a date, though nothing here may read it: 14-Jul-17, 07/14/17, July 14th
DATED = re.compile(
    r"\d{1,4}(?:st|nd|rd|th)?[-./ ](?:\d{1,2}|[A-Za-z]{3,9}\.?)[-./, ]+\d{2,4}(?![\d.])"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?[ ,]+.*\d"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?[ ,]+.*\d"
    r"|\d{8}T\d|/Date\(|\{'\$date':"
)


def plain(name: str) -> str:
    """`userid` of `User-ID`, `user_id` and `user_id:token`."""
    return re.sub(r"[\W_]", "", bare(name).lower())


def usual(names: Iterable[str], chosen: Mapping[str, str | int]) -> dict[str, str]:
    """Role -> column: what the user says, then the usual names, for the roles that have one.

    Parameters
    ----------
    names : of the columns.
    chosen : role -> column, as the user says.
    """
    names = tuple(names)
    roles = {role: str(name) for role, name in chosen.items()}
    known = {plain(name): name for name in reversed(names)}
    for role, candidates in USUAL.items():
        match = next((known[name] for name in candidates if name in known), None)
        if role not in roles and match is not None and match not in roles.values():
            roles[role] = match
    return roles


def is_table(names: Iterable[str]) -> bool:
    """Whether users and items are among the names."""
    return set(REQUIRED) <= set(usual(names, {}))


def choose(
    path: Path,
    names: Sequence[str],
    options: Options,
    sample: Callable[[str], Sequence[object]],
    *,
    where: str = "",
    headerless: str | None = None,
) -> tuple[dict[str, str], list[str]]:
    """Role -> column, and sentences on what was assumed about times.

    Parameters
    ----------
    path : of the file, for messages.
    names : of its columns.
    options : what the user says about the file.
    sample : gives some values of a column.
    where : the place of the names, such as ", line 1".
    headerless : how to name columns by position, for a file whose names may not be names.

    Raises
    ------
    WorkbenchError
        If users or items are missing or in the same column, if a role or a column is not known, or
        if times may be in a column that nobody named.
    """
    chosen = options.columns or {}
    for role in chosen:
        if role not in USUAL:
            raise WorkbenchError(f"columns: {role!r} is none of {', '.join(USUAL)}.")
    said = {role: _said(path, where, role, name, names) for role, name in chosen.items()}
    roles = usual(names, said)
    shown = ", ".join(names)[:200]
    for role in sorted(REQUIRED):
        if role not in roles:
            start = f"{path}{where}: no {role} column among {shown}; "
            if headerless is not None:
                raise WorkbenchError(
                    f"{start}where the first line is no header, count columns from 0 {headerless}."
                )
            taken = [roles[other] for other in REQUIRED if other in roles]
            free = [name for name in names if name not in roles.values()]
            free = free or [name for name in names if name not in taken]
            like = [name for name in free if plain(name).endswith("id")] or free
            if not like:
                raise WorkbenchError(f"{start}give a file that has both users and items.")
            name = bare(like[0])
            raise WorkbenchError(f"{start}name it, such as {name} {_named(role, name)}.")
    for role, column in roles.items():
        alike = [name for name in names if plain(name) == plain(column)]
        if role not in said and len(alike) > 1:
            raise WorkbenchError(
                f"{path}{where}: {listing(alike)} may each hold the {role}; name one, such as "
                f"{alike[0]} {_named(role, alike[0])}."
            )
    if roles["user"] == roles["item"]:
        raise WorkbenchError(
            f"{path}: {roles['user']!r} cannot hold both the users and the items; name another "
            "column for one of them."
        )
    lists = _about_lists(path, names, roles, sample)
    if options.without_times:
        roles.pop("time", None)
        return roles, lists
    if "time" in said:
        return roles, lists
    if "time" in roles and not _times(sample(roles["time"])):  # a clock's, or how long it took
        others = (name for name in names if name not in roles.values())
        roles["time"] = next((name for name in others if _times(sample(name))), roles["time"])
    return roles, [*_about_times(path, names, roles, said, sample), *lists]


def _named(role: str, name: str) -> str:
    if re.fullmatch(r"#\d+", name):
        return ways(f"?{role}={name}", f"columns={{{role!r}: {name[1:]}}}")
    return ways(f"?{urlencode({role: name})}", f"columns={{{role!r}: {name!r}}}")


def _said(path: Path, where: str, role: str, said: str | int, names: Sequence[str]) -> str:
    name = f"#{said}" if isinstance(said, int) else str(said)
    try:
        return column_of(name, names, path, f"{role}={name}")
    except WorkbenchError:
        raise WorkbenchError(
            f"{path}{where}: no column {name!r} among {', '.join(names)[:200]}; name one of these "
            f"{ways(f'?{role}=...', f'columns={{{role!r}: ...}}')}."
        ) from None


def _about_times(
    path: Path,
    names: Sequence[str],
    roles: Mapping[str, str],
    said: Mapping[str, str],
    sample: Callable[[str], Sequence[object]],
) -> list[str]:
    """What was assumed about times.

    Raises
    ------
    WorkbenchError
        If the evidence is against it.
    """
    free = [name for name in names if name not in roles.values()]
    like = [name for name in free if _times(sample(name))]
    clocks = [name for name in free if _all(TIME_OF_DAY.fullmatch, sample(name))]
    if "time" in roles:
        time = _named("time", bare(roles["time"]))
        usual_names = [name for name in free if plain(name) in USUAL["time"]]
        like += [name for name in usual_names if name not in like and name not in clocks]
        doubts = []
        if like:
            doubts.append(
                f"{path}: times were taken from {roles['time']}, though {' and '.join(like)} "
                f"look{'s' if len(like) == 1 else ''} like times too; say which are meant "
                f"{time} {_named('time', bare(like[0]))}."
            )
        if clocks and _whole_days(sample(roles["time"])):
            doubts.append(
                f"{path}: times were taken from {roles['time']}, though {clocks[0]} has the times "
                f"of day; write day and time of day into one column, or say that days are enough "
                f"{time}."
            )
        return doubts
    item = roles["item"]
    if "item" not in said and _times(sample(item)):
        raise WorkbenchError(
            f"{path}: the items in {item} look like times; name the columns, or say that they are "
            f"items {_named('item', bare(item))}."
        )
    if like:
        by_day = bool(clocks) and _whole_days(sample(like[0]))
        raise WorkbenchError(
            f"{path}: no column is named as times are, and {' and '.join(like)} "
            f"look{'s' if len(like) == 1 else ''} like times"
            + (f", without the times of day, which {clocks[0]} has" if by_day else "")
            + f"; say so {_named('time', bare(like[0]))}, or that histories are in the order of "
            f"the file {WITHOUT_TIMES}."
        )
    dated = next((name for name in free if _all(DATED.match, sample(name))), None)
    if dated is not None:
        example = next(str(value) for value in sample(dated) if str(value).strip())
        return [
            f"{path}: no column holds times that can be read, so histories are in the order of the "
            f"file; write those in {dated}, such as {example[:40]!r}, as 2019-08-12 10:30:00, or "
            f"say that this is meant {WITHOUT_TIMES}."
        ]
    return [
        f"{path}: no column holds times, so histories are in the order of the file; name the "
        f"column that does, or say that this is meant {WITHOUT_TIMES}."
    ]


def _about_lists(
    path: Path,
    names: Sequence[str],
    roles: Mapping[str, str],
    sample: Callable[[str], Sequence[object]],
) -> list[str]:
    """That a column which is not read has the items before those of its row."""
    listed = f"{bare(roles['item'])}_list"  # which RecBole's reader reads
    users, items = sample(roles["user"]), [str(item).strip() for item in sample(roles["item"])]
    for name in names:
        if name in roles.values() or bare(name) == listed:
            continue
        lists = [_listed(value) for value in sample(name)]
        if max(map(len, lists), default=0) < 2 or not len(lists) == len(users) == len(items):
            continue
        if presplit.grow(zip(map(str, users), lists, items, strict=True)):
            return [
                f"{path}: {name} has the items before those of each row, and is not read, so that "
                "items before a user's first row are missing; write a row for each of them, or a "
                f"RecBole .inter file that calls the column {listed}:token_seq."
            ]
    return []


def _listed(value: object) -> list[str]:
    """The words of a text, or the values of a list, as texts."""
    if isinstance(value, str):
        return [word for word in re.split(r"[\s,;|\[\]'\"]+", value) if word]
    return [str(each) for each in value] if isinstance(value, list) else []


def _all(fits: Callable[[str], object], values: Sequence[object]) -> bool:
    """Whether there are values, and all of them look so; empty ones do not matter."""
    texts = [text for value in values if value is not None and (text := str(value).strip())]
    return bool(texts) and all(map(fits, texts))


def _whole_days(values: Sequence[object]) -> bool:
    try:
        seconds = read_times(pa.array(values), dates="day-first").seconds
    except (OverflowError, ValueError, TypeError, pa.ArrowException):
        return False
    return bool(np.all(seconds[~np.isnan(seconds)] % DAY == 0))


def _times(values: Sequence[object]) -> bool:
    try:
        return looks_like_time(pa.array(values))
    except (OverflowError, ValueError, TypeError, pa.ArrowException):
        return False
