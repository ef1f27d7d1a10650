"""JSON objects with fields of any names: one per line, or in an array."""

from pathlib import Path

from workbench.data.readers import jsonl
from workbench.data.readers.base import Interactions, Options, data_suffix
from workbench.data.readers.roles import choose, is_table
from workbench.errors import WorkbenchError

SUFFIXES = (".json", ".jsonl", ".ndjson")


def detect(path: Path, encoding: str) -> bool:
    """Whether a file holds JSON objects with usual names for users and items."""
    return looks_like(path, encoding) and is_table(jsonl.names(jsonl.head(path, encoding)))


def looks_like(path: Path, encoding: str) -> bool:
    """Whether a file holds JSON objects, whatever their fields."""
    if not path.is_file() or data_suffix(path) == ".parquet":
        return False
    try:
        return bool(jsonl.head(path, encoding))
    except WorkbenchError:
        return False


def read(path: Path, options: Options) -> Interactions:
    """Read objects whose fields `options.columns` names, or that have usual names.

    Raises
    ------
    WorkbenchError
        If the path is a folder, if the whole is one object, if a field is missing, or if an object
        cannot be read.
    """
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; name the file in it.")
    objects = jsonl.samples(path, options.encoding)
    if len(objects) == 1 and not options.columns and not is_table(objects[0]):
        raise WorkbenchError(
            f"{path} holds one object, which is no interaction by its fields; write an object for "
            "each interaction, or a line `user item item` for each user."
        )
    names = jsonl.names(objects)
    roles, doubts = choose(
        path,
        names,
        options,
        lambda name: [row[name] for row in objects if row.get(name) is not None],
    )
    return jsonl.read_interactions(path, roles, names, options).doubted(doubts)
