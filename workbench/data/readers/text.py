"""Delimited text: parsed by Arrow at once; only when that fails, line by line to name the line.

The two passes share one description of the file (`Layout`), so that the second gives the line
number of a fault that the first found.
"""

import csv
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    decoded_lines,
    first_line,
    open_binary,
)
from workbench.data.readers.columns import Columns
from workbench.data.readers.filters import needed
from workbench.data.readers.rows import interactions
from workbench.data.readers.shape import NUMBER, blank_fields, split
from workbench.data.tokens import WORDS
from workbench.errors import WorkbenchError

TOKEN = pa.dictionary(pa.int32(), pa.string())
DATE = re.compile(r"\d{4}-\d\d")
BLOCK = 8 << 20  # bytes Arrow parses at a time


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out: its column names in order and which of them matter.

    Attributes
    ----------
    path : of the file.
    names : of all its columns.
    user, item, time, title : names of the columns that matter; None for a role that has none.
    delimiter : one character, `::`, or a blank, which stands for any run of blanks.
    quoted : whether quotes hold a field together.
    header : whether the first line that is not blank holds names.
    encoding : of the text.
    """

    path: Path
    names: tuple[str, ...]
    user: str
    item: str
    time: str | None = None
    title: str | None = None
    delimiter: str = "\t"
    quoted: bool = False
    header: bool = True
    encoding: str = "utf-8"

    def read_options(self) -> pa_csv.ReadOptions:
        """How Arrow reads the file: names, lines to skip, encoding, block size."""
        names = list(self.names)
        if self.delimiter == "::":  # which Arrow reads as two colons around an empty column
            names = [part for name in names for part in (name, f"after {name}")][:-1]
        return pa_csv.ReadOptions(
            column_names=names,
            skip_rows=self.skipped if self.header else 0,
            encoding="utf-8" if self.delimiter == " " else self.encoding,
            block_size=BLOCK,
        )

    def parse_options(self) -> pa_csv.ParseOptions:
        """How Arrow splits lines into fields."""
        return pa_csv.ParseOptions(
            delimiter="\t" if self.delimiter == " " else self.delimiter[0],
            quote_char='"' if self.quoted else False,
            newlines_in_values=self.quoted,
        )

    @property
    def skipped(self) -> int:
        """How many lines there are up to the header, the header included."""
        with closing(decoded_lines(self.path, self.encoding)) as lines:
            return 1 + next((n for n, line in enumerate(lines) if line.strip()), 0)

    def source(self) -> Path | pa.BufferReader:
        """What Arrow parses: the file, or its lines with a tab for every run of blanks."""
        if self.delimiter != " ":
            return self.path
        lines = ("\t".join(blank_fields(line)) for line in decoded_lines(self.path, self.encoding))
        return pa.BufferReader("\n".join(lines).encode())

    def lines(self) -> Iterator[str]:
        """The lines of the file for the csv module, which takes a separator of one character."""
        lines = decoded_lines(self.path, self.encoding)
        if self.delimiter == " ":
            return ("\t".join(blank_fields(line)) + "\n" for line in lines)
        if self.delimiter == "::":
            return (line.replace("::", "\t") for line in lines)
        return lines

    def place(self, row: int) -> tuple[str, dict[str, str]]:
        """The line of a row, counted from 0, and its fields."""
        rows = self.rows()
        place = row + int(self.header)
        fields: list[str] = next(islice(filter(None, rows), place, None), [])
        return f"line {rows.line_num}", dict(zip(self.names, fields, strict=False))

    def rows(self) -> Any:
        """A reader of the csv module over `lines`."""
        delimiter = "\t" if self.delimiter in (" ", "::") else self.delimiter
        return csv.reader(self.lines(), delimiter=delimiter, quoting=_quoting(self.quoted))


def header_names(path: Path, delimiter: str, *, quoted: bool, encoding: str) -> tuple[str, ...]:
    """Column names on the first line, without blanks around them.

    A column without name, or with a name that is already taken, gets `#` and its position behind
    it.

    Parameters
    ----------
    path : of the file.
    delimiter : as in `Layout`.
    quoted : whether quotes hold a field together.
    encoding : of the text.

    Raises
    ------
    WorkbenchError
        If no column has a name, or lines end in carriage returns alone.
    """
    line = first_line(path, encoding)
    if "\r" in line:
        raise WorkbenchError(
            f"{path}: its lines end in carriage returns alone; save it with line feeds."
        )
    if delimiter in (" ", "::"):
        line, delimiter = "\t".join(split([line], delimiter)[0]), "\t"
    try:
        rows = csv.reader([line], delimiter=delimiter, quoting=_quoting(quoted))
        names = tuple(name.strip() for name in next(rows))
    except (csv.Error, StopIteration):
        names = ()
    if not any(names):
        raise WorkbenchError(f"{path}, line 1: no column has a name; write a first line of names.")
    return tuple(
        f"{name}#{place}" if not name or name in names[:place] else name
        for place, name in enumerate(names)
    )


def read_interactions(
    layout: Layout, options: Options, titles: dict[str, str] | None = None
) -> Interactions:
    """Read users, items and times.

    Parameters
    ----------
    layout : of the file.
    options : what the user says about it.
    titles : item token -> title, from another file; None where there are none.

    Raises
    ------
    WorkbenchError
        If a line or a value cannot be read; the message gives the line of the first.
    """
    return interactions(columns_of(layout, options), options, titles)


def columns_of(layout: Layout, options: Options) -> Columns:
    """The columns that are needed, with values as written in the file.

    Raises
    ------
    WorkbenchError
        If a line cannot be read; the message gives the line.
    """
    try:
        columns = _columns(layout, options)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        if layout.quoted and quotes_are_text(layout):
            return _unwrapped(columns_of(replace(layout, quoted=False), options))
        open_quote = find_open_quote(layout) if layout.quoted else None
        raise (
            open_quote
            or find_fault(layout)
            or WorkbenchError(
                f"{layout.path} cannot be read: {brief(error)}; look whether the file is whole."
            )
        ) from error
    rows = len(columns.values[layout.user])
    if layout.quoted and _spans_lines(layout, rows):
        if quotes_are_text(layout):
            return _unwrapped(_columns(replace(layout, quoted=False), options))
        fault = find_open_quote(layout)
        if fault is not None:
            raise fault
    return columns


def _spans_lines(layout: Layout, rows: int) -> bool:
    """Whether there may be fewer rows than lines, as where a quoted field holds line ends."""
    lines = 0
    with open_binary(layout.path) as file:
        while block := file.read(BLOCK):
            lines += block.count(b"\n")
    return lines > rows + int(layout.header)


def quotes_are_text(layout: Layout) -> bool:
    """Whether every line has all its fields when quotes are read as ordinary characters."""
    width = len(layout.names)
    plain = replace(layout, quoted=False)
    try:
        return all(len(row) == width for row in plain.rows() if row)
    except (WorkbenchError, csv.Error):
        return False


def find_open_quote(layout: Layout) -> WorkbenchError | None:
    """The error for a quoted field that holds complete rows (it closes too late), or None."""
    lines: list[str] = []

    def kept() -> Iterator[str]:
        for line in layout.lines():
            lines.append(line)
            yield line

    rows = csv.reader(kept(), delimiter=layout.delimiter)
    user, users = layout.names.index(layout.user), set[str]()
    try:
        for row in rows:
            start = rows.line_num - len(lines) + 1
            if any(_is_row(line, layout, users) for line in lines[1:]):
                return WorkbenchError(
                    f"{layout.path}, line {start}: a quote that opens here is closed only in a "
                    "later row; close it, or remove it."
                )
            users |= {*row[user : user + 1]}
            lines.clear()
    except (WorkbenchError, csv.Error):
        pass
    return None


def _is_row(line: str, layout: Layout, users: Collection[str]) -> bool:
    """Whether a line within a quoted field looks like a row: by its time, or else by its user."""
    values = (value.strip('"') for value in line.rstrip("\r\n").split(layout.delimiter))
    fields = dict(enumerate(values))
    if len(fields) != len(layout.names):
        return False
    if layout.time is None:
        return fields[layout.names.index(layout.user)] in users
    time = fields[layout.names.index(layout.time)]
    return bool(NUMBER.fullmatch(time) or DATE.match(time))


def _unwrapped(columns: Columns) -> Columns:
    """Fields without the quotes around them, of a file whose other quotes are text."""

    def unwrap(column: pa.ChunkedArray) -> pa.ChunkedArray:
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        if not pa.types.is_string(column.type):
            return column
        return pc.replace_substring_regex(column, r'^\s*"(.*)"\s*$', r"\1")

    values = {name: unwrap(column) for name, column in columns.values.items()}
    return replace(columns, values=values)


def _columns(layout: Layout, options: Options) -> Columns:
    named = {"user": layout.user, "item": layout.item, "time": layout.time, "title": layout.title}
    roles = {role: name for role, name in named.items() if name is not None}
    types = {name: TOKEN for role, name in roles.items() if role != "time"}
    wanted = [*roles.values(), *needed(options, layout.names, layout.path)]
    table = pa_csv.read_csv(
        layout.source(),
        read_options=layout.read_options(),
        parse_options=layout.parse_options(),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=list(dict.fromkeys(wanted)),
            strings_can_be_null=False,
            null_values=["", *WORDS],
        ),
    ).unify_dictionaries()
    if table.num_rows and layout.header and _header_again(layout, table):
        raise ValueError("the header comes twice")
    values = dict(zip(table.column_names, table.columns, strict=True))
    unused = [name for name in layout.names if name not in values]
    return Columns(layout.path, values, roles, layout.place, unused)


def _header_again(layout: Layout, table: pa.Table) -> bool:
    return all(
        pc.index(table[name].chunk(0).dictionary, name).as_py() >= 0
        for name in (layout.user, layout.item)
    )


def find_fault(layout: Layout) -> WorkbenchError | None:
    """The error for the first line that is laid out differently from the file, or None."""
    path, width, rows = layout.path, len(layout.names), layout.rows()
    user, item = layout.names.index(layout.user), layout.names.index(layout.item)
    try:
        filled = filter(None, rows)
        if layout.header:
            next(filled, None)
        for row in filled:
            where = f"{path}, line {rows.line_num}"
            if len(row) != width:
                return WorkbenchError(
                    f"{where}: {len(row)} columns where {width} are expected; mend the line, or "
                    "put a field that holds the separator in quotes."
                )
            if layout.header and row[user] == layout.user and row[item] == layout.item:
                return WorkbenchError(f"{where}: the header comes a second time; remove it.")
    except WorkbenchError as error:
        return error
    except csv.Error as error:
        return WorkbenchError(f"{path}, line {rows.line_num}: {error}; mend the line.")
    return None


def read_titles(layout: Layout, title: str, year: str | None = None) -> list[tuple[str, str]]:
    """Item tokens and titles from a file of items; rows without a title are left out.

    Parameters
    ----------
    layout : of the file; `layout.item` is its column of items.
    title : column of titles.
    year : column of years, which makes titles "Title (year)"; None: as they are.

    Raises
    ------
    WorkbenchError
        If the file cannot be read.
    """
    names = [layout.item, title] + ([year] if year else [])
    try:
        table = pa_csv.read_csv(
            layout.path,
            read_options=layout.read_options(),
            parse_options=layout.parse_options(),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(dict.fromkeys(names)),
            ),
        )
    except PARSE_ERRORS as error:
        fault = find_fault(layout)
        raise fault or WorkbenchError(f"{layout.path} cannot be read: {brief(error)}.") from error
    columns = [table[name].to_pylist() for name in names]
    if year is None:
        return [(item, text) for item, text in zip(*columns, strict=True) if text]
    return [
        (item, with_year(text, number)) for item, text, number in zip(*columns, strict=True) if text
    ]


def with_year(title: str, year: str) -> str:
    """A title in MovieLens' form, "Toy Story (1995)".

    The year is left out where it is no year (nor a "V", for video).
    """
    return f"{title} ({year})" if re.fullmatch(r"\d{4}|V", year) else title


def _quoting(quoted: bool) -> Literal[0, 3]:
    return csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
