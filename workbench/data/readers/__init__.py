"""Readers of interaction files, one module per format, and the choice among them.

A reader has `detect(path, encoding) -> bool` and `read(path, options) -> Interactions`. Every fault
of a file ends in a WorkbenchError of one sentence; nothing in a file is ever executed.
"""

from pathlib import Path

from workbench.data.readers import amazon, movielens, plain, recbole, table, yelp
from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    check_encoding,
    data_suffix,
)
from workbench.data.readers.shape import doubt, refusal, shape
from workbench.errors import WorkbenchError, ways

# the order in which they are tried: the more particular first
FORMATS = {
    "recbole": recbole,
    "movielens": movielens,
    "yelp": yelp,
    "amazon": amazon,
    "table": table,
    "sequences": plain,
}


def read(path: Path, format: str | None, options: Options) -> tuple[Interactions, str]:
    """Read a file or folder; returns its interactions and the name of the format.

    `format` is one of FORMATS, or None to tell by the file. Raises WorkbenchError.
    """
    if format is not None and format not in FORMATS:
        raise WorkbenchError(f"format={format!r} is not known; choose one of {', '.join(FORMATS)}.")
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
    """The format a file or folder is told to be of, or None where it cannot be told.

    Raises WorkbenchError where the file cannot be read at all.
    """
    return next((name for name, reader in FORMATS.items() if reader.detect(path, encoding)), None)


def _detect(path: Path, options: Options) -> str:
    if options.columns and path.is_file() and path.suffix != ".inter":
        return "table"
    name = detect(path, options.encoding)
    if name is None and path.is_file() and data_suffix(path) in table.SUFFIXES:
        return "table"  # whose reader says which column is missing
    if name is None and path.is_file() and data_suffix(path) in plain.SUFFIXES:
        look = shape(path, options.encoding)
        if look is not None and doubt(look) is not None:
            raise WorkbenchError(refusal(path, look))
    if name is None:
        raise WorkbenchError(
            f"{path}: the format cannot be told from the file; name it, one of "
            f"{', '.join(FORMATS)} {ways('?format=...', 'format=...')}, or the columns of a table "
            f"{ways('?user=...&item=...', 'columns=...')}."
        )
    return name
