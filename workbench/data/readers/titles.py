"""Titles of items from a file of their own, or from the rows of interactions."""

from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

from workbench.data.readers.base import PARSE_ERRORS, brief
from workbench.errors import WorkbenchError
from workbench.phrases import counted


def titles_of(
    file: Path | None, rows: Sequence[tuple[str, str]] | None
) -> tuple[dict[str, str] | None, list[str]]:
    """Item token -> its first title, and a sentence where several differ.

    Parameters
    ----------
    file : of items; None where there is none.
    rows : items and titles, as they stand in it; None where there is no such file.
    """
    if rows is None:
        return None, []
    titles: dict[str, str] = {}
    others: dict[str, str] = {}
    for item, title in rows:
        first = titles.setdefault(item, title)
        if first != title and unescape(first) != unescape(title):
            others.setdefault(item, title)
    doubts = []
    if others:
        item, other = next(iter(others.items()))
        several = several_titles(len(others), "it", item, titles[item], other)
        doubts.append(f"{file}: {several}, so write each item once.")
    return titles, doubts


def several_titles(n: int, where: str, item: str, title: str, other: str) -> str:
    """That items have several titles, of which the first is shown.

    Parameters
    ----------
    n : how many such items there are.
    where : in what they stand.
    item, title, other : one of them, its first title and another.
    """
    return (
        f"{counted(n, 'item has', 'items have')} several titles in {where}, as {item[:80]} is "
        f"called {title[:80]!r} and {other[:80]!r}; the first in the file is shown"
    )


def optional(
    file: Path | None, read: Callable[[], Sequence[tuple[str, str]] | None]
) -> tuple[dict[str, str] | None, list[str]]:
    """`titles_of`, and a sentence where they cannot be read: interactions do not need them.

    Parameters
    ----------
    file : of items; None where there is none.
    read : gives its rows.
    """
    try:
        return titles_of(file, read())
    except WorkbenchError as error:  # a sentence with a remedy, which is not to be cut
        return None, [f"Titles are left out: {error}"]
    except PARSE_ERRORS as error:
        return None, [f"Titles are left out: {brief(error)}."]
