"""Histories out of rows that hold a list of items and the item after it each (RecBole's splits)."""

from collections.abc import Iterable
from pathlib import Path

from workbench.errors import WorkbenchError


def joined(path: Path, rows: Iterable[tuple[str, list[str], str]]) -> dict[str, list[str]]:
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
    pieces: dict[str, list[list[str]]] = {}
    for user, before, item in rows:
        pieces.setdefault(user, []).append([*before, item])
    return {user: _history(path, user, parts) for user, parts in pieces.items()}


def _history(path: Path, user: str, parts: list[list[str]]) -> list[str]:
    """Parts sorted by length are each the one before and more, until lists are cut off in front."""
    history: list[str] = []
    for part in sorted(parts, key=len):
        if part[: len(history)] == history:
            history = part
        elif history[-len(part) :] == part or history[: len(part)] == part:
            continue
        elif history[1 - len(part) :] == part[:-1]:  # the same length, one item further
            history = [*history, part[-1]]
        else:
            raise WorkbenchError(
                f"{path}: the lists of user {user!r} are not parts of one history; write a row per "
                "interaction, with its time, instead of lists."
            )
    return history
