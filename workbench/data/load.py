"""`load_data`: from a known name or a path to `SequenceData`."""

import html
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from workbench.data import address, catalogue
from workbench.data.catalogue import ML_100K
from workbench.data.fetch import DataUnavailable, fetch_ml_100k
from workbench.data.planted import planted
from workbench.data.readers import detect, movielens, read, recbole
from workbench.data.readers.base import Options
from workbench.data.sequences import Duplicates, SequenceData, from_interactions
from workbench.data.times import Dates, Unit
from workbench.data.tokens import Missing
from workbench.errors import WorkbenchError, WorkbenchWarning, one_of
from workbench.phrases import counted


def load_data(
    source: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str | int] | None = None,
    encoding: str = "utf-8",
    missing: Missing = "refuse",
    unit: Unit | None = None,
    dates: Dates | None = None,
    where: Sequence[str] = (),
    min_user: int = 2,
    min_item: int = 1,
    duplicates: Duplicates = "keep",
    fallback: str | None = None,
) -> SequenceData:
    """Load a known data set by name ("ml-100k", ...), planted data, or a file or folder by path.

    A path may carry these options as an address does, `ratings.csv?user=who&item=what&min_item=5`,
    so that a link or a command line can name them too; they override the arguments. Planted data
    are named with their rule and settings, `planted:distance?noise=.3&users=500`, and come as they
    are made, unfiltered.

    Parameters
    ----------
    source : a name or path, with or without options.
    format : one of `workbench.data.readers.FORMATS`; None: the file shows it.
    columns : user, item, time and title -> columns of the file. Positions, counted from 0, stand
        for columns of a file without header; an empty time leaves times out.
    encoding : of text files.
    missing : what becomes of rows without user, item or time: "refuse", "drop", or "keep", which
        accepts words such as NA as names.
    unit : of times written as numbers: "s", "ms", "us", "ns", "date" as in 20190812, or "each",
        where every number shows its unit by its size; None: the file shows it.
    dates : whether 3/4/2015 is "day-first" or "month-first"; None: the file shows it.
    where : conditions such as "rating>=4" and "event=view"; rows are kept if all of them hold.
    min_user, min_item, duplicates : explained at `from_interactions`.
    fallback : "planted" gives planted data where ml-100k cannot be fetched, and
        `provenance["fallback"]` says why in a sentence. (ml-100k is fetched at first use.)

    Warns
    -----
    WorkbenchWarning
        For each assumption that was made because the file does not say; they also stand in
        `provenance["warnings"]`.

    Raises
    ------
    DataUnavailable
        If the data cannot be fetched.
    WorkbenchError
        If anything is wrong with the name, the file or the options.
    """
    if not isinstance(source, str | Path):
        raise WorkbenchError(
            f"load_data reads files, and was given a {type(source).__name__}; columns in memory "
            "become data by workbench.data.from_interactions(users, items, times)."
        )
    if fallback not in (None, "planted"):
        raise WorkbenchError(f'fallback={fallback!r} is not known; use "planted".')
    name = str(source)
    settings = address.planting(name)
    if settings is not None:
        return planted(**asdict(settings)).data
    plain, asked = address.split(name)
    try:
        path = _place(plain)
    except DataUnavailable as error:
        if fallback is None:
            raise
        data = planted().data
        data.provenance["fallback"] = f"Planted data stand in for ml-100k: {error}"
        return data
    if not isinstance(columns, Mapping | None):
        raise WorkbenchError(f"columns={columns!r}; give a dict such as {{'user': 'visitor'}}.")
    columns = dict(asked.columns or columns or {})
    options = Options(
        {role: column for role, column in columns.items() if (role, column) != ("time", "")},
        asked.encoding or encoding,
        missing=asked.missing or missing,
        unit=asked.unit or unit,
        dates=asked.dates or dates,
        where=asked.where or ([where] if isinstance(where, str) else where),
        without_times=columns.get("time") == "",
    )
    _check_words(options)
    table, reader = read(path, asked.format or format, options)
    data = from_interactions(
        table.users,
        table.items,
        table.times,
        name=path.resolve().name.split(".")[0],
        titles=_unescaped(table.titles),
        min_user=min_user if asked.min_user is None else asked.min_user,
        min_item=min_item if asked.min_item is None else asked.min_item,
        duplicates=asked.duplicates or duplicates,
        missing=options.missing,
        provenance={"source": name, "reader": reader, "time_unit": table.time_unit}
        | {"columns": dict(table.columns), "rows_dropped": dict(table.dropped)}
        | {"unused": list(table.unused), "warnings": table.doubts},
    )
    repeats_meant = asked.duplicates is not None or duplicates != "keep"
    table.doubts.extend(_doubts(path, data, repeats_meant=repeats_meant))
    for doubt in table.doubts:
        warnings.warn(doubt, WorkbenchWarning, stacklevel=2)
    return data


def _place(plain: str) -> Path:
    """The file or folder of a name or a path without options; ml-100k is fetched."""
    if plain != ML_100K:
        return catalogue.locate(plain)
    if Path(plain).exists():
        warnings.warn(
            f"{plain} is the known data set; for what is called so here write ./{plain}.",
            WorkbenchWarning,
            stacklevel=3,
        )
    return fetch_ml_100k()


def _check_words(options: Options) -> None:
    for condition in options.where:
        if not isinstance(condition, str):
            raise WorkbenchError(f"where has {condition!r}; give texts such as 'rating>=4'.")
    one_of("missing", options.missing, get_args(Missing))
    if options.unit is not None:
        one_of("unit", options.unit, get_args(Unit))
    if options.dates is not None:
        one_of("dates", options.dates, get_args(Dates))


def _doubts(path: Path, data: SequenceData, *, repeats_meant: bool) -> Iterator[str]:
    """What is odd about the histories that were made of a file, a sentence each."""
    if data.provenance["tie_share"] == 1 and data.times is not None and np.ptp(data.times):
        yield (
            f"{path}: every user's times are all equal, so histories are in the order of the file."
        )
    if not repeats_meant and (same := _same(data)):
        yield (
            f"{path}: {counted(same, 'interaction')} repeat{'s' * (same == 1)} another of the same "
            "user, item and time, and count as any other; ?duplicates=first behind the path leaves "
            "them out, ?duplicates=keep says that they are meant."
        )


def _same(data: SequenceData) -> int:
    """How many interactions are as one before in user, item and time; none without times."""
    if data.times is None:
        return 0
    each = pd.DataFrame({"user": data.owners, "item": data.items, "time": data.times})
    return int(each.duplicated().sum())


def listed_items(source: str | Path) -> list[str]:
    """Item tokens of the .item file beside RecBole's interactions, in its order.

    The list is empty where the data are not RecBole's or have no such file.

    Raises
    ------
    WorkbenchError
        If the source cannot be found or read.
    """
    plain, asked = address.split(str(source))
    path, encoding = catalogue.locate(plain), asked.encoding or "utf-8"
    if asked.format not in (None, "recbole") or not recbole.detect(path, encoding):
        return []
    return recbole.listed_items(path, Options(asked.columns, encoding))


def item_categories(source: str | Path) -> dict[str, tuple[str, ...]]:
    """Item token -> its categories, as RecBole's .item file or MovieLens' file of titles has them.

    None where data are of another kind, or the file is not there or has none.

    Raises
    ------
    WorkbenchError
        If the source cannot be found or read.
    """
    name = str(source)
    if address.planting(name) is not None:
        return {}
    plain, asked = address.split(name)
    path = fetch_ml_100k() if plain == ML_100K else catalogue.locate(plain)
    encoding = asked.encoding or "utf-8"
    kind = asked.format or detect(path, encoding)
    if kind not in ("recbole", "movielens"):
        return {}
    reader = recbole if kind == "recbole" else movielens
    found = reader.categories(path, Options(asked.columns, encoding))
    return {item: tuple(map(html.unescape, names)) for item, names in found.items()}


def _unescaped(titles: Mapping[str, str] | None) -> dict[str, str] | None:
    """Titles as they are meant to be read: `&amp;` and `&#39;` of files taken from web pages."""
    if titles is None:
        return None
    return {item.strip(): html.unescape(title) for item, title in titles.items()}
