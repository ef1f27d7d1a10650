"""Options behind a name, as in an address: `x.csv?user=who`, `planted:distance?noise=.3`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl, quote_plus, urlencode

from workbench.data.planted_settings import PlantedSettings
from workbench.data.sequences import Duplicates
from workbench.data.times import Dates, Unit
from workbench.data.tokens import Missing
from workbench.errors import WorkbenchError, ways
from workbench.files import expanded

ROLES = ("user", "item", "time", "title")
COUNTS = ("min_user", "min_item")
# option -> what may stand there; anything where this is empty
TEXTS: Mapping[str, tuple[str, ...]] = {
    "format": (),
    "encoding": (),
    "missing": get_args(Missing),
    "unit": get_args(Unit),
    "dates": get_args(Dates),
    "duplicates": get_args(Duplicates),
}
LISTS = ("where",)
KNOWN = (*ROLES, *TEXTS, *LISTS, *COUNTS)
# the end of a clock, and a zone such as +02:00, which no year can be
ZONE = r"(:\d\d(?:\.\d+)?\s?)\+(?=(?:0\d|1[0-4]):?[0-5]\d\b)"
DEFAULTS = asdict(PlantedSettings())
# option of planted data -> the setting that it gives
PLANTED = {name.removeprefix("n_"): name for name in DEFAULTS if name != "rule"}


@dataclass(frozen=True)
class Asked:
    """What an address asks for, under the names that `load_data` has for it; None for nothing.

    Attributes
    ----------
    columns : role (user, item, time, title) -> column of the file; a number is a position from 0.
    format, encoding, missing, unit, dates, where : as in `load_data`.
    min_user, min_item, duplicates : as in `load_data`.
    """

    columns: Mapping[str, str | int] | None = None
    format: str | None = None
    encoding: str | None = None
    missing: Missing | None = None
    unit: Unit | None = None
    dates: Dates | None = None
    where: Sequence[str] | None = None
    min_user: int | None = None
    min_item: int | None = None
    duplicates: Duplicates | None = None

    def given(self) -> dict[str, Any]:
        """The options that the address names, by name."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value is not None}


def join(path: str | Path, **options: str | int | Sequence[str] | None) -> str:
    """The address of a path with options; `split` reads it back.

    Parameters
    ----------
    path : of the file or folder.
    options : roles with their columns (a number is a position, written `#0`), and the other options
        of `load_data`; one that is None is left out.
    """
    written = {
        name: f"#{value}" if name in ROLES and isinstance(value, int) else value
        for name, value in options.items()
        if value is not None
    }
    return f"{path}?{urlencode(written, doseq=True)}" if written else str(path)


def split(source: str) -> tuple[str, Asked]:
    """The path of an address, and its options.

    An address that is itself the path of an existing file, or has no `?`, has no options.

    Raises
    ------
    WorkbenchError
        If an option is not known, is named twice, or does not take the value.
    """
    path, mark, query = source.rpartition("?")
    if not mark or expanded(source).exists():
        return source, Asked()
    columns: dict[str, str | int] = {}
    asked: dict[str, Any] = {}
    for name, value in _named(source, query):
        if name in ROLES:
            position = value[1:] if value.startswith("#") else ""
            columns[name] = int(position) if position.isdecimal() else value
        elif name in COUNTS and value.isdecimal() and value.isascii():
            asked[name] = int(value)
        elif name in COUNTS:
            raise WorkbenchError(f"{source}: {name}={value} must be a whole number, such as 5.")
        elif name in LISTS:
            asked[name] = (*asked.get(name, ()), value)
        elif name in TEXTS and (not TEXTS[name] or value in TEXTS[name]):
            asked[name] = value
        else:
            known = ", ".join(KNOWN)
            if name in TEXTS:
                known += f", where {name} is one of {', '.join(TEXTS[name])}"
            raise WorkbenchError(f"{source}: {name}={value} is no option; known are {known}.")
    return path, Asked(columns or None, **asked)


def where_is(*conditions: str) -> str:
    """How conditions are given, in brackets: behind a path, or in Python."""
    query = "&".join(f"where={quote_plus(text, safe='<>=!:/#,')}" for text in conditions)
    return ways(f"?{query}", f"where={[*conditions]}")


def planting(source: str) -> PlantedSettings | None:
    """What planted data are made with, of an address `planted:RULE?OPTION=VALUE&...`.

    The rule is the default one where it is left out. None if the address names other data.

    Raises
    ------
    WorkbenchError
        If there is no such rule or option, or an option does not take the value.
    """
    named = re.fullmatch(r"planted(?::(?P<rule>[^?]*))?(?:\?(?P<query>.*))?", source)
    if named is None:
        return None
    given: dict[str, Any] = {} if named["rule"] is None else {"rule": named["rule"]}
    for name, value in _named(source, named["query"] or ""):
        if name not in PLANTED:
            raise WorkbenchError(
                f"{source}: {name}={value} is no option of planted data; known are "
                f"{', '.join(PLANTED)}."
            )
        default = DEFAULTS[PLANTED[name]]
        try:
            given[PLANTED[name]] = type(default)(value)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise WorkbenchError(
                f"{source}: {name}={value} must be {kind}, such as {default}."
            ) from None
    try:
        return PlantedSettings(**given)
    except WorkbenchError as error:
        raise WorkbenchError(f"{source}: {str(error).removeprefix('n_')}") from error


def _named(source: str, query: str) -> list[tuple[str, str]]:
    """Options and values of a query, each of them once, but those that may come as a list."""
    # a plus stands for a blank, though not where a zone follows a clock
    pairs = parse_qsl(re.sub(ZONE, r"\1%2B", query), keep_blank_values=True)
    names = [name for name, _ in pairs if name not in LISTS]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise WorkbenchError(f"{source}: {repeated} is given twice; leave one of them out.")
    return pairs
