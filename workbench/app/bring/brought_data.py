"""Interactions that a user brings: chosen, read and described before they are used."""

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pa_dataset
import streamlit as st

from workbench import SequenceData
from workbench.app import places, resources, uploads, words
from workbench.app.html_table import show_table
from workbench.app.selection import select
from workbench.data import address
from workbench.data.catalogue import is_built_in, locate
from workbench.data.description import left_out, span
from workbench.data.readers import FORMATS, detect
from workbench.data.readers.base import data_suffix, decoded_lines, first_line
from workbench.data.readers.roles import REQUIRED, usual
from workbench.data.readers.shape import guess_delimiter, split
from workbench.data.readers.table import SUFFIXES, column_names
from workbench.errors import WorkbenchError
from workbench.explore.markup import Cell, Head
from workbench.phrases import counted, cut

KEY = "interactions"
ASKED = "asked of the data"  # in the session: the path that was typed, and how it is to be read
DETECTED, NONE = "detected from the file", "(none)"
SHOWN, CELL = 4, 120  # rows of a file whose columns are chosen, and characters of a field
PLACES = "Its columns are then called by their places: #0, #1, ..."
ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16")
TABLES = (*SUFFIXES, ".txt", ".parquet")


def choose() -> tuple[str, SequenceData] | None:
    """A source for `load_data`, and its data; None while nothing, or not enough, is chosen.

    Raises
    ------
    WorkbenchError
        If the data cannot be read.
    """
    with uploads.paths_hidden():
        uploads.take("Upload a file", "interactions", KEY)
        typed = st.text_input(
            "Or its path on this machine, or the name of a known data set",
            key=KEY,
            placeholder="ratings.csv, a folder, or ml-100k",
            help="Options may follow a path: `ratings.csv?min_user=5&min_item=5`.",
            bind="query-params",
        )
        typed = words.typed(typed).strip()
        if not typed:
            return None
        source = typed if is_built_in(typed) else _with_options(typed)
        if source is None:
            st.info("Choose the columns that hold the users and the items.", icon=":material/info:")
            return None
        data = resources.data(source)
        _describe(data)
        return source, data


def _with_options(typed: str) -> str | None:
    """`typed` with the format and columns chosen; None while users or items have no column."""
    places.data(typed)
    plain, reading = address.split(typed)
    path = locate(plain)
    named, chosen = reading.columns or {}, reading.format
    is_table = chosen == "table"
    asked = str(path), named, reading.format, reading.encoding
    afresh = st.session_state.get(ASKED, asked) != asked
    st.session_state[ASKED] = asked
    if afresh:
        _forget()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        format = st.selectbox(
            "Format", [DETECTED, *FORMATS], key="format", bind="query-params", width=180
        )
        encoding = st.selectbox(
            "Encoding", ENCODINGS, key="encoding", bind="query-params", width=120
        )
    if format != DETECTED:
        chosen, is_table = str(format), format == "table"
    elif chosen is None and path.is_file() and data_suffix(path) in TABLES:
        is_table = any(name != "" for name in named.values()) or detect(path) in (None, "table")
    code = reading.encoding if encoding == ENCODINGS[0] else str(encoding)
    columns = _columns(path, code or ENCODINGS[0], named, afresh=afresh) if is_table else named
    if is_table and not columns:
        return None
    options = reading.given() | {"format": chosen, "encoding": code}
    options.pop("columns", None)
    return address.join(path, **columns, **options)


def _forget() -> None:
    """Forget how the file before was to be read, also where the page cannot ask that yet."""
    st.session_state.update(format=DETECTED, encoding=ENCODINGS[0], headerless=False)
    for role in address.ROLES:
        st.session_state.pop(f"{role}_column", None)


def _columns(
    path: Path, encoding: str, named: Mapping[str, str | int], *, afresh: bool
) -> dict[str, str]:
    """The columns chosen: role -> name, which is `#` and the place where the file has no header.

    Empty while users or items have no column.

    Parameters
    ----------
    path, encoding : of the file.
    named : the columns that the address names.
    afresh : whether the boxes show what is usual, whatever they showed before.
    """
    by_place = any(isinstance(name, int) for name in named.values())
    positions = data_suffix(path) != ".parquet" and (
        by_place
        or st.toggle("The file has no header", key="headerless", help=PLACES, bind="query-params")
    )
    if positions:
        line = first_line(path, encoding)
        (fields,) = split([line], guess_delimiter(path, line))
        names = tuple(f"#{place}" for place in range(len(fields)))
    else:
        names = column_names(path, encoding)
    with suppress(WorkbenchError, OSError, pa.ArrowException):  # the reader says what is wrong
        _show_first_rows(names, first_rows(path, encoding, header=not positions))
    # the reader always takes a column with a usual name; only times can be left out
    said = {r: f"#{name}" if isinstance(name, int) else name for r, name in named.items()}
    usually = usual(names, said)
    chosen: dict[str, str] = {}
    with st.container(horizontal=True):
        for role in address.ROLES:
            key, first = f"{role}_column", usually.get(role)
            columns = (*names, "") if role == "time" else names
            if first is not None:
                columns = (first, *columns)
            if afresh or st.session_state.get(key, "") is None:  # nothing was chosen so far
                st.session_state[key] = None if first is None else words.plain(first or NONE)
            column = select(
                f"{role.capitalize()}s in",
                {column or NONE: column for column in columns},
                index=None if first is None else 0,
                key=key,
                placeholder=NONE if role == "title" else "Choose",
                bind="query-params",
                width=150,
            )
            if column is not None:
                chosen[role] = column
    if any(role not in chosen for role in REQUIRED):
        return {}
    if chosen["user"] == chosen["item"]:
        raise WorkbenchError(
            f"{chosen['user']!r} cannot hold both the users and the items; choose another column."
        )
    return chosen


def _show_first_rows(names: Sequence[str], rows: list[list[str]]) -> None:
    """Show them; a line may have fewer or more fields than there are columns."""
    heads = [Head(name, kind="text") for name in names]
    cells = [[Cell(cut(text, CELL), text) for text in row] for row in rows]
    filled = [[*row, *[Cell("")] * len(heads)][: len(heads)] for row in cells]
    show_table(f"The first {counted(len(rows), 'row')}", heads, filled)


def first_rows(path: Path, encoding: str, *, header: bool) -> list[list[str]]:
    """The fields of the first few rows of a table, as text.

    Parameters
    ----------
    path, encoding : of the file.
    header : whether the first line of a text holds the names of columns.
    """
    if path.is_dir() or data_suffix(path) == ".parquet":
        rows = pa_dataset.dataset(path, format="parquet").head(SHOWN).to_pylist()
        return [[str(value) for value in row.values()] for row in rows]
    with closing(decoded_lines(path, encoding)) as lines:
        first = [line.rstrip("\r\n") for line in islice(lines, SHOWN + header)]
    return split(first[header:], guess_delimiter(path, first[0])) if first else []


def _describe(data: SequenceData) -> None:
    """Show what was recognised, in numbers and a few lines."""
    provenance = data.provenance
    ties = provenance.get("tie_share")
    with st.container(horizontal=True):
        for label, value in (
            ("Users", f"{data.n_users:,}"),
            ("Items", f"{data.n_items:,}"),
            ("Interactions", f"{data.n_interactions:,}"),
            ("Ties in time", "no times" if ties is None else f"{100 * ties:.1f}{words.PERCENT}"),
        ):
            st.metric(label, value, help=words.TIES if label.startswith("Ties") else None)
    if "fallback" in provenance:
        st.warning(words.literal(uploads.told(provenance["fallback"])))
    for warning in provenance.get("warnings", []):
        st.warning(words.literal(uploads.told(warning)))
    st.markdown("\n".join(f"- {words.literal(line)}" for line in _lines(data)))


def _lines(data: SequenceData) -> list[str]:
    provenance = data.provenance
    lines = [f"Format: {provenance['reader']}."] if "reader" in provenance else []
    if provenance.get("columns"):
        pairs = (f"{role} from {name}" for role, name in provenance["columns"].items())
        lines.append(f"Columns: {', '.join(pairs)}.")
    if (dates := span(data)) is not None:
        lines.append(f"Times from {' to '.join(dates)}.")
    lines.append(f"Histories of {data.lengths.min():,} to {data.lengths.max():,} items.")
    lines.append("Items have titles." if data.titles else "No titles: items are shown by id.")
    if parts := left_out(data):
        lines.append(f"{provenance['rows_read']:,} rows read; {'; '.join(parts)}.")
    return lines
