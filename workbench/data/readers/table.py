"""CSV, TSV and Parquet files whose columns the user names, or that bear a usual name."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from workbench.data.readers import plain
from workbench.data.readers.base import (
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    data_suffix,
    first_line,
)
from workbench.data.readers.rows import Columns, filtered, interactions
from workbench.data.readers.shape import guess_delimiter, split
from workbench.data.readers.text import Layout, header_names, read_interactions
from workbench.errors import WorkbenchError, ways

USUAL = {
    "user": ("user", "user_id", "userid", "uid", "reviewerid", "customer_id", "session_id"),
    "item": ("item", "item_id", "itemid", "iid", "parent_asin", "asin", "movieid", "movie_id",
             "product_id", "productid", "business_id"),
    "time": ("time", "timestamp", "unixreviewtime", "date", "datetime"),
    "title": ("title", "item_title", "item_name"),
}  # fmt: skip
REQUIRED = ("user", "item")
SUFFIXES = (".csv", ".tsv", ".tab")  # of text that is nothing but a table


def detect(path: Path, encoding: str) -> bool:
    if not path.is_file():
        return False
    if data_suffix(path) == ".parquet":
        return True
    if data_suffix(path) not in (*SUFFIXES, *plain.SUFFIXES):
        return False
    line = first_line(path, encoding)
    (fields,) = split([line], guess_delimiter(path, line))
    names = {name.strip().lower() for name in fields}
    return all(names & set(USUAL[role]) for role in REQUIRED)


def read(path: Path, options: Options) -> Interactions:
    """Read a table. `options.columns` maps user, item, time and title to columns of the file.

    Roles left out are looked for under their usual names (`user_id`, `item_id`, `timestamp`, ...).
    Positions counted from 0 instead of names say that a text file has no header.
    """
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; name the table in it.")
    if data_suffix(path) == ".parquet":
        return _read_parquet(path, options)
    line = first_line(path, options.encoding)
    delimiter = guess_delimiter(path, line)
    chosen = options.columns or {}
    positions = [value for value in chosen.values() if isinstance(value, int)]
    if positions and len(positions) < len(chosen):
        raise WorkbenchError(f"columns={dict(chosen)} mixes names and positions; use one of them.")
    if positions:
        names = tuple(str(number) for number in range(len(split([line], delimiter)[0])))
        roles = {role: str(position) for role, position in chosen.items()}
        _check(path, roles, names)
    else:
        names = header_names(path, delimiter, quoted=True, encoding=options.encoding)
        roles = choose(path, names, chosen)
    layout = Layout(
        path=path,
        names=names,
        user=roles["user"],
        item=roles["item"],
        time=roles.get("time"),
        title=roles.get("title"),
        delimiter=delimiter,
        quoted=delimiter not in (" ", "::"),
        header=not positions,
        encoding=options.encoding,
    )
    return read_interactions(layout, options)


def column_names(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Names on the first line of a table, or of a Parquet file's schema. Raises WorkbenchError."""
    if data_suffix(path) == ".parquet":
        try:
            return tuple(pq.read_schema(path).names)
        except PARSE_ERRORS as error:
            raise WorkbenchError(f"{path} is no readable Parquet file: {brief(error)}.") from error
    delimiter = guess_delimiter(path, first_line(path, encoding))
    return header_names(path, delimiter, quoted=True, encoding=encoding)


def choose(path: Path, names: Iterable[str], chosen: Mapping[str, str | int]) -> dict[str, str]:
    """Role -> column: what the user says, then the usual names. Raises when one is missing."""
    names = tuple(names)
    roles = usual(names, chosen)
    _check(path, roles, names)
    return roles


def usual(names: Iterable[str], chosen: Mapping[str, str | int]) -> dict[str, str]:
    """Role -> column: what the user says, then the usual names, as far as there are such."""
    names = tuple(names)
    roles = {role: str(name) for role, name in chosen.items()}
    lowered = {name.lower(): name for name in reversed(names)}
    for role, known in USUAL.items():
        found = next((lowered[name] for name in known if name in lowered), None)
        if role not in roles and found is not None and found not in roles.values():
            roles[role] = found
    return roles


def _check(path: Path, roles: Mapping[str, str], names: tuple[str, ...]) -> None:
    for role in sorted({*REQUIRED, *roles}):
        if role not in USUAL:
            raise WorkbenchError(f"columns: {role!r} is none of {', '.join(USUAL)}.")
        if roles.get(role) not in names:
            missing = f"no column {roles[role]!r}" if role in roles else f"no {role} column"
            raise WorkbenchError(
                f"{path}, line 1: {missing} among {', '.join(names)[:200]}; "
                f"name it {ways(f'?{role}=...', f'columns={{{role!r}: ...}}')}."
            )


def _read_parquet(path: Path, options: Options) -> Interactions:
    try:
        schema = pq.read_schema(path)
        repeated = [name for name in schema.names if schema.names.count(name) > 1]
        if repeated:
            raise WorkbenchError(f"{path}: two columns are called {repeated[0]!r}; rename one.")
        roles = choose(path, schema.names, options.columns or {})
        wanted = [*roles.values(), *filtered(options, schema.names, path)]
        table = pq.read_table(path, columns=list(dict.fromkeys(wanted)))
        values = dict(zip(table.column_names, table.columns, strict=True))
        columns = Columns(path, values, roles, lambda row: (f"row {row + 1}", {}))
        return interactions(columns, options)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        raise WorkbenchError(f"{path} is no readable Parquet file: {brief(error)}.") from error
