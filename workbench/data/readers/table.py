"""CSV, TSV and Parquet files whose columns the user names, or that have usual names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.dataset as pa_dataset

from workbench.data.readers import plain
from workbench.data.readers.base import (
    PARQUET,
    PARSE_ERRORS,
    Interactions,
    Options,
    brief,
    data_suffix,
    first_line,
    no_text,
)
from workbench.data.readers.columns import Columns, check_single
from workbench.data.readers.filters import needed
from workbench.data.readers.roles import choose, is_table
from workbench.data.readers.rows import interactions
from workbench.data.readers.shape import Shape, guess_delimiter, shape, split
from workbench.data.readers.text import Layout, header_names, read_interactions
from workbench.data.tokens import is_text
from workbench.errors import WorkbenchError, ways
from workbench.phrases import listing

SUFFIXES = (".csv", ".tsv", ".tab")  # of text that is nothing but a table
SAMPLE = 1000  # rows by which columns are judged


def detect(path: Path, encoding: str) -> bool:
    """Whether a file or folder is Parquet, or text whose first line has usual names."""
    if path.is_dir():
        return bool(_parquet_files(path))
    if data_suffix(path) == ".parquet":
        return True
    if data_suffix(path) not in (*SUFFIXES, *plain.SUFFIXES):
        return False
    line = first_line(path, encoding)
    return is_table(split([line], guess_delimiter(path, line))[0])


def read(path: Path, options: Options) -> Interactions:
    """Read a table.

    `options.columns` maps user, item, time and title to columns of the file. Roles left out are
    looked for under their usual names (`user_id`, `item_id`, `timestamp`, ...). Positions counted
    from 0 stand for columns, whether a text file has a header or not; where it has none, these are
    called `#0`, `#1`, ....

    Raises
    ------
    WorkbenchError
        If the file is empty, if names and positions are mixed, if a comment stands in place of the
        names, if a column is missing, or if a line cannot be read.
    """
    if path.is_dir() or data_suffix(path) == ".parquet":
        return _read_parquet(path, options)
    look = shape(path, options.encoding, sample=SAMPLE)
    if look is None:
        raise WorkbenchError(f"{path} is empty.")
    chosen = options.columns or {}
    positions = [value for value in chosen.values() if isinstance(value, int)]
    if positions and len(positions) < len(chosen):
        raise WorkbenchError(f"columns={dict(chosen)} mixes names and positions; use one of them.")
    if any(place < 0 for place in positions):
        raise WorkbenchError(f"columns={dict(chosen)}: positions are counted from 0, at the left.")
    header = not positions or look.header or is_table(look.rows[0])
    if header:
        names = header_names(path, look.delimiter, quoted=True, encoding=options.encoding)
    else:
        names = tuple(f"#{place}" for place in range(look.width))
    if header and look.rows[0][0].startswith("#") and not is_table(names):
        raise WorkbenchError(
            f"{path}, line 1: a comment stands where columns are named; remove it."
        )
    rows = [row for row in look.rows[int(header) :] if len(row) == len(names)]
    roles, doubts = choose(
        path,
        names,
        options,
        lambda name: [row[names.index(name)] for row in rows],
        where=", line 1",
        headerless=look.by_position if not look.header and look.alike else None,
    )
    if not header and (heading := _like_a_header(look, names, roles)):
        doubts = [*doubts, f"{path}, line 1: {heading}."]
    if not positions:
        check_single(path, names, [*roles.values(), *needed(options, names, path)])
    layout = Layout(
        path=path,
        names=names,
        user=roles["user"],
        item=roles["item"],
        time=roles.get("time"),
        title=roles.get("title"),
        delimiter=look.delimiter,
        quoted=look.delimiter not in (" ", "::"),
        header=header,
        encoding=options.encoding,
    )
    return read_interactions(layout, options).doubted(doubts)


def _like_a_header(look: Shape, names: Sequence[str], roles: Mapping[str, str]) -> str | None:
    """What shows that the first row names columns of text: words that do not come again."""
    first, *others = look.rows
    places = {role: names.index(name) for role, name in roles.items()}
    words = {role: first[at].strip() for role, at in places.items()}
    if not others or not all(word and not re.search(r"\d", word) for word in words.values()):
        return None
    if any(
        len(row) > at and row[at].strip() == words[role]
        for role, at in places.items()
        for row in others
    ):
        return None
    said = ways(f"?{urlencode(words)}", f"columns={words}")
    return (
        f"{listing([repr(word) for word in words.values()])} were read as a row, and do not come "
        f"again; if they name the columns, say so {said}"
    )


def column_names(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Names on the first line of a table, or of a Parquet file's schema.

    Raises
    ------
    WorkbenchError
        If the file cannot be read or no column has a name.
    """
    if data_suffix(path) == ".parquet":
        return tuple(_dataset(path).schema.names)
    delimiter = guess_delimiter(path, first_line(path, encoding))
    return header_names(path, delimiter, quoted=True, encoding=encoding)


def _parquet_files(folder: Path) -> list[str]:
    """Parquet files of a folder as Spark and Hive write it, except those they keep for themselves.

    The names of these begin with `_` or `.`.
    """
    return sorted(
        str(file)
        for file in folder.rglob("*.parquet")
        if file.is_file() and not any(part[0] in "._" for part in file.relative_to(folder).parts)
    )


def _text_tables(folder: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_file() and entry.name[0] not in "._" and data_suffix(entry) in SUFFIXES
    )


def _dataset(path: Path) -> pa_dataset.Dataset:
    files = _parquet_files(path) if path.is_dir() else [str(path)]
    others = _text_tables(path) if path.is_dir() else []
    if files and others:
        raise WorkbenchError(
            f"{path} holds Parquet files and {listing(others, most=3)}, of which it does not say "
            "what is meant; name one file, or a folder with the Parquet files alone."
        )
    if not files:
        raise WorkbenchError(f"{path} is a folder without Parquet files; name the table in it.")
    # what names of folders say is text, so that user=007 keeps its zeros
    parts = (part.partition("=") for file in files for part in Path(file).parts[:-1])
    keys = dict.fromkeys(key for key, sign, _ in parts if sign)
    folders = pa.schema([(key, pa.string()) for key in keys])
    try:
        hive = pa_dataset.partitioning(folders, flavor="hive")
        each = pa_dataset.dataset(files, schema=folders, format="parquet").get_fragments()
        whole = _whole_schema(path, [part.physical_schema for part in each], folders)
        return pa_dataset.dataset(files, schema=whole, format="parquet", partitioning=hive)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        with Path(files[0]).open("rb") as file:
            first = file.read(16)
        if not first.startswith(PARQUET):
            by_name = "is no Parquet file, whatever its name says; give it one that says its kind"
            told = no_text(first) or by_name
            raise WorkbenchError(f"{files[0]} {told}.") from error
        raise WorkbenchError(f"{path} is no readable Parquet file: {brief(error)}.") from error


def _whole_schema(path: Path, parts: Sequence[pa.Schema], folders: pa.Schema) -> pa.Schema:
    """The columns of all files, and what the names of folders say.

    Raises
    ------
    WorkbenchError
        If files hold a column in types of which none holds all.
    """
    kinds: dict[tuple[str, int], list[pa.DataType]] = {}
    for part in parts:
        for place, (name, kind) in enumerate(zip(part.names, part.types, strict=True)):
            again = part.names[:place].count(name)  # a file may have several of one name
            of_name = kinds.setdefault((name, again), [])
            of_name += [kind] if kind not in of_name else []
    columns = []
    for (name, _), several in kinds.items():
        one = _one_kind(several)
        if one is None:
            raise WorkbenchError(
                f"{path}: its files hold {name} as {listing([str(kind) for kind in several])}; "
                "write it in one type, or name one of the files."
            )
        columns += [(name, one)] if name not in folders.names else []
    return pa.schema([*columns, *folders])


def _one_kind(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """A type for values of all of these: text for ids that are numbers in some files only."""
    try:
        schemas = [pa.schema([("", kind)]) for kind in kinds]
        return pa.unify_schemas(schemas, promote_options="permissive").types[0]
    except pa.ArrowTypeError:
        values = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
        numbers = (pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in values)
        plain = (number or is_text(kind) for number, kind in zip(numbers, values, strict=True))
        return pa.string() if all(plain) else None


def _read_parquet(path: Path, options: Options) -> Interactions:
    dataset = _dataset(path)
    names = dataset.schema.names
    try:
        head = dataset.head(SAMPLE)
        roles, doubts = choose(path, names, options, lambda name: head[name].to_pylist())
        wanted = [*roles.values(), *needed(options, names, path)]
        check_single(path, names, wanted)
        table = dataset.to_table(columns=list(dict.fromkeys(wanted)))
        values = dict(zip(table.column_names, table.columns, strict=True))
        unused = [name for name in names if name not in values]
        columns = Columns(path, values, roles, lambda row: (f"row {row + 1}", {}), unused)
        return interactions(columns, options).doubted(doubts)
    except WorkbenchError:
        raise
    except PARSE_ERRORS as error:
        raise WorkbenchError(f"{path} is no readable Parquet file: {brief(error)}.") from error
