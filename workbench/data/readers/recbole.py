"""RecBole's atomic files: tab-separated, each column headed `name:type`."""

from pathlib import Path

from workbench.data.readers.base import Interactions, Options
from workbench.data.readers.text import Layout, header_names, read_interactions, read_titles
from workbench.errors import WorkbenchError, ways

DEFAULTS = {"user": "user_id", "item": "item_id", "time": "timestamp"}
TITLE_NAMES = ("title", "name", "movie_title", "item_name")
TYPES = ("token", "float", "token_seq", "float_seq")


def detect(path: Path, encoding: str) -> bool:
    return path.suffix == ".inter" or (path.is_dir() and any(path.glob("*.inter")))


def read(path: Path, options: Options) -> Interactions:
    """Read a `.inter` file, or the one in a folder, with titles from the `.item` file beside it.

    Columns are `user_id`, `item_id` and, when there, `timestamp`, unless `options.columns` names
    others.
    """
    file = _inter_file(path)
    fields = _fields(file, options)
    chosen = {**DEFAULTS, **(options.columns or {})}
    for role in ("user", "item"):
        if chosen[role] not in fields:
            raise WorkbenchError(
                f"{file}, line 1: no column {chosen[role]!r} among {', '.join(fields)}; "
                f"name it {ways(f'?{role}=...', f'columns={{{role!r}: ...}}')}."
            )
    time = fields.get(str(chosen["time"]))
    if time is None and "time" in (options.columns or {}):
        raise WorkbenchError(
            f"{file}, line 1: no column {chosen['time']!r} among {', '.join(fields)}."
        )
    layout = Layout(
        path=file,
        names=tuple(fields.values()),
        user=fields[str(chosen["user"])],
        item=fields[str(chosen["item"])],
        time=time,
        encoding=options.encoding,
    )
    return read_interactions(layout, options, _titles(file.with_suffix(".item"), options))


def _inter_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    same_name = path / f"{path.resolve().name}.inter"
    found = [same_name] if same_name.exists() else sorted(path.glob("*.inter"))
    if len(found) != 1:
        raise WorkbenchError(
            f"{path} holds {len(found)} .inter files; name the one to read"
            + (f", for instance {found[0]}." if found else ".")
        )
    return found[0]


def _fields(file: Path, options: Options) -> dict[str, str]:
    """Field name -> the column's whole heading, `name:type`."""
    fields: dict[str, str] = {}
    for heading in header_names(file, "\t", quoted=False, encoding=options.encoding):
        name, colon, kind = heading.rpartition(":")
        if not colon or kind not in TYPES:
            raise WorkbenchError(
                f"{file}, line 1: heading {heading!r} is not name:type with a type among "
                f"{', '.join(TYPES)}."
            )
        if name in fields:
            raise WorkbenchError(f"{file}, line 1: two columns are called {name!r}; rename one.")
        fields[name] = heading
    return fields


def _titles(file: Path, options: Options) -> dict[str, str] | None:
    chosen = options.columns or {}
    if not file.exists():
        if "title" in chosen:
            raise WorkbenchError(f"{file} does not exist, so there is no {chosen['title']!r}.")
        return None
    fields = _fields(file, options)
    wanted = [str(chosen["title"])] if "title" in chosen else list(TITLE_NAMES)
    title = next((name for name in wanted if name in fields), None)
    item = str(chosen.get("item", DEFAULTS["item"]))
    if "title" in chosen and title is None:
        raise WorkbenchError(f"{file}, line 1: no column {wanted[0]!r} among {', '.join(fields)}.")
    if title is None or item not in fields:
        return None
    layout = Layout(
        path=file,
        names=tuple(fields.values()),
        user=fields[item],
        item=fields[item],
        encoding=options.encoding,
    )
    # RecBole's ml-100k keeps the year of "Toy Story (1995)" in a column of its own
    return read_titles(layout, fields[title], fields.get("release_year"))
