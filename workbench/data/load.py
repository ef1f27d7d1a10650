"""`load_data`: from a known name or a path to `SequenceData`."""

import html
from collections.abc import Mapping
from pathlib import Path

from workbench.data import address, catalogue
from workbench.data.fetch import DataUnavailable, fetch_ml_100k
from workbench.data.planted import planted
from workbench.data.readers import read
from workbench.data.readers.base import Options
from workbench.data.sequences import Duplicates, SequenceData, from_interactions
from workbench.errors import WorkbenchError


def load_data(
    source: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str | int] | None = None,
    encoding: str = "utf-8",
    min_user: int = 2,
    min_item: int = 1,
    duplicates: Duplicates = "keep",
    fallback: str | None = None,
) -> SequenceData:
    """Load a known data set by name ("ml-100k", "planted", ...) or a file or folder by path.

    `format` is one of `workbench.data.readers.FORMATS`, told by the file when None. `columns` maps
    user, item, time and title to columns of the file; positions counted from 0 stand for columns
    of a file without header. `min_user`, `min_item` and `duplicates` are explained at
    `from_interactions`. Planted data come as they are made, unfiltered.

    A path may carry these options as an address does, `ratings.csv?user=who&item=what&min_item=5`,
    so that a link or a command line can name them too; they go before the arguments.

    ml-100k is fetched at first use. Where it cannot be, `fallback="planted"` gives planted data,
    and `provenance["fallback"]` says why in a sentence.

    Raises DataUnavailable where data cannot be fetched, WorkbenchError for everything wrong with
    the name, the file or the options.
    """
    if fallback not in (None, "planted"):
        raise WorkbenchError(f'fallback={fallback!r} is not known; use "planted".')
    name = str(source)
    if name == "planted":
        return planted().data
    if name == "ml-100k":
        try:
            path = fetch_ml_100k()
        except DataUnavailable as error:
            if fallback is None:
                raise
            data = planted().data
            data.provenance["fallback"] = f"Planted data stand in for ml-100k: {error}"
            return data
    else:
        plain, asked = address.split(name)
        path = catalogue.locate(plain)
        columns = asked.columns or columns
        format, encoding = asked.format or format, asked.encoding or encoding
        min_user, min_item = asked.min_user or min_user, asked.min_item or min_item
        duplicates = asked.duplicates or duplicates
    found, reader = read(path, format, Options(columns, encoding))
    return from_interactions(
        found.users,
        found.items,
        found.times,
        name=path.resolve().name.split(".")[0],
        titles=_unescaped(found.titles),
        min_user=min_user,
        min_item=min_item,
        duplicates=duplicates,
        provenance={"source": name, "reader": reader, "time_unit": found.time_unit}
        | {"columns": dict(found.columns)},
    )


def _unescaped(titles: Mapping[str, str] | None) -> dict[str, str] | None:
    """Titles as they are meant to be read: `&amp;` and `&#39;` of files taken from web pages."""
    return (
        None if titles is None else {item: html.unescape(title) for item, title in titles.items()}
    )
