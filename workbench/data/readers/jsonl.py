"""JSON lines: one object a line, parsed by Arrow; a fault is then looked for line by line."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    brief,
    decoded_lines,
    epoch,
    first_line,
    open_binary,
)
from workbench.data.readers.text import is_time
from workbench.errors import WorkbenchError

BLOCK = 16 << 20  # bytes parsed at a time; a line has to fit


def first_object(path: Path) -> dict[str, Any]:
    """The object on the first line. Raises WorkbenchError when there is none."""
    return _object(path, 1, first_line(path))


def read_interactions(
    path: Path, user: str, item: str, time: str, *, number: bool, titles: dict[str, str] | None
) -> Interactions:
    """Read three fields of every line; `number` says that times are numbers, else dates.

    Raises WorkbenchError with the line of the first fault.
    """
    first_object(path)
    schema = {user: pa.string(), item: pa.string(), time: pa.float64() if number else pa.string()}
    try:
        table = read_fields(path, schema)
        users, items = table[user], table[item]
        for column in (users, items):
            if column.null_count or pc.any(pc.equal(pc.utf8_trim_whitespace(column), "")).as_py():
                raise ValueError("empty token")
        times, unit = epoch(table[time])
    except PARSE_ERRORS as error:
        fault = _find_fault(path, (user, item), time, number)
        raise fault or WorkbenchError(f"{path} cannot be read: {brief(error)}.") from error
    return Interactions(
        users, items, times, titles, unit, {"user": user, "item": item, "time": time}
    )


def read_fields(path: Path, schema: dict[str, pa.DataType]) -> pa.Table:
    """The named fields of every line, as a table; fields not named are skipped."""
    with open_binary(path) as file:
        return pa_json.read_json(
            file,
            read_options=pa_json.ReadOptions(block_size=BLOCK),
            parse_options=pa_json.ParseOptions(
                explicit_schema=pa.schema(list(schema.items())),
                unexpected_field_behavior="ignore",
            ),
        )


def read_titles(path: Path, item: str, title: str) -> dict[str, str]:
    """Item token -> title from a file with one item a line."""
    try:
        table = read_fields(path, {item: pa.string(), title: pa.string()})
    except PARSE_ERRORS as error:
        fault = _find_fault(path, (item,), None, False)
        raise fault or WorkbenchError(f"{path} cannot be read: {brief(error)}.") from error
    pairs = zip(table[item].to_pylist(), table[title].to_pylist(), strict=True)
    return {token: text for token, text in pairs if token and text}


def _find_fault(
    path: Path, tokens: tuple[str, ...], time: str | None, number: bool
) -> WorkbenchError | None:
    try:
        for line_number, line in enumerate(decoded_lines(path, "utf-8"), 1):
            if not line.strip():
                continue
            row = _object(path, line_number, line)
            where = f"{path}, line {line_number}"
            for name in tokens:
                if not isinstance(row.get(name), str) or not row[name].strip():
                    return WorkbenchError(f"{where}: {name} is missing, or is no text.")
            if time is None:
                continue
            value = row.get(time)
            if isinstance(value, bool | list | dict | type(None)) or (
                isinstance(value, str) is number or not is_time(str(value), number)
            ):
                return WorkbenchError(f"{where}: {time} {value!r} is no time.")
    except WorkbenchError as error:
        return error
    return None


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", brief(error))
        raise WorkbenchError(f"{path}, line {number}: not a JSON object: {reason}.") from error
    if not isinstance(row, dict):
        raise WorkbenchError(f"{path}, line {number}: not a JSON object; one is expected per line.")
    return row
