"""Whether a text file is a table or sequences, and which columns look like times, by its lines."""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from workbench.data.readers.base import data_suffix, decoded_lines
from workbench.data.times import looks_like_time
from workbench.errors import ways

SAMPLE = 20_000  # lines looked at
JUDGED = 1_000  # values of a column looked at
ALIKE = 0.9  # share of lines with as many fields as most, from which on a file may be a table
CLOCK = re.compile(r"(\d{4}-\d\d-\d\d)\s(\d\d:\d\d)")
NUMBER = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Shape:
    """The first lines of a text file, split into fields; blank lines are left out.

    Attributes
    ----------
    delimiter : one character, `::`, or a blank for any run of blanks.
    rows : fields of each line.
    width : how many fields most lines have.
    alike : whether so many lines have this width that the file may be a table, see `ALIKE`.
    """

    delimiter: str
    rows: list[list[str]]
    width: int
    alike: bool

    @property
    def header(self) -> bool:
        """Whether the first line names columns: words above a column of numbers or times."""
        first, *others = self.rows
        return len(first) == self.width and any(
            not (NUMBER.fullmatch(first[column]) or _times([first[column]]))
            and (_times(values) or all(map(NUMBER.fullmatch, values)))
            for column in range(self.width)
            if (values := [row[column] for row in others if len(row) == self.width])
        )

    @property
    def times(self) -> list[int]:
        """Columns that look like times, without looking at a header."""
        rows = self.rows[int(self.header) :]
        return [
            column
            for column in range(self.width)
            if _times([row[column] for row in rows if len(row) == self.width])
        ]

    @property
    def recurring(self) -> bool:
        """Whether a first field comes in several lines, as users of a table do."""
        return len({row[0] for row in self.rows}) < len(self.rows)

    @property
    def by_position(self) -> str:
        """How to name the columns of a table without header, judged by their values."""
        time = next(iter(self.times), None)
        user = 1 if time == 0 else 0
        others = [column for column in range(self.width) if column not in (time, user)]
        ids = [k for k in others if not all("." in row[k] for row in self.rows if len(row) > k)]
        item = next(iter(ids or others), 1)
        chosen = {"user": user, "item": item} | ({} if time is None else {"time": time})
        query = "&".join(f"{role}=#{column}" for role, column in chosen.items())
        return ways(f"?{query}", f"columns={chosen}")


def shape(path: Path, encoding: str, *, sample: int = SAMPLE) -> Shape | None:
    """The look of the first lines of a text file; None where it has no line.

    Parameters
    ----------
    path : of the file.
    encoding : of its text.
    sample : lines to look at.

    Raises
    ------
    WorkbenchError
        If a line cannot be decoded.
    """
    with closing(decoded_lines(path, encoding)) as lines:
        texts = list(islice((line.rstrip("\r\n") for line in lines if line.strip()), sample))
    if not texts:
        return None
    delimiter = guess_delimiter(path, texts[0])
    rows = split(texts, delimiter)
    width, common = Counter(map(len, rows)).most_common(1)[0]
    return Shape(delimiter, rows, width, common >= ALIKE * len(rows))


def guess_delimiter(path: Path, line: str) -> str:
    """The separator of a line, guessed.

    It is a tab in .tsv files; else the most frequent one of comma, tab, semicolon and bar; else two
    colons; else blanks; else a comma.
    """
    if data_suffix(path) in (".tsv", ".tab"):
        return "\t"
    delimiter = max((",", "\t", ";", "|"), key=line.count)
    if delimiter in line:
        return delimiter
    return "::" if "::" in line else " " if len(line.split()) > 1 else ","


def split(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """Fields of each line; quotes hold a field together, except between blanks or two colons."""
    if delimiter == " ":
        return [blank_fields(line) for line in lines]
    if delimiter == "::":
        return [line.split("::") for line in lines]
    try:
        return [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    except csv.Error:
        return [line.split(delimiter) for line in lines]


def blank_fields(line: str) -> list[str]:
    """Fields between blanks; a date and the time of day after it are one field."""
    return CLOCK.sub(r"\1T\2", line).split()


def _times(values: list[str]) -> bool:
    return looks_like_time(pa.array(values[:JUDGED], pa.string()))


def is_sequences(look: Shape) -> bool:
    """Whether every line is surely the sequence of one user: `user item item ...`."""
    marked = look.rows[0][0].lstrip().startswith(("{", "[{", "<")) if look.rows[0] else True
    return look.width > 1 and not marked and doubt(look) is None


def doubt(look: Shape) -> str | None:
    """What speaks against sequences, or None; pairs are the same data read either way."""
    if not look.alike or look.width < 2:
        return None
    if look.header:
        return "below a header"
    if look.times:
        return f"with times in column #{look.times[0]}"
    if look.width > 2 and look.recurring:
        return "that begin alike"
    return None


def refusal(path: Path, look: Shape) -> str:
    """One sentence on lines that may be a table, with both ways to read them."""
    reading = ways("?user=...&item=...", "columns=...") if look.header else look.by_position
    plainly = ways("?format=sequences", "format='sequences'")
    return (
        f"{path}: lines of {look.width} fields {doubt(look)} look like a table and not like "
        f"sequences; say which columns hold what {reading}, or that every line is a user's "
        f"sequence {plainly}."
    )
