"""The columns of a file by the names that they have there, and what is named among them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from workbench.errors import WorkbenchError

TYPES = ("token", "float", "token_seq", "float_seq")  # that RecBole writes behind a name


@dataclass(frozen=True)
class Columns:
    """Columns of a file by the names they have there, and which of them is what.

    Attributes
    ----------
    path : of the file.
    values : name -> column [n].
    roles : role (user, item, time, title) -> name.
    place : for a row, counted from 0, its place ("line 3") and its fields as written, where these
        are known.
    unused : columns of the file that were not read.
    """

    path: Path
    values: Mapping[str, pa.ChunkedArray]
    roles: Mapping[str, str]
    place: Callable[[int], tuple[str, Mapping[str, str]]]
    unused: Sequence[str] = ()

    def fault(self, row: int, name: str, reason: str) -> WorkbenchError:
        """The error for a value that cannot be read.

        Parameters
        ----------
        row : of the value, counted from 0.
        name : of its column.
        reason : what is wrong, as the end of a sentence.
        """
        where, fields = self.place(row)
        value = fields.get(name, self.values[name][row].as_py())
        written = "" if value is None or value != value else str(value)[:80]
        shown = f" {written!r}" if written.strip() else ""
        return WorkbenchError(f"{self.path}, {where}: {name}{shown} {reason}.")


def bare(name: str) -> str:
    """`user_id` of RecBole's `user_id:token`."""
    start, _, kind = name.rpartition(":")
    return start if kind in TYPES else name


def column_of(name: str, names: Sequence[str], path: Path, option: str) -> str:
    """The column meant by a name, by `#` and a position, or by RecBole's name without its type.

    Parameters
    ----------
    name : what the user wrote.
    names : of the columns.
    path : of the file, for messages.
    option : where the name was written, for messages.

    Raises
    ------
    WorkbenchError
        If there is no such column.
    """
    untyped = {bare(known): known for known in reversed(names)}
    if name in names:
        return name
    if name in untyped:
        return untyped[name]
    if name.startswith("#") and name[1:].isdecimal() and int(name[1:]) < len(names):
        return names[int(name[1:])]
    raise WorkbenchError(
        f"{path}: {option} names the column {name!r}, and there are {', '.join(names)[:200]}; "
        "name one of these."
    )


def check_single(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a file in which several columns have the name of one that is read.

    Parameters
    ----------
    path : of the file, for the message.
    names : of its columns, those that were repeated with `#` and their position behind them or not.
    wanted : names of the columns that are read.

    Raises
    ------
    WorkbenchError
        If one of them stands for several columns.
    """
    for name in wanted:
        if sum(name in (other, other.removesuffix(f"#{k}")) for k, other in enumerate(names)) > 1:
            raise WorkbenchError(f"{path}: two columns are called {name!r}; rename one.")
