"""What every reader returns, and what every reader needs."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa

from workbench.data.times import Dates, Unit
from workbench.data.tokens import Missing
from workbench.errors import WorkbenchError, ways

BOMS_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
PICKLED = "is a pickle, which could run anything and is never opened; save its table as CSV"
PACKED = "is compressed; unpack it, or pack it with gzip under a name that ends in .gz"
PARQUET, GZIPPED = b"PAR1", b"\x1f\x8b"
# how files that are no text begin -> what is wrong with them, and what to do
NO_TEXT = {
    b"PK\x03\x04": "is an Excel workbook or a zip archive; save its sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "is a workbook of an old Excel; save its sheet as CSV",
    GZIPPED: "is packed by gzip; give it a name that ends in .gz, in small letters",
    PARQUET: "is a Parquet file; give it a name that ends in .parquet",
    b"ARROW1": "is a Feather (Arrow) file; save its table as Parquet or CSV",
    b"FEA1": "is a Feather file; save its table as Parquet or CSV",
    b"SQLite format 3": "is an SQLite database; save its table as CSV",
    b"\x89HDF": "is an HDF5 file; save its table as CSV or Parquet",
    b"\x93NUMPY": "is a NumPy array; save it as CSV",
    b"BZh": PACKED,
    b"\xfd7zXZ": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED,
    **{bytes([0x80, protocol]): PICKLED for protocol in (2, 3, 4, 5)},
}


@dataclass(frozen=True)
class Options:
    """What the user may say about a file.

    Attributes
    ----------
    columns, encoding, missing, unit, dates, where : as in `load_data`.
    without_times : whether times are left out.
    """

    columns: Mapping[str, str | int] | None = None
    encoding: str = "utf-8"
    missing: Missing = "refuse"
    unit: Unit | None = None
    dates: Dates | None = None
    where: Sequence[str] = ()
    without_times: bool = False

    def with_columns(self, columns: Mapping[str, str | int]) -> "Options":
        """The same options with other columns."""
        return replace(self, columns=columns)


@dataclass(frozen=True)
class Interactions:
    """Columns of a file, one row per interaction; titles by item token.

    Attributes
    ----------
    users, items : [n], null where there is none.
    times : [n], seconds since 1970, NaN where there is none; None for data without times.
    titles : item token -> title; None where there are none.
    time_unit : what the times were read as, see `workbench.data.times.Times`.
    columns : role (user, item, time, title) -> the column of the file that was read for it.
    dropped : rows left out, by reason.
    doubts : a sentence for each assumption that was made because the file does not say.
    unused : columns of the file that were not read.
    """

    users: Any
    items: Any
    times: np.ndarray | None
    titles: dict[str, str] | None = None
    time_unit: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    unused: Sequence[str] = ()

    def doubted(self, doubts: Sequence[str]) -> "Interactions":
        """The same interactions with more doubts."""
        return replace(self, doubts=[*self.doubts, *doubts])


PARSE_ERRORS = (OSError, EOFError, ValueError, pa.ArrowException, zlib.error, csv.Error)


def is_gzipped(path: Path) -> bool:
    """Whether a file is packed by gzip, by its name; in small letters, as Arrow has it."""
    return path.suffix == ".gz"


def open_binary(path: Path) -> BinaryIO:
    """The file's bytes, unpacked when its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path)) if is_gzipped(path) else path.open("rb")


def data_suffix(path: Path) -> str:
    """`.csv` of both `x.csv` and `x.csv.gz`."""
    return (path.with_suffix("") if is_gzipped(path) else path).suffix.lower()


def no_text(first: bytes) -> str | None:
    """What a file that begins so is, and what to do with it; None where it may be text."""
    return next((told for begins, told in NO_TEXT.items() if first.startswith(begins)), None)


def check_encoding(encoding: str) -> None:
    """Check that Python knows the encoding and can write text in it.

    Raises
    ------
    WorkbenchError
        If it does not.
    """
    try:
        "".encode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise WorkbenchError(
            f"encoding={encoding!r} is not known; give one such as utf-8, latin-1 or utf-16."
        ) from error


def decoded_lines(path: Path, encoding: str) -> Generator[str, None, None]:
    """Yield the lines of a text file, with their line ends.

    Raises
    ------
    WorkbenchError
        If the encoding is not known, the file is none of text, or a line cannot be decoded or
        unpacked; the message gives its number.
    """
    check_encoding(encoding)
    decoder = codecs.getincrementaldecoder(encoding)()
    number, text = 1, ""
    with open_binary(path) as file:
        for part in count():
            try:
                raw = file.readline()
            except (OSError, EOFError, zlib.error) as error:
                if part == 0 and isinstance(error, gzip.BadGzipFile):
                    raise WorkbenchError(
                        f"{path} is not packed by gzip, as its name says; leave .gz out of it."
                    ) from error
                raise WorkbenchError(
                    f"{path}, line {number}: the compressed file is cut short or damaged; "
                    "obtain it again."
                ) from error
            if part == 0 and is_gzipped(path) and raw.startswith(GZIPPED):
                raise WorkbenchError(f"{path} is packed by gzip twice; unpack it once.")
            if part == 0 and (told := no_text(raw)):
                raise WorkbenchError(f"{path} {told}.")
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
            *lines, text = text.split("\n")
            for line in lines:
                yield f"{line}\n"
            number += len(lines)
            if not raw:
                if text:
                    yield text
                return


def first_line(path: Path, encoding: str = "utf-8") -> str:
    """The first line that is not blank, without its line end.

    Raises
    ------
    WorkbenchError
        If the file is empty.
    """
    with closing(decoded_lines(path, encoding)) as lines:
        first = next(lines, None)
        if first is None:
            raise WorkbenchError(f"{path} is empty.")
        return next((line for line in chain([first], lines) if line.strip()), "").rstrip("\r\n")


def brief(error: BaseException) -> str:
    """The first line of an error's message, or its kind."""
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
