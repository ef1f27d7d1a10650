"""MovieLens as GroupLens publishes it: 100k, 1M (and 10M), and the `latest` releases."""

from pathlib import Path

from workbench.data.readers import text
from workbench.data.readers.base import Interactions, Options, decoded_lines, first_line, optional
from workbench.data.readers.text import Layout
from workbench.errors import WorkbenchError

RATINGS = ("u.data", "ratings.dat", "ratings.csv")
FIELDS = ("user", "item", "rating", "timestamp")  # of the two that have no header


def detect(path: Path, encoding: str) -> bool:
    """Whether a file or folder has the names, and the first line, of a MovieLens release."""
    if path.is_dir():
        return any((path / name).exists() for name in RATINGS)
    if path.name == "ratings.csv":
        return first_line(path, encoding).replace('"', "").startswith("userId,movieId")
    if path.name == "ratings.dat":
        return "::" in first_line(path, encoding)
    return path.name in RATINGS


def read(path: Path, options: Options) -> Interactions:
    """Read `u.data`, `ratings.dat` or `ratings.csv`, or the one in a folder, with its titles.

    Raises
    ------
    WorkbenchError
        If columns are named, which are fixed, if a folder has none of these files, or if a line
        cannot be read.
    """
    if options.columns:
        raise WorkbenchError("MovieLens files have fixed columns; leave columns out.")
    if path.is_dir():
        files = [path / name for name in RATINGS if (path / name).exists()]
        if not files:
            raise WorkbenchError(f"{path} holds none of {', '.join(RATINGS)}.")
        path = files[0]
    if path.name == "ratings.dat":
        layout = Layout(path, FIELDS, "user", "item", "timestamp", delimiter="::", header=False)
        titles, doubts = optional(lambda: _bar_titles(path.with_name("movies.dat"), "::"))
    elif path.name == "ratings.csv":
        layout = _csv(path, options, "userId", "movieId", "timestamp")
        titles, doubts = optional(lambda: _csv_titles(path.with_name("movies.csv"), options))
    else:
        layout = Layout(path, FIELDS, "user", "item", "timestamp", header=False)
        titles, doubts = optional(lambda: _bar_titles(path.with_name("u.item"), "|"))
    return text.read_interactions(layout, options, titles).doubted(doubts)


def _csv(path: Path, options: Options, user: str, item: str, time: str | None) -> Layout:
    names = text.header_names(path, ",", quoted=True, encoding=options.encoding)
    for name in (user, item, time):
        if name is not None and name not in names:
            raise WorkbenchError(f"{path}, line 1: no column {name!r} among {', '.join(names)}.")
    return Layout(
        path, names, user, item, time, delimiter=",", quoted=True, encoding=options.encoding
    )


def _csv_titles(path: Path, options: Options) -> dict[str, str] | None:
    if not path.exists():
        return None
    return text.read_titles(_csv(path, options, "title", "movieId", None), "title")


def _bar_titles(path: Path, separator: str) -> dict[str, str] | None:
    """Titles of a file whose lines begin `item SEPARATOR title SEPARATOR`.

    100k and 1M are latin-1, 10M is UTF-8; latin-1 with accents is never valid UTF-8.
    """
    if not path.exists():
        return None
    try:
        lines = list(decoded_lines(path, "utf-8"))
    except WorkbenchError:
        lines = list(decoded_lines(path, "latin-1"))
    titles = {}
    for number, line in enumerate(lines, 1):
        fields = line.rstrip("\r\n").split(separator)
        if len(fields) > 2:
            titles[fields[0]] = fields[1]
        elif line.strip():
            raise WorkbenchError(f"{path}, line {number}: not item{separator}title{separator}...")
    return titles
