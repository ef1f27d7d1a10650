"""Plain sequences: a line per user, `user item item ...`, oldest first, no times."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    data_suffix,
    decoded_lines,
    first_line,
)
from workbench.data.readers.text import BLOCK
from workbench.errors import WorkbenchError


def detect(path: Path) -> bool:
    if not path.is_file() or data_suffix(path) not in (".txt", ".dat", ".seq"):
        return False
    return len(first_line(path, "latin-1").split()) > 1


def read(path: Path, options: Options) -> Interactions:
    """Read a file of sequences. A user on several lines goes on where the line before ended."""
    if options.columns:
        raise WorkbenchError(f"{path}: sequences have no columns; leave columns out.")
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; name the file of sequences in it.")
    first_line(path, options.encoding)
    try:
        # one column: the separator is a character that does not come in text
        lines = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(
                column_names=["line"], encoding=options.encoding, block_size=BLOCK
            ),
            parse_options=pa_csv.ParseOptions(delimiter="\x01", quote_char=False),
            convert_options=pa_csv.ConvertOptions(column_types={"line": pa.string()}),
        )["line"]
        words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
        lengths = pc.list_value_length(words).to_numpy()
        if not len(lengths):
            raise WorkbenchError(f"{path} has no interactions.")
        if (lengths < 2).any():
            raise ValueError("a user without items")
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        fault = _find_fault(path, options.encoding)
        raise fault or WorkbenchError(f"{path} cannot be read: {brief(error)}.") from error
    tokens = pc.list_flatten(words).dictionary_encode().unify_dictionaries().combine_chunks()
    codes = tokens.indices.to_numpy()
    is_user = np.zeros(len(codes), bool)
    is_user[np.concatenate([[0], np.cumsum(lengths)[:-1]])] = True
    users = np.repeat(codes[is_user], lengths - 1)
    columns = (
        pa.DictionaryArray.from_arrays(pa.array(indices), tokens.dictionary)
        for indices in (users, codes[~is_user])
    )
    return Interactions(next(columns), next(columns), None)


def _find_fault(path: Path, encoding: str) -> WorkbenchError | None:
    try:
        for number, line in enumerate(decoded_lines(path, encoding), 1):
            if len(line.split()) == 1:
                return WorkbenchError(f"{path}, line {number}: a user without items.")
    except WorkbenchError as error:
        return error
    return None
