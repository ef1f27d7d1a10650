"""Histories out of rows that hold a list of items and the item after it each (RecBole's splits)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import WorkbenchError


@dataclass(frozen=True)
class Joined:
    """Histories out of rows of lists.

    Attributes
    ----------
    histories : user -> items, oldest first.
    left_out : how many rows tell nothing that others of the user do not.
    alike : how many rows are as another of the user, and were read as one item more.
    """

    histories: dict[str, list[str]]
    left_out: int
    alike: int


def joined(path: Path, rows: Iterable[tuple[str, list[str], str]]) -> Joined:
    """Every user's history, from rows of user, items before and item, in any order.

    Rows of one user repeat each other's items; where long lists were cut, they overlap.

    Parameters
    ----------
    path : of the file or folder, for messages.
    rows : user, items before, item.

    Raises
    ------
    WorkbenchError
        If the rows of a user do not belong to a single history.
    """
    histories, left_out, alike = {}, 0, 0
    for user, parts in _by_user(rows).items():
        history = _history(parts)
        if history is None:
            raise WorkbenchError(
                f"{path}: the lists of user {user!r} are not parts of one history; write a row per "
                "interaction, with its time, instead of lists."
            )
        histories[user] = history[0]
        left_out += history[1]
        alike += history[2]
    return Joined(histories, left_out, alike)


def grow(rows: Iterable[tuple[str, list[str], str]]) -> bool:
    """Whether lists are the items before: they grow to one history, and some begin with items.

    Parameters
    ----------
    rows : user, list and item, some of a file; more than half of the users with several rows
        decide.
    """
    several = [parts for parts in _by_user(rows).values() if len(parts) > 1]
    fitting = [
        parts
        for parts in several
        if (history := _history(parts)) is not None and len(history[0]) > min(map(len, parts))
    ]
    begun = any(min(map(len, parts)) > 1 for parts in fitting)
    return begun and 2 * len(fitting) > len(several)


def _by_user(rows: Iterable[tuple[str, list[str], str]]) -> dict[str, list[list[str]]]:
    parts: dict[str, list[list[str]]] = {}
    for user, before, item in rows:
        parts.setdefault(user, []).append([*before, item])
    return parts


def _history(parts: list[list[str]]) -> tuple[list[str], int, int] | None:
    """The history, how many parts tell nothing, and how many are read as another is; or None.

    Parts sorted by length are each the one before and more, until lists are cut off in front.
    """
    history: list[str] = []
    seen: set[tuple[str, ...]] = set()
    left_out = alike = 0
    for part in sorted(parts, key=len):
        if len(part) > len(history) and part[: len(history)] == history:
            history = part
        elif len(part) > 1 and history[1 - len(part) :] == part[:-1]:  # one item further
            history = [*history, part[-1]]
            alike += tuple(part) in seen
        elif history[-len(part) :] == part or history[: len(part)] == part:
            left_out += 1
        else:
            return None
        seen.add(tuple(part))
    return history, left_out, alike
