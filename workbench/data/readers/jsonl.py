"""JSON: one object per line, parsed by Arrow, or else line by line; or one array of objects.

Lines may also be Python literals, `{'asin': 'B1'}`, as in Amazon's metadata of 2014; they are
parsed as data and never run.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json

from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    decoded_lines,
    open_binary,
)
from workbench.data.readers.columns import Columns
from workbench.data.readers.filters import needed
from workbench.data.readers.rows import interactions
from workbench.data.tokens import token
from workbench.errors import WorkbenchError

BLOCK = 16 << 20  # bytes parsed at a time; a line has to fit
HEAD = 100  # objects by which a file is judged
LONGEST = 1 << 20  # characters of a line that is parsed as a Python literal
CHUNK = 5000  # lines searched for fields at a time
FIELD = re.compile(r"""["']([^"'\\]+)["']\s*:""")
LARGEST = 2**63 - 1  # of whole numbers that Arrow has
KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64()}  # whose columns Arrow parses


def head(path: Path, encoding: str = "utf-8") -> list[dict[str, Any]]:
    """The first objects of a file, at least one and at most `HEAD`.

    Raises
    ------
    WorkbenchError
        If there is none.
    """
    if not _is_array(path, encoding):
        return list(islice(objects(path, encoding), HEAD))
    with closing(decoded_lines(path, encoding)) as lines:
        text = "".join(islice(lines, 10_000)).lstrip().removeprefix("[").lstrip()
    decoder = json.JSONDecoder()
    first: list[dict[str, Any]] = []
    try:
        while len(first) < HEAD and text.startswith("{"):
            row, end = decoder.raw_decode(text)
            first.append(row)
            text = text[end:].lstrip().removeprefix(",").lstrip()
    except (ValueError, RecursionError) as error:
        if not first:
            raise _no_object(path, 1, error) from error
    if not first:
        raise _no_object(path, 1)
    return first


def names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Fields of objects, in the order in which they come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def samples(path: Path, encoding: str = "utf-8") -> list[dict[str, Any]]:
    """The first objects, and every later one with a field that none before it has.

    Raises
    ------
    WorkbenchError
        If there is no object, or a line cannot be decoded.
    """
    rows = head(path, encoding)
    known = set(names(rows))
    for row in objects(path, encoding) if _is_array(path, encoding) else _others(path, encoding):
        if not known.issuperset(row):
            known.update(row)
            rows.append(row)
    return rows


def _others(path: Path, encoding: str) -> Iterator[dict[str, Any]]:
    """Objects on lines in which a name comes for the first time, as a field or within one."""
    seen: set[str] = set()
    with closing(decoded_lines(path, encoding)) as lines:
        while chunk := list(islice(lines, CHUNK)):
            if seen.issuperset(FIELD.findall("".join(chunk))):
                continue
            for line in chunk:
                if not seen.issuperset(found := FIELD.findall(line)):
                    seen.update(found)
                    try:
                        row = (_strictly if _is_json(line) else _literal)(line)
                    except (ValueError, SyntaxError, MemoryError, RecursionError):
                        continue  # which is told with its line when it is read
                    if isinstance(row, dict):
                        yield row


def objects(path: Path, encoding: str = "utf-8") -> Iterator[dict[str, Any]]:
    """Yield the objects of a file, one after another.

    Raises
    ------
    WorkbenchError
        If the file is empty or a line holds no object; the message gives the line.
    """
    if _is_array(path, encoding):
        try:
            rows = _strictly("".join(decoded_lines(path, encoding)))
        except TwoFields as error:
            raise WorkbenchError(f"{path}: {error}") from error
        except (ValueError, RecursionError) as error:
            if isinstance(error, WorkbenchError):
                raise
            raise _no_object(path, getattr(error, "lineno", 1), error) from error
        if not all(isinstance(row, dict) for row in rows):
            raise _no_object(path, 1)
        yield from rows
        return
    parse: Callable[[str], Any] | None = None
    for number, line in enumerate(decoded_lines(path, encoding), 1):
        if not line.strip():
            continue
        try:
            parse = parse or (_strictly if _is_json(line) else _literal)
            row = parse(line)
        except TwoFields as error:
            raise WorkbenchError(f"{path}, line {number}: {error}") from error
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise _no_object(path, number, error) from error
        if not isinstance(row, dict):
            raise _no_object(path, number)
        yield row
    if parse is None:
        raise WorkbenchError(f"{path} is empty.")


def read_interactions(
    path: Path,
    roles: Mapping[str, str],
    known: Sequence[str],
    options: Options,
    titles: dict[str, str] | None = None,
) -> Interactions:
    """Read from every object the fields that `roles` names.

    Parameters
    ----------
    path : of the file.
    roles : role (user, item, time, title) -> field.
    known : names of the fields that objects have.
    options : what the user says about the file.
    titles : item token -> title, from another file; None where there are none.

    Raises
    ------
    WorkbenchError
        If a value or an object cannot be read; the message gives its place.
    """
    wanted = list(dict.fromkeys([*roles.values(), *needed(options, known, path)]))

    def place(row: int) -> tuple[str, dict[str, str]]:
        if _is_array(path, options.encoding):
            return f"entry {row + 1}", {}
        lines = enumerate(decoded_lines(path, options.encoding), 1)
        return f"line {next(islice((n for n, line in lines if line.strip()), row, None))}", {}

    try:
        values = _fields(path, wanted, options.encoding)
        unused = [name for name in known if name not in values]
        return interactions(Columns(path, values, roles, place, unused), options, titles)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        raise WorkbenchError(f"{path} cannot be read: {brief(error)}.") from error


def read_titles(path: Path, item: str, title: str, encoding: str) -> list[tuple[str, str]]:
    """Item tokens and titles from a file with one item per line.

    Parameters
    ----------
    path : of the file.
    item, title : fields that hold them.
    encoding : of the text.

    Raises
    ------
    WorkbenchError
        If the file cannot be read.
    """
    table = _fields(path, (item, title), encoding)
    pairs = zip(table[item].to_pylist(), table[title].to_pylist(), strict=True)
    return [(str(token), str(text)) for token, text in pairs if token and text]


def _fields(path: Path, wanted: Sequence[str], encoding: str) -> dict[str, pa.ChunkedArray]:
    """The wanted fields of every object; where their types differ, as text."""
    first = head(path, encoding)[0]
    kinds = {name: KINDS.get(type(first.get(name))) for name in wanted}
    if all(kinds.values()) and encoding == "utf-8" and not _is_array(path, encoding):
        try:
            with open_binary(path) as file:
                table = pa_json.read_json(
                    file,
                    read_options=pa_json.ReadOptions(block_size=BLOCK),
                    parse_options=pa_json.ParseOptions(
                        explicit_schema=pa.schema(list(kinds.items())),
                        unexpected_field_behavior="ignore",
                    ),
                )
            return dict(zip(table.column_names, table.columns, strict=True))
        except PARSE_ERRORS:
            pass  # read by line, which is slower, takes any type, and names the line of a fault
    rows: dict[str, list[Any]] = {name: [] for name in wanted}
    for row in objects(path, encoding):
        for name, values in rows.items():
            values.append(row.get(name))
    return {name: _column(values) for name, values in rows.items()}


def _column(values: list[Any]) -> pa.ChunkedArray:
    kinds = {type(value) for value in values} - {type(None)}
    large = kinds == {int} and any(value is not None and abs(value) > LARGEST for value in values)
    if len(kinds) > 1 or kinds & {bool, dict} or large:
        values = [value if value is None else _text(value) for value in values]
    return pa.chunked_array([pa.array(values)])


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | list | dict) else token(value)


def _is_array(path: Path, encoding: str) -> bool:
    with closing(decoded_lines(path, encoding)) as lines:
        first = next((line for line in lines if line.strip()), "")
    return first.lstrip().startswith("[")


class TwoFields(ValueError):
    """An object with two fields of one name."""


def _is_json(line: str) -> bool:
    try:
        _strictly(line)
    except TwoFields:
        raise
    except ValueError:
        return not line.lstrip().startswith("{'")
    return True


def _strictly(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_named_once)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields have a name each; which of two that share one is meant, none tells."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise TwoFields(f"an object has two fields {twice!r}; give each its own name.")
    return found


def _literal(line: str) -> Any:
    if len(line) > LONGEST:
        raise ValueError("the line is too long")
    return ast.literal_eval(line.strip())


def _no_object(path: Path, number: int, error: BaseException | None = None) -> WorkbenchError:
    reason = "" if error is None else f": {getattr(error, 'msg', brief(error))}"
    return WorkbenchError(
        f"{path}, line {number}: not a JSON object{reason}; one is expected per line, or an array "
        "of them."
    )
