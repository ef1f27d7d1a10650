"""Amazon reviews: JSON lines (2014, 2018, 2023) and the ratings-only CSV files."""

import re
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from workbench.data.readers import jsonl, table
from workbench.data.readers.base import (
    Interactions,
    Options,
    data_suffix,
    decoded_lines,
)
from workbench.data.readers.titles import optional
from workbench.errors import WorkbenchError, ways

# user, item and time as the releases of 2014/2018 and of 2023 call them
FIELDS = (("reviewerID", "asin", "unixReviewTime"), ("user_id", "parent_asin", "timestamp"))
ASIN = re.compile(r"B[0-9A-Z]{9}|[0-9]{9}[0-9X]")
USER = re.compile(r"A[0-9A-Z]{9,30}")


def detect(path: Path, encoding: str) -> bool:
    """Whether a file holds reviews of a known release, or ratings whose ids show their order."""
    if not path.is_file() or data_suffix(path) not in (".json", ".jsonl", ".csv"):
        return False
    if data_suffix(path) == ".csv":
        rows = _sample(path)
        return bool(rows) and len(rows[0]) == 4 and _order(rows) is not None
    return any(set(fields) <= set(jsonl.names(jsonl.head(path))) for fields in FIELDS)


def read(path: Path, options: Options) -> Interactions:
    """Read reviews, with titles from the `meta_` file of the same category beside them, if any.

    Ratings-only CSV files have no header and come as user, item, rating, time (2014) or as item,
    user, rating, time (2018). The form of the ids shows which one it is, unless `options.columns`
    gives positions.

    Raises
    ------
    WorkbenchError
        If the path is a folder, if the ids do not show which column is which, if the fields are not
        those of a release, if columns are named for JSON files, whose fields are fixed, or if a
        line cannot be read.
    """
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; name the reviews file in it.")
    if data_suffix(path) == ".csv":
        columns = options.columns or _order(_sample(path))
        if columns is None:
            by_position = ways(
                "?user=#0&item=#1&time=#3", "columns={'user': 0, 'item': 1, 'time': 3}"
            )
            raise WorkbenchError(
                f"{path}: cannot tell users from items by their ids; say which column is which, "
                f"counted from 0 {by_position}."
            )
        return table.read(path, replace(options, columns=columns))
    if options.columns:
        raise WorkbenchError("Amazon reviews have fixed fields; leave columns out.")
    first = jsonl.names(jsonl.head(path, options.encoding))
    fields = next((names for names in FIELDS if set(names) <= set(first)), None)
    if fields is None:
        raise WorkbenchError(
            f"{path}, line 1: neither {', '.join(FIELDS[0])} nor {', '.join(FIELDS[1])} are there."
        )
    roles = dict(zip(("user", "item", "time"), fields, strict=True))
    meta = _meta_file(path)
    titles, doubts = optional(
        meta,
        lambda: jsonl.read_titles(meta, roles["item"], "title", options.encoding) if meta else None,
    )
    return jsonl.read_interactions(path, roles, first, options, titles).doubted(doubts)


def _meta_file(path: Path) -> Path | None:
    """`meta_Beauty.json.gz` for `reviews_Beauty_5.json.gz`, `Beauty_5.json` or `Beauty.jsonl`."""
    category = re.sub(r"\.jsonl?(\.gz)?$", "", path.name)
    category = re.sub(r"_5$", "", category.removeprefix("reviews_"))
    names = (f"meta_{category}{end}" for end in (".jsonl", ".jsonl.gz", ".json", ".json.gz"))
    return next((path.with_name(name) for name in names if path.with_name(name).exists()), None)


def _sample(path: Path) -> list[list[str]]:
    with closing(decoded_lines(path, "latin-1")) as lines:
        return [line.strip().split(",") for line in islice(lines, 1000)]


def _order(rows: list[list[str]]) -> dict[str, str | int] | None:
    """Which of the first two columns holds items; None when the form of the ids does not say."""
    users, items = (
        [
            all(len(row) > column and form.fullmatch(row[column]) for row in rows)
            for column in (0, 1)
        ]
        for form in (USER, ASIN)
    )
    for user, item in ((0, 1), (1, 0)):
        if users[user] and items[item] and not (users[item] and items[user]):
            return {"user": user, "item": item, "time": 3}
    return None
