"""What every reader hands over, and what every reader needs."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import WorkbenchError

BOMS_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Options:
    """What the user may say about a file: which column is which, and its encoding."""

    columns: Mapping[str, str | int] | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Interactions:
    """Columns as they stand in the file, one row per interaction; titles by raw item token.

    `columns` says which column of the file was read as user, item, time and title.
    """

    users: Any
    items: Any
    times: np.ndarray | None
    titles: dict[str, str] | None = None
    time_unit: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def ways(query: str, python: str) -> str:
    """How an option of `load_data` is given, in brackets: behind a path, or in Python."""
    return f"({query} behind the path, {python} in Python)"


PARSE_ERRORS = (OSError, EOFError, ValueError, pa.ArrowException, zlib.error, csv.Error)


def open_binary(path: Path) -> BinaryIO:
    """The file's bytes, unpacked when its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def data_suffix(path: Path) -> str:
    """`.csv` of both `x.csv` and `x.csv.gz`."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def check_encoding(encoding: str) -> None:
    """Raise WorkbenchError unless text can be had by this encoding."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise WorkbenchError(
            f"encoding={encoding!r} is not known; give one such as utf-8, latin-1 or utf-16."
        ) from error


def decoded_lines(path: Path, encoding: str) -> Generator[str, None, None]:
    """Lines of a text file; a line that cannot be had raises WorkbenchError with its number."""
    check_encoding(encoding)
    decoder = codecs.getincrementaldecoder(encoding)()
    number, text = 1, ""
    with open_binary(path) as file:
        for part in count():
            try:
                raw = file.readline()
            except (OSError, EOFError, zlib.error) as error:
                raise WorkbenchError(
                    f"{path}, line {number}: the compressed file is cut short or damaged; "
                    "obtain it again."
                ) from error
            start = raw.removeprefix(codecs.BOM_UTF8) if part == 0 else raw
            try:
                text += decoder.decode(start, final=not raw)
            except UnicodeError as error:
                likely = "utf-16" if part == 0 and raw.startswith(BOMS_UTF16) else "latin-1"
                raise WorkbenchError(
                    f"{path}, line {number}: not {encoding} text; name the file's encoding, such "
                    f"as {likely} {ways(f'?encoding={likely}', f'encoding={likely!r}')}."
                ) from error
            # in UTF-16 a byte that looks like a line end may be none, and ends in a byte more
            *whole, text = text.split("\n")
            for line in whole:
                yield f"{line}\n"
            number += len(whole)
            if not raw:
                if text:
                    yield text
                return


def first_line(path: Path, encoding: str = "utf-8") -> str:
    """The first line of a text file without its line end. Raises WorkbenchError when empty."""
    with closing(decoded_lines(path, encoding)) as lines:
        line = next(lines, None)
    if line is None:
        raise WorkbenchError(f"{path} is empty.")
    return line.rstrip("\r\n")


def epoch(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, str]:
    """Times in seconds (int64 or float64, [n]) and the unit they were written in.

    Dates count from 1970 in UTC. The unit of numbers is told by their size: seconds stay below
    1e11 until the year 5138, and milliseconds are above it since 1973.
    Raises ValueError when a value is missing, negative or no time at all.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if column.null_count:
        raise ValueError("missing time")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, kind = pc.cast(column, pa.timestamp("us")), pa.timestamp("us")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()).to_numpy()
        values, unit = micros / 1e6, "date"
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values, unit = column.to_numpy(), "s"
        size = float(np.median(values)) if len(values) else 0.0
        for name, above, scale in (("ns", 1e17, 1e9), ("us", 1e14, 1e6), ("ms", 1e11, 1e3)):
            if size > above:
                values, unit = values / scale, name
                break
    else:
        raise ValueError(f"{kind} is no time")
    if not (np.isfinite(values).all() and (values >= 0).all() and (values < 2.0**62).all()):
        raise ValueError("time out of range")
    return values, unit


def titles_by_item(items: pa.ChunkedArray, titles: pa.ChunkedArray) -> dict[str, str]:
    """Item token -> its first title, from two parallel columns; items without one are left out."""
    frame = pd.DataFrame({"item": items.to_pandas(), "title": titles.to_pandas()})
    frame = frame[frame["title"].notna() & (frame["title"] != "")].drop_duplicates("item")
    return dict(zip(frame["item"].astype(str), frame["title"].astype(str), strict=True))


def brief(error: BaseException) -> str:
    """The first line of an error's message, or its kind."""
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
