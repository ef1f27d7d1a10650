"""RecBole's atomic files: tab-separated, with column headings `name:type`; one file, or split.

Splits are `x.train.inter`, `x.valid.inter` and `x.test.inter`. Where their rows hold the items
before (`item_id_list`), these are put together to each user's history.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from workbench.data.readers import presplit
from workbench.data.readers.base import Interactions, Options
from workbench.data.readers.categories import NAMES, split
from workbench.data.readers.columns import TYPES, Columns
from workbench.data.readers.roles import choose
from workbench.data.readers.rows import interactions
from workbench.data.readers.shape import shape
from workbench.data.readers.text import (
    Layout,
    columns_of,
    header_names,
    read_interactions,
    read_titles,
)
from workbench.data.readers.titles import optional, titles_of
from workbench.errors import WorkbenchError, ways
from workbench.phrases import counted

TITLE_NAMES = ("title", "name", "movie_title", "item_name")
PARTS = ("train", "valid", "test")
SAMPLE = 1000  # rows by which columns are judged


def detect(path: Path, encoding: str) -> bool:
    """Whether the path is a `.inter` file, or a folder that holds one."""
    return path.suffix.lower() == ".inter" or (path.is_dir() and any(path.glob("*.inter")))


def read(path: Path, options: Options) -> Interactions:
    """Read a `.inter` file, or those of a folder, with titles from the `.item` file beside it.

    Columns are `user_id`, `item_id` and, if it is there, `timestamp`, or have other usual names,
    unless `options.columns` names others.

    Raises
    ------
    WorkbenchError
        If a folder holds several files that are not parts of a split, if a heading is not
        `name:type`, if a column is missing, or if a line cannot be read.
    """
    files = _inter_files(path)
    layout, doubts = _layout(files[0], options)
    listed = layout.item.rpartition(":")[0] + "_list:token_seq"
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        joined = f"{path}: {names} were read as one, and the last items of a history are held out"
        doubts = [*doubts, f"{joined} anew, wherever it was split."]
    items = _item_file(files[0])
    if "title" in (options.columns or {}):
        titles, more = titles_of(items, _titles(items, layout, options))
    else:
        titles, more = optional(items, lambda: _titles(items, layout, options))
    doubts = [*doubts, *more]
    if listed in layout.names:
        return _read_lists(path, files, listed, options, titles).doubted(
            [doubt for doubt in doubts if "no column holds times" not in doubt]
        )
    if len(files) == 1:
        return read_interactions(layout, options, titles).doubted(doubts)
    parts = [columns_of(_layout(file, options)[0], options) for file in files]
    return interactions(_stacked(path, files, parts), options, titles).doubted(doubts)


def listed_items(path: Path, options: Options) -> list[str]:
    """Tokens of all items in the `.item` file, in its order, with interactions or without.

    The list is empty where there is no such file, or it has no column of items.

    Raises
    ------
    WorkbenchError
        If the file or its heading cannot be read.
    """
    described = _described(path, options)
    if described is None:
        return []
    table, _ = described
    # an item is its own title here, so that those without a title are listed as well
    return [item.strip() for item in dict(read_titles(table, table.item))]


def categories(path: Path, options: Options) -> dict[str, tuple[str, ...]]:
    """Item token -> its categories, by the `.item` file; none where it is not there or has none.

    Raises
    ------
    WorkbenchError
        If the file or its heading cannot be read.
    """
    described = _described(path, options)
    if described is None:
        return {}
    table, fields = described
    heading = next((fields[name] for name in NAMES if name in fields), None)
    if heading is None:
        return {}
    return split(dict(read_titles(table, heading)), words=heading.endswith("_seq"))


def _described(path: Path, options: Options) -> tuple[Layout, dict[str, str]] | None:
    """The `.item` file and its headings by name; None where it is not there or has no items."""
    inter = _inter_files(path)[0]
    file = _item_file(inter)
    if not file.exists():
        return None
    item, fields = _layout(inter, options)[0].item.rpartition(":")[0], _fields(file, options)
    if item not in fields:
        return None
    heading = fields[item]
    table = Layout(file, tuple(fields.values()), heading, heading, encoding=options.encoding)
    return table, fields


def _item_file(inter: Path) -> Path:
    """Where the items of an interactions file, or of a part of it, are described."""
    stem = re.sub(rf"\.({'|'.join(PARTS)})$", "", inter.with_suffix("").name)
    return inter.with_name(f"{stem}.item")


def _layout(file: Path, options: Options) -> tuple[Layout, list[str]]:
    fields = _fields(file, options)
    headings = list(fields.values())
    look = shape(file, options.encoding, sample=SAMPLE)
    rows = [row for row in (look.rows[1:] if look else ()) if len(row) == len(headings)]
    chosen = {role: name for role, name in (options.columns or {}).items() if role != "title"}
    roles, doubts = choose(
        file,
        headings,
        options.with_columns(chosen),
        lambda heading: [row[headings.index(heading)] for row in rows],
        where=", line 1",
    )
    layout = Layout(
        path=file,
        names=tuple(headings),
        user=roles["user"],
        item=roles["item"],
        time=roles.get("time"),
        encoding=options.encoding,
    )
    return layout, doubts


def _inter_files(path: Path) -> list[Path]:
    """The file to read, or the parts of a split in their order."""
    if not path.is_dir():
        return [path]
    same_name = path / f"{path.resolve().name}.inter"
    files = [same_name] if same_name.exists() else sorted(path.glob("*.inter"))
    parts = {file.with_suffix("").suffix.removeprefix("."): file for file in files}
    if len(files) > 1 and len(parts) == len(files) and set(parts) <= set(PARTS):
        return [parts[part] for part in PARTS if part in parts]
    if len(files) != 1:
        raise WorkbenchError(
            f"{path} holds {len(files)} .inter files; name the one to read"
            + (f", for instance {files[0]}." if files else ".")
        )
    return files


def _fields(file: Path, options: Options) -> dict[str, str]:
    """Field name -> the column's whole heading, `name:type`."""
    fields: dict[str, str] = {}
    for heading in header_names(file, "\t", quoted=False, encoding=options.encoding):
        first = re.sub(r"#\d+$", "", heading)  # which says that the name is taken
        name, colon, kind = first.rpartition(":")
        if not colon or kind not in TYPES or set(name) & set(",; "):
            table = f", or read the file as a table {ways('?format=table', TABLE)}"
            raise WorkbenchError(
                f"{file}, line 1: heading {heading!r} is not name:type with a type among "
                f"{', '.join(TYPES)}, tabs between; write it so"
                f"{table if file.suffix.lower() == '.inter' else ''}."
            )
        if name in fields:
            raise WorkbenchError(f"{file}, line 1: two columns are called {name!r}; rename one.")
        fields[name] = heading
    return fields


TABLE = "format='table'"


def _stacked(path: Path, files: Sequence[Path], parts: Sequence[Columns]) -> Columns:
    """Files one after another as if they were one."""
    sizes = [len(part.values[part.roles["user"]]) for part in parts]

    def place(row: int) -> tuple[str, dict[str, str]]:
        for file, part, size in zip(files, parts, sizes, strict=True):
            if row < size:
                where, fields = part.place(row)
                return f"{file.name}, {where}", dict(fields)
            row -= size
        raise IndexError(row)

    values = {name: _one_column([part.values[name] for part in parts]) for name in parts[0].values}
    return Columns(path, values, parts[0].roles, place, parts[0].unused)


def _one_column(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns one after another; as text where files have them in several types, such as times."""
    plain = [
        part.cast(part.type.value_type) if pa.types.is_dictionary(part.type) else part
        for part in parts
    ]
    if len({part.type for part in plain}) > 1:
        plain = [part.cast(pa.string()) for part in plain]
    return pa.chunked_array([chunk for part in plain for chunk in part.chunks])


def _read_lists(
    path: Path,
    files: Sequence[Path],
    listed: str,
    options: Options,
    titles: dict[str, str] | None,
) -> Interactions:
    """Histories out of rows that hold the items before and the item after them."""
    rows: list[tuple[str, list[str], str]] = []
    for file in files:
        layout, _ = _layout(file, options)
        names = (layout.user, listed, layout.item)
        table = pa_csv.read_csv(
            file,
            read_options=layout.read_options(),
            parse_options=layout.parse_options(),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), include_columns=list(names)
            ),
        )
        users, lists, items = (table[name].to_pylist() for name in names)
        rows += zip(users, (text.split() for text in lists), items, strict=True)
    together = presplit.joined(path, rows)
    histories = together.histories
    roles = {"user": layout.user, "item": layout.item}
    values = {
        layout.user: pa.array([user for user, items in histories.items() for _ in items]),
        layout.item: pa.array([item for items in histories.values() for item in items]),
    }
    columns = {name: pa.chunked_array([column]) for name, column in values.items()}
    table = interactions(
        Columns(path, columns, roles, lambda row: (f"item {row + 1} of the histories", {})),
        options,
        titles,
    )
    doubts = [f"{path}: {listed} was read as the items before {layout.item}, oldest first."]
    if together.left_out:
        doubts.append(
            f"{path}: {counted(together.left_out, 'row')} of lists tell nothing that others of the "
            "user do not, and were left out; where each is an interaction, write a row for each, "
            "with its time, instead of lists."
        )
    if together.alike:
        doubts.append(
            f"{path}: {counted(together.alike, 'row')} of lists are as another of the user, and "
            "count as one interaction more; where they only repeat it, remove them."
        )
    dropped = {"duplicates": together.left_out} if together.left_out else {}
    return replace(table, dropped={**table.dropped, **dropped}).doubted(doubts)


def _titles(file: Path, layout: Layout, options: Options) -> list[tuple[str, str]] | None:
    chosen = options.columns or {}
    if not file.exists():
        if "title" in chosen:
            raise WorkbenchError(f"{file} does not exist, so there is no {chosen['title']!r}.")
        return None
    fields = _fields(file, options)
    wanted = [str(chosen["title"])] if "title" in chosen else list(TITLE_NAMES)
    title = next((name for name in wanted if name in fields), None)
    item = layout.item.rpartition(":")[0]
    if "title" in chosen and title is None:
        raise WorkbenchError(f"{file}, line 1: no column {wanted[0]!r} among {', '.join(fields)}.")
    if title is None or item not in fields:
        return None
    table = Layout(
        path=file,
        names=tuple(fields.values()),
        user=fields[item],
        item=fields[item],
        encoding=options.encoding,
    )
    # RecBole's ml-100k keeps the year of "Toy Story (1995)" in a column of its own
    return read_titles(table, fields[title], fields.get("release_year"))
