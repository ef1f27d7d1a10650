"""Delimited text: parsed by Arrow at once; only when that fails, line by line to name the line.

The two passes share one description of the file (`Layout`), so that a fault found by the first is
told by the second with its line number.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    brief,
    decoded_lines,
    epoch,
    first_line,
    titles_by_item,
)
from workbench.data.readers.shape import split
from workbench.errors import WorkbenchError

TOKEN = pa.dictionary(pa.int32(), pa.string())
BLOCK = 8 << 20  # bytes Arrow parses at a time


@dataclass(frozen=True)
class Layout:
    """How a text file is laid out: its column names in order and which of them matter.

    delimiter: one character, `::`, or a blank, which stands for any run of blanks.
    """

    path: Path
    names: tuple[str, ...]
    user: str
    item: str
    time: str | None = None
    title: str | None = None
    time_is_number: bool = False
    delimiter: str = "\t"
    quoted: bool = False
    header: bool = True
    encoding: str = "utf-8"

    def read_options(self) -> pa_csv.ReadOptions:
        names = list(self.names)
        if self.delimiter == "::":  # which Arrow reads as two colons around an empty column
            names = [part for name in names for part in (name, f"after {name}")][:-1]
        return pa_csv.ReadOptions(
            column_names=names,
            skip_rows=int(self.header),
            encoding="utf-8" if self.delimiter == " " else self.encoding,
            block_size=BLOCK,
        )

    def parse_options(self) -> pa_csv.ParseOptions:
        return pa_csv.ParseOptions(
            delimiter="\t" if self.delimiter == " " else self.delimiter[0],
            quote_char='"' if self.quoted else False,
            newlines_in_values=self.quoted,
        )

    def source(self) -> Path | pa.BufferReader:
        """What Arrow parses: the file, or its lines with a tab for every run of blanks."""
        if self.delimiter != " ":
            return self.path
        lines = ("\t".join(line.split()) for line in decoded_lines(self.path, self.encoding))
        return pa.BufferReader("\n".join(lines).encode())

    def lines(self) -> Iterator[str]:
        """The lines of the file in a form the csv module takes, whose separator is a character."""
        lines = decoded_lines(self.path, self.encoding)
        if self.delimiter == " ":
            return ("\t".join(line.split()) + "\n" for line in lines)
        if self.delimiter == "::":
            return (line.replace("::", "\t") for line in lines)
        return lines

    def rows(self) -> Any:
        """A reader of the csv module over `lines`."""
        delimiter = "\t" if self.delimiter in (" ", "::") else self.delimiter
        return csv.reader(self.lines(), delimiter=delimiter, quoting=_quoting(self.quoted))


def header_names(path: Path, delimiter: str, *, quoted: bool, encoding: str) -> tuple[str, ...]:
    """Column names on the first line. Raises WorkbenchError when one is missing or repeated."""
    line = first_line(path, encoding)
    if delimiter in (" ", "::"):
        line, delimiter = "\t".join(split([line], delimiter)[0]), "\t"
    try:
        rows = csv.reader([line], delimiter=delimiter, quoting=_quoting(quoted))
        names = tuple(name.strip() for name in next(rows))
    except (csv.Error, StopIteration):
        names = ()
    if not names or not all(names):
        raise WorkbenchError(f"{path}, line 1: a column has no name; the first line names columns.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise WorkbenchError(f"{path}, line 1: two columns are called {repeated!r}; rename one.")
    return names


def read_interactions(layout: Layout, titles: dict[str, str] | None = None) -> Interactions:
    """Read users, items and times. Raises WorkbenchError with the line of the first fault."""
    try:
        return _read_fast(layout, titles)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        fault = find_fault(layout)
        if fault is None:
            fault = WorkbenchError(f"{layout.path} cannot be read: {brief(error)}.")
        raise fault from error


def _read_fast(layout: Layout, titles: dict[str, str] | None) -> Interactions:
    types: dict[str, pa.DataType] = {layout.user: TOKEN, layout.item: TOKEN}
    if layout.time is not None and layout.time_is_number:
        types[layout.time] = pa.float64()
    if layout.title is not None:
        types[layout.title] = TOKEN
    wanted = (layout.user, layout.item, layout.time, layout.title)
    table = pa_csv.read_csv(
        layout.source(),
        read_options=layout.read_options(),
        parse_options=layout.parse_options(),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=[name for name in wanted if name is not None],
            strings_can_be_null=False,
        ),
    )
    if not table.num_rows:
        raise WorkbenchError(f"{layout.path} has no interactions.")
    table = table.unify_dictionaries()
    users, items = (table[name].combine_chunks() for name in (layout.user, layout.item))
    for column in (users, items):
        blank = pc.equal(pc.utf8_trim_whitespace(column.dictionary), "")
        if column.null_count or pc.any(blank).as_py():
            raise ValueError("empty token")
    if layout.header and all(
        pc.index(column.dictionary, name).as_py() >= 0
        for column, name in ((users, layout.user), (items, layout.item))
    ):
        raise ValueError("the header comes twice")
    if layout.title is not None:
        titles = titles_by_item(table[layout.item], table[layout.title])
    roles = {"user": layout.user, "item": layout.item, "time": layout.time, "title": layout.title}
    columns = {role: name for role, name in roles.items() if name is not None}
    if layout.time is None:
        return Interactions(users, items, None, titles, columns=columns)
    times, unit = epoch(table[layout.time])
    return Interactions(users, items, times, titles, unit, columns)


def find_fault(layout: Layout) -> WorkbenchError | None:
    """The first fault of a file, read line by line; None when every line is as it should be."""
    path, width = layout.path, len(layout.names)
    user, item = layout.names.index(layout.user), layout.names.index(layout.item)
    time = None if layout.time is None else layout.names.index(layout.time)
    rows = layout.rows()
    try:
        if layout.header:
            next(rows, None)
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not row:
                continue
            if len(row) != width:
                return WorkbenchError(f"{where}: {len(row)} columns where {width} are expected.")
            if layout.header and row[user] == layout.user and row[item] == layout.item:
                return WorkbenchError(f"{where}: the header comes a second time; remove it.")
            for column, name in ((user, layout.user), (item, layout.item)):
                if not row[column].strip():
                    return WorkbenchError(f"{where}: {name} is empty.")
            if time is not None and not is_time(row[time], layout.time_is_number):
                kind = "number of seconds from 1970 on" if layout.time_is_number else "time"
                return WorkbenchError(f"{where}: {layout.time} {row[time]!r} is no {kind}.")
    except WorkbenchError as error:
        return error
    except csv.Error as error:
        return WorkbenchError(f"{path}, line {rows.line_num}: {error}.")
    return None


def read_titles(layout: Layout, title: str, year: str | None = None) -> dict[str, str]:
    """Item token -> title from a file of items (`layout.item`); rows without a title are left out.

    With `year`, titles become "Title (year)".
    """
    names = [layout.item, title] + ([year] if year else [])
    try:
        table = pa_csv.read_csv(
            layout.path,
            read_options=layout.read_options(),
            parse_options=layout.parse_options(),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), include_columns=names
            ),
        )
    except PARSE_ERRORS as error:
        fault = find_fault(layout)
        raise fault or WorkbenchError(f"{layout.path} cannot be read: {brief(error)}.") from error
    columns = [table[name].to_pylist() for name in names]
    if year is None:
        return {item: text for item, text in zip(*columns, strict=True) if text}
    return {
        item: with_year(text, number) for item, text, number in zip(*columns, strict=True) if text
    }


def with_year(title: str, year: str) -> str:
    """MovieLens' way, "Toy Story (1995)"; what is no year (nor a "V", for video) is left out."""
    return f"{title} ({year})" if re.fullmatch(r"\d{4}|V", year) else title


def is_time(text: str, number: bool) -> bool:
    try:
        return 0 <= float(text) < 2.0**62
    except ValueError:
        if number:
            return False
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _quoting(quoted: bool) -> Literal[0, 3]:
    return csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
