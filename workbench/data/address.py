"""Options of `load_data` written behind a path, as in an address: `x.csv?user=who&item=what`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args
from urllib.parse import parse_qsl, urlencode

from workbench.data.sequences import Duplicates
from workbench.errors import WorkbenchError

ROLES = ("user", "item", "time", "title")
COUNTS = ("min_user", "min_item")
TEXTS = ("format", "encoding", "duplicates")


@dataclass(frozen=True)
class Asked:
    """What an address asks for; None where it says nothing."""

    columns: Mapping[str, str | int] | None = None
    format: str | None = None
    encoding: str | None = None
    min_user: int | None = None
    min_item: int | None = None
    duplicates: Duplicates | None = None


def join(path: str | Path, **options: str | int | None) -> str:
    """The address of a path with options: roles to columns (a number: a position), and the rest."""
    told = {
        name: f"#{value}" if name in ROLES and isinstance(value, int) else str(value)
        for name, value in options.items()
        if value is not None
    }
    return f"{path}?{urlencode(told)}" if told else str(path)


def split(source: str) -> tuple[str, Asked]:
    """The path of an address, and its options. Raises WorkbenchError for one that is not known."""
    path, mark, query = source.rpartition("?")
    if not mark or Path(source).expanduser().exists():
        return source, Asked()
    columns: dict[str, str | int] = {}
    counts: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in ROLES:
            position = value[1:] if value.startswith("#") else ""
            columns[name] = int(position) if position.isdecimal() else value
        elif name in COUNTS and value.isdecimal():
            counts[name] = int(value)
        elif name in TEXTS and (name != "duplicates" or value in get_args(Duplicates)):
            texts[name] = value
        else:
            known = ", ".join((*ROLES, *COUNTS, *TEXTS))
            raise WorkbenchError(f"{source}: {name}={value} is no option; known are {known}.")
    return path, Asked(
        columns or None,
        format=texts.get("format"),
        encoding=texts.get("encoding"),
        min_user=counts.get("min_user"),
        min_item=counts.get("min_item"),
        duplicates=cast(Duplicates | None, texts.get("duplicates")),
    )
