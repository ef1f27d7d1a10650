"""Readers of interaction files, one module per format, and the choice among them.

A reader has `detect(path, encoding) -> bool` and `read(path, options) -> Interactions`. Every fault
of a file ends in a WorkbenchError of one sentence; nothing in a file is ever executed.
"""

from pathlib import Path

from workbench.data.readers import amazon, movielens, plain, recbole, records, table, yelp
from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    check_encoding,
    data_suffix,
)
from workbench.data.readers.shape import doubt, refusal, shape
from workbench.errors import WorkbenchError, one_of, ways
from workbench.phrases import listing

PACKED = (".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")

# the order in which they are tried: the more particular first
FORMATS = {
    "recbole": recbole,
    "movielens": movielens,
    "yelp": yelp,
    "amazon": amazon,
    "json": records,
    "table": table,
    "sequences": plain,
}


def read(path: Path, format: str | None, options: Options) -> tuple[Interactions, str]:
    """The interactions of a file or folder, and the name of the format that was read.

    Parameters
    ----------
    path : of the file or folder.
    format : one of FORMATS; None: the file shows it.
    options : what the user says about the file.

    Raises
    ------
    WorkbenchError
        If the format is not known or not shown by the file, or if the file cannot be read.
    """
    if format is not None:
        one_of("format", format, FORMATS)
    check_encoding(options.encoding)
    try:
        if path.is_file() and not path.stat().st_size:
            raise WorkbenchError(f"{path} is empty.")
        name = format or _detect(path, options)
        return FORMATS[name].read(path, options), name
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        raise WorkbenchError(f"{path} cannot be read: {brief(error)}.") from error


def detect(path: Path, encoding: str = "latin-1") -> str | None:
    """The format of a file or folder, or None where the file does not show it.

    Raises
    ------
    WorkbenchError
        If the file cannot be read at all.
    """
    return next((name for name, reader in FORMATS.items() if reader.detect(path, encoding)), None)


def _detect(path: Path, options: Options) -> str:
    is_file = path.is_file()
    if is_file and {path.suffix.lower(), data_suffix(path)} & {*PACKED}:
        raise WorkbenchError(f"{path} is packed; unpack it first, and name the file or the folder.")
    if options.columns and is_file and path.suffix.lower() != ".inter":
        return "json" if records.looks_like(path, options.encoding) else "table"
    name = detect(path, options.encoding)
    if name is None and is_file and data_suffix(path) in table.SUFFIXES:
        return "table"  # whose reader says which column is missing
    if name is None and is_file and data_suffix(path) in records.SUFFIXES:
        return "json"
    if name is None and is_file:
        look = shape(path, options.encoding)
        if look is not None and doubt(look) is not None:
            raise WorkbenchError(refusal(path, look))
    if name is None and not is_file:
        held = sorted(entry.name for entry in path.iterdir() if entry.is_file())
        there = f"; it holds {listing(held, most=3)}" if held else ""
        raise WorkbenchError(
            f"{path} is a folder of no kind that is known; name the file to read{there}."
        )
    if name is None:
        raise WorkbenchError(
            f"{path}: the format cannot be told from the file; name it, one of "
            f"{', '.join(FORMATS)} {ways('?format=...', 'format=...')}, or the columns of a table "
            f"{ways('?user=...&item=...', 'columns=...')}."
        )
    return name
