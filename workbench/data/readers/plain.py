"""Plain sequences: one line per user, `user item item ...`, oldest first, no times.

Blanks separate, or commas, semicolons and bars (`u, i, i`, `u i,i`, `u: i, i`, `u ['i', 'i']`,
`u -> i i`, `u,"i,i"`), in the same way in all lines: what they have in common shows where a user
ends.
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
PAIR = r"^\s*\S+(\s+\S+)?\s*$"  # a user with one item, or none, looks the same either way
SEPARATORS = r"[\s,;|\[\]()]+"
MARK = r"(?:->|=>|[:,;|=])"  # what may stand between a user and the items
# all items in brackets or in quotes, behind the user
ENCLOSED = [
    rf"""^["']?([^\s"'\[({{]+?)["']?(?:\s*{MARK}\s*|\s+){start}([^{start}{end}]*){end}$"""
    for start, end in ((r"\[", r"\]"), (r"\(", r"\)"), (r"\{", r"\}"), ('"', '"'), ("'", "'"))
]
QUOTED = [rf"^{quote}([^{quote}]*){quote}$" for quote in "\"'"]
# a quote around more than one word
OPEN = [
    rf"(^|[\s,;|:(\[]){quote}[^{quote}\s,;|]*[\s,;|][^{quote}]*{quote}([\s,;|)\]]|$)"
    for quote in "\"'"
]
USER = r"""^[\[(]?["']?[^\s,;|:]+["']?\s*[:,;|]?\s*"""  # and what separates it


class Unlike(ValueError):
    """A line that does not say where its user ends, or each of its items.

    Attributes
    ----------
    row : of the line, counted from 0 without blank ones.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


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
        lines = pc.utf8_trim_whitespace(lines)
        lines = lines.filter(pc.not_equal(lines, ""))
        if not len(lines):
            raise WorkbenchError(f"{path} has no interactions.")
        _check_comments(path, lines)
        words = pc.utf8_split_whitespace(_users_apart(_blanks_between(lines)))
        lengths = pc.list_value_length(words).to_numpy()
        _check(lengths >= 2, "a user without items; remove the line")
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        raise _with_line(path, options.encoding, error) from error
    tokens = pc.list_flatten(words).dictionary_encode().unify_dictionaries().combine_chunks()
    names = tokens.dictionary
    for quoted in QUOTED:
        names = pc.replace_substring_regex(names, quoted, r"\1")
    codes = tokens.indices.to_numpy()
    is_user = np.zeros(len(codes), bool)
    is_user[np.concatenate([[0], np.cumsum(lengths)[:-1]])] = True
    users = np.repeat(codes[is_user], lengths - 1)
    columns = (
        pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(indices), names)])
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


def _check(right: np.ndarray | pa.ChunkedArray, reason: str) -> None:
    """Raise `Unlike` for the first line that is not right, if there is one."""
    wrong = np.flatnonzero(~np.asarray(right))
    if len(wrong):
        raise Unlike(int(wrong[0]), reason)


def _blanks_between(lines: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lines with nothing but blanks between the items, and behind the user as in the file."""
    for enclosed in ENCLOSED:
        if pc.all(pc.match_substring_regex(lines, enclosed)).as_py():
            lines = pc.replace_substring_regex(lines, enclosed, r"\1 \2")
    first = re.match(rf"\S+\s+({MARK})\s", lines[0].as_py())
    mark = re.escape(first[1]) if first else ""
    if first and pc.all(pc.match_substring_regex(lines, rf"^\S+\s+{mark}(\s|$)")).as_py():
        lines = pc.replace_substring_regex(lines, rf"\s+{mark}(\s+|$)", " ")
    if pc.any(pc.match_substring_regex(lines, "[\"']")).as_py():
        for quoted in OPEN:
            _check(
                pc.invert(pc.match_substring_regex(lines, quoted)),
                "a quote is closed behind several words; write items without blanks, and without "
                "quotes",
            )
    if not pc.any(pc.match_substring_regex(lines, r"[,;|\[\]()]")).as_py():
        return lines
    punctuated = np.asarray(pc.match_substring_regex(lines, PUNCTUATED))
    if not punctuated.any():
        return lines
    told = punctuated | ~np.asarray(pc.match_substring_regex(lines, PAIR))
    _check(
        ~told | (punctuated == punctuated[told.argmax()]),
        "items are separated otherwise than in the lines before; write all lines alike, with "
        "blanks or with commas",
    )
    items = pc.replace_substring_regex(lines, USER, "")
    several = pc.match_substring_regex(items, r"[^\s,;|]\s+[^\s,;|]")
    _check(
        pc.invert(pc.and_(several, pc.match_substring_regex(items, "[,;|]"))),
        "items are separated by blanks and by more; write one between all items, and none in them",
    )
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(lines, SEPARATORS, " "))


def _users_apart(lines: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lines with a blank behind the user, where a mark in their first words separates it.

    A mark that comes in items too, or before which all have the same, is one of the ids.
    """
    words = pc.utf8_split_whitespace(lines)
    users = pc.list_element(words, 0)
    for mark in ":,;|=":
        ends = np.asarray(pc.ends_with(users, mark))
        if mark == ":" and ends.any():
            _check(
                ends, "the user ends without a colon, unlike others; write it in all lines or none"
            )
            return pc.replace_substring_regex(lines, r"^(\S+):", r"\1")
        if ends.any() or (np.asarray(pc.count_substring(users, mark)) != 1).any():
            continue
        items = pc.unique(pc.list_flatten(pc.list_slice(words, 1)))
        if pc.any(pc.match_substring(items, mark)).as_py():
            continue
        parts = pc.split_pattern(users, mark)
        before, behind = pc.list_element(parts, 0), pc.list_element(parts, 1)
        distinct, known = len(pc.unique(before)), np.asarray(pc.is_in(behind, items)).any()
        apart = distinct == len(lines) and known
        if not apart and (distinct == 1 < len(lines) or (distinct < len(lines) and not known)):
            continue
        _check(
            np.full(len(lines), apart),
            f"{users[0].as_py()!r} may be one id, or a user and an item; write a blank behind the "
            f"user, or ids without {mark!r}",
        )
        return pc.replace_substring(lines, mark, " ", max_replacements=1)
    return lines


def _with_line(path: Path, encoding: str, error: BaseException) -> WorkbenchError:
    """The error with the number of its line, or for the first line that cannot be decoded."""
    try:
        lines = enumerate(decoded_lines(path, encoding), 1)
        # a carriage return alone ends a line as well
        numbers = [n for n, line in lines for part in line.split("\r") if part.strip()]
    except WorkbenchError as fault:
        return fault
    if isinstance(error, Unlike):
        return WorkbenchError(f"{path}, line {numbers[error.row]}: {error}.")
    return WorkbenchError(f"{path} cannot be read: {brief(error)}.")
