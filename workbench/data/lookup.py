"""Finding a user by id, an item by title, and which users have something to predict."""

import numpy as np

from workbench.data.sequences import SequenceData
from workbench.data.tokens import token
from workbench.errors import WorkbenchError


def users_with_case(data: SequenceData) -> np.ndarray:
    """Indices of the users who have a test case, that is an item before the held-out one.

    Raises
    ------
    WorkbenchError
        If nobody has.
    """
    able = np.flatnonzero(data.lengths >= 2)
    if not len(able):
        raise WorkbenchError(f"{data.name}: no user has two interactions; give other data.")
    return able


def drawn_users(data: SequenceData, most: int, seed: int = 0) -> np.ndarray:
    """Indices of the users who have a test case, in order, or of `most` of them drawn at random.

    Raises
    ------
    WorkbenchError
        If nobody has.
    """
    able = users_with_case(data)
    if len(able) <= most:
        return able
    return np.sort(np.random.default_rng(seed).choice(able, most, replace=False))


def item_with_id(data: SequenceData, raw_id: str) -> int | None:
    """Index of the item with this raw id; None if there is none."""
    places = np.flatnonzero(data.item_ids[1:] == raw_id)
    return int(places[0]) + 1 if len(places) else None


def find_user(data: SequenceData, user_id: str | int) -> int:
    """Index of the user with this raw id.

    Parameters
    ----------
    data : where the user is.
    user_id : text, around which blanks are ignored, or a number.

    Raises
    ------
    WorkbenchError
        If there is none; the message shows ids that contain the text, if there are any.
    """
    wanted = token(user_id)
    places = np.flatnonzero(data.user_ids == wanted)
    if len(places):
        return int(places[0])
    alike = [str(one) for one in data.user_ids if wanted and wanted in str(one)][:5]
    such = alike or [str(data.user_ids[0]), str(data.user_ids[-1])]
    raise WorkbenchError(
        f"{data.name} has no user {wanted[:80]!r}; its {data.n_users:,} users have ids such as "
        f"{', '.join(such)}."
    )


def find_users(
    data: SequenceData, text: str, among: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """Indices of the users whose raw ids a text holds, in its order, and what is no such id.

    Parameters
    ----------
    data : where the users are.
    text : ids, separated by lines or commas, or by blanks where ids have none.
    among : indices of the users who are looked for; others' ids are none. All where None.
    """
    index = {str(raw): user for user, raw in enumerate(data.user_ids)}
    parts: list[str] = []
    for line in map(str.strip, text.splitlines()):
        for part in [line] if line in index else map(str.strip, line.split(",")):
            parts += [part] if part in index else part.split()
    asked = dict.fromkeys(parts)
    found = np.array([index[each] for each in asked if each in index], dtype=int)
    wanted = np.ones(len(found), dtype=bool) if among is None else np.isin(found, among)
    others = [each for each in asked if each not in index]
    return found[wanted], others + [str(raw) for raw in data.user_ids[found[~wanted]]]


def items_called(data: SequenceData, text: str) -> list[int]:
    """The item with this raw id; if no id is equal, those with this title, complete or in part.

    A title in part matches if it holds all words of the text, and counts where none is complete.
    Case is ignored in titles.
    """
    wanted = text.strip()
    same_id = item_with_id(data, wanted)
    if same_id is not None:
        return [same_id]
    titles = [" ".join(title.lower().split()) for title in data.titles or ()]
    words = wanted.lower().split()
    fitting = [n for n, title in enumerate(titles) if n and title == " ".join(words)]
    if words and not fitting:
        fitting = [n for n, title in enumerate(titles) if n and all(w in title for w in words)]
    return fitting


def find_item(data: SequenceData, text: str | int) -> int:
    """Index of the one item of this raw id or title.

    Parameters
    ----------
    data : where the item is.
    text : an id, text or a number; or else a title, complete or in part: an item has it if its
        title holds all words of the text, whatever their case.

    Raises
    ------
    WorkbenchError
        If there is none, or more than one.
    """
    wanted = token(text)
    fitting = items_called(data, wanted)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        what = "id" if data.titles is None else "id or title"
        such = ", ".join(data.title(item) for item in range(1, min(3, data.n_items) + 1))
        raise WorkbenchError(
            f"{data.name} has no item of the {what} {wanted[:80]!r}; its items are such as {such}."
        )
    such = ", ".join(f"{data.title(item)} (id {data.item_ids[item]})" for item in fitting[:3])
    raise WorkbenchError(
        f"{wanted[:80]!r} may be any of {len(fitting):,} items of {data.name}, such as {such}; "
        "give one of these ids."
    )


def search_items(data: SequenceData, text: str, limit: int = 50) -> list[int]:
    """At most `limit` items whose title or raw id holds every word of `text`; case is ignored.

    Items whose title is the text come first, then shorter titles; ids ascend among equals. Without
    a word in the text, these are the first items.
    """
    words = text.lower().split()
    if not words:
        return list(range(1, min(limit, data.n_items) + 1))
    matches = []
    for item in range(1, data.n_items + 1):
        title = data.title(item).lower()
        if all(word in title or word in str(data.item_ids[item]).lower() for word in words):
            matches.append((title.split() != words, len(title), item))
    return [item for _, _, item in sorted(matches)[:limit]]


def search_users(data: SequenceData, text: str) -> np.ndarray:
    """Indices of the users who have items of these titles, those with the latest of them first.

    Parameters
    ----------
    data : where the users are.
    text : titles in part, or raw ids, separated by commas. Each stands for the items whose title or
        id holds all its words, whatever their case; a user needs one item of each.

    Raises
    ------
    WorkbenchError
        If no title or id holds the words of a part, or nobody has an item of each.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    users = data.owners
    wanted = np.ones(data.n_users, bool)
    latest = np.full(data.n_users, -len(data.items) - 1)  # counted back from the end
    for part in parts:
        items = search_items(data, part, limit=data.n_items)
        if not items:
            raise WorkbenchError(f"No title in {data.name} contains {part!r}; try fewer words.")
        at = np.flatnonzero(np.isin(data.items, items))
        wanted &= np.bincount(users[at], minlength=data.n_users) > 0
        np.maximum.at(latest, users[at], at - data.offsets[users[at] + 1])
    if not wanted.any():
        raise WorkbenchError(f"Nobody in {data.name} has an item of each; name fewer.")
    chosen = np.flatnonzero(wanted)
    return chosen[np.argsort(-latest[chosen], kind="stable")]
