"""Plain sequences: one line per user, `user item item ...`, oldest first, no times.

Blanks separate, or commas, semicolons and bars (`u, i, i`, `u i,i`, `u: i, i`, `u ['i', 'i']`), in
the same way in all lines.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from workbench.data.readers import rows
from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    data_suffix,
    decoded_lines,
    first_line,
)
from workbench.data.readers.shape import is_sequences, shape
from workbench.data.readers.text import BLOCK
from workbench.errors import WorkbenchError

SUFFIXES = (".txt", ".dat", ".seq")
# a line with more than blanks between its items; the same in the syntax of Arrow and of Python
PUNCTUATED = r"[,;](\s|$)|[\s,][\[(]|[\])]\s*$|^\s*\S+\s+[^\s,;|]+[,;|]\S*\s*$|^[^\s,;|]+[,;|]\S*$"
ROLES = {"user": "user", "item": "item"}
PAIR = r"^\s*\S+\s+\S+\s*$"  # a user with one item looks the same either way
SEPARATORS = r"""['"]?[\s,;|\[\]()]+['"]?"""


def detect(path: Path, encoding: str) -> bool:
    """Whether lines are surely sequences; the answer is no for a file that may be a table."""
    if not path.is_file() or data_suffix(path) not in SUFFIXES:
        return False
    look = shape(path, encoding)
    return look is not None and is_sequences(look)


def read(path: Path, options: Options) -> Interactions:
    """Read a file of sequences; a user on several lines continues where the line before ended.

    Raises
    ------
    WorkbenchError
        If columns are named, if the path is a folder, if lines are separated in different ways, if
        a user has no items, or if there is nothing to read.
    """
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
        _check_comments(path, lines)
        words = _words(lines)
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
        pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(indices), tokens.dictionary)])
        for indices in (users, codes[~is_user])
    )
    values = dict(zip(ROLES, columns, strict=True))

    def place(row: int) -> tuple[str, dict[str, str]]:
        line = int(np.searchsorted(np.cumsum(lengths - 1), row, side="right"))
        return f"sequence {line + 1}", {}

    return rows.interactions(rows.Columns(path, values, ROLES, place), options)


def _check_comments(path: Path, lines: pa.ChunkedArray) -> None:
    """Refuse lines that begin as a comment does where others do not: who made them means which."""
    marked = pc.starts_with(pc.utf8_ltrim_whitespace(lines), "#")
    if pc.any(marked).as_py() and not pc.all(marked).as_py():
        raise WorkbenchError(
            f"{path}: sequence {pc.index(marked, True).as_py() + 1} begins with # as a comment "
            "does, and others do not; remove what is no sequence."
        )


def _words(lines: pa.ChunkedArray) -> pa.ChunkedArray:
    """The user and the items of each line.

    Raises
    ------
    ValueError
        If lines are not separated in the same way.
    """
    marked = pc.any(pc.match_substring_regex(lines, r"[,;|\[\]()]")).as_py()
    punctuated = pc.match_substring_regex(lines, PUNCTUATED) if marked else None
    if punctuated is not None and pc.any(punctuated).as_py():
        pairs = pc.match_substring_regex(lines, PAIR)
        if not pc.all(pc.or_(punctuated, pairs)).as_py():
            raise ValueError("lines are not alike")
        lines = pc.replace_substring_regex(lines, SEPARATORS, " ")
    words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
    users = pc.list_element(words, 0)
    if pc.all(pc.ends_with(users, ":")).as_py():
        colon = pc.replace_substring_regex(pc.utf8_trim_whitespace(lines), r"^(\S+):", r"\1")
        words = pc.utf8_split_whitespace(colon)
    return words


def _find_fault(path: Path, encoding: str) -> WorkbenchError | None:
    punctuated = None
    try:
        for number, line in enumerate(decoded_lines(path, encoding), 1):
            if not line.strip():
                continue
            line = line.rstrip("\r\n")
            before = punctuated
            if re.search(PUNCTUATED, line) or not re.search(PAIR, line):
                punctuated = bool(re.search(PUNCTUATED, line))
            if before not in (None, punctuated):
                return WorkbenchError(
                    f"{path}, line {number}: items are separated otherwise than in the lines "
                    "before; write all lines alike, with blanks or with commas."
                )
            separated = re.sub(SEPARATORS, " ", line) if punctuated else line
            if len(separated.split()) < 2:
                return WorkbenchError(
                    f"{path}, line {number}: a user without items; remove the line."
                )
    except WorkbenchError as error:
        return error
    return None
