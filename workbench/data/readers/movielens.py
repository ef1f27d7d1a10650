"""MovieLens as GroupLens publishes it: 100k, 1M (and 10M), and the `latest` releases."""

from collections.abc import Sequence
from pathlib import Path

from workbench.data.readers import text
from workbench.data.readers.base import Interactions, Options, decoded_lines, first_line
from workbench.data.readers.categories import split
from workbench.data.readers.text import Layout
from workbench.data.readers.titles import optional
from workbench.errors import WorkbenchError

RATINGS = ("u.data", "ratings.dat", "ratings.csv")
FIELDS = ("user", "item", "rating", "timestamp")  # of the two that have no header
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)  # of 100k, whose lines end in a 0 or 1 for each


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
    path = _ratings(path)
    if path.name == "ratings.dat":
        layout = Layout(path, FIELDS, "user", "item", "timestamp", delimiter="::", header=False)
        items = path.with_name("movies.dat")
        titles, doubts = optional(items, lambda: _bar_titles(items, "::"))
    elif path.name == "ratings.csv":
        layout = _csv(path, options, "userId", "movieId", "timestamp")
        items = path.with_name("movies.csv")
        titles, doubts = optional(items, lambda: _csv_titles(items, options))
    else:
        layout = Layout(path, FIELDS, "user", "item", "timestamp", header=False)
        items = path.with_name("u.item")
        titles, doubts = optional(items, lambda: _bar_titles(items, "|"))
    return text.read_interactions(layout, options, titles).doubted(doubts)


def categories(path: Path, options: Options) -> dict[str, tuple[str, ...]]:
    """Item token -> its genres; none where the file of titles is not there or has none.

    Raises
    ------
    WorkbenchError
        If that file cannot be read.
    """
    path = _ratings(path)
    if path.name == "ratings.csv":
        file = path.with_name("movies.csv")
        if not file.exists() or "genres" not in text.header_names(
            file, ",", quoted=True, encoding=options.encoding
        ):
            return {}
        layout = _csv(file, options, "title", "movieId", None)
        return split(dict(text.read_titles(layout, "genres")))
    if path.name == "ratings.dat":
        rows = _bar_rows(path.with_name("movies.dat"), "::")
        return split({row[0]: row[2] for row in rows})
    return {row[0]: genres for row in _bar_rows(path.with_name("u.item"), "|")
            if (genres := flagged(row))}  # fmt: skip


def flagged(row: Sequence[str]) -> tuple[str, ...]:
    """The genres of a row of u.item: none where it lacks the fields of 100k."""
    flags = row[5:]
    if len(flags) != len(GENRES):
        return ()
    return tuple(genre for genre, flag in zip(GENRES, flags, strict=True) if flag == "1")


def _ratings(path: Path) -> Path:
    """The file of ratings, which may be in a folder."""
    if not path.is_dir():
        return path
    files = [path / name for name in RATINGS if (path / name).exists()]
    if not files:
        raise WorkbenchError(f"{path} holds none of {', '.join(RATINGS)}.")
    return files[0]


def _csv(path: Path, options: Options, user: str, item: str, time: str | None) -> Layout:
    names = text.header_names(path, ",", quoted=True, encoding=options.encoding)
    for name in (user, item, time):
        if name is not None and name not in names:
            raise WorkbenchError(f"{path}, line 1: no column {name!r} among {', '.join(names)}.")
    return Layout(
        path, names, user, item, time, delimiter=",", quoted=True, encoding=options.encoding
    )


def _csv_titles(path: Path, options: Options) -> list[tuple[str, str]] | None:
    if not path.exists():
        return None
    return text.read_titles(_csv(path, options, "title", "movieId", None), "title")


def _bar_titles(path: Path, separator: str) -> list[tuple[str, str]] | None:
    if not path.exists():
        return None
    return [(row[0], row[1]) for row in _bar_rows(path, separator)]


def _bar_rows(path: Path, separator: str) -> list[list[str]]:
    """The fields of a file whose lines begin `item SEPARATOR title SEPARATOR`; none without it.

    100k and 1M are latin-1, 10M is UTF-8; latin-1 with accents is never valid UTF-8.
    """
    if not path.exists():
        return []
    try:
        lines = list(decoded_lines(path, "utf-8"))
    except WorkbenchError:
        lines = list(decoded_lines(path, "latin-1"))
    rows = []
    for number, line in enumerate(lines, 1):
        fields = line.rstrip("\r\n").split(separator)
        if len(fields) > 2:
            rows.append(fields)
        elif line.strip():
            raise WorkbenchError(f"{path}, line {number}: not item{separator}title{separator}...")
    return rows
