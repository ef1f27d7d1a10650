"""A history as it was or as it might have been: edits of its items and of the attention to them.

Edits are written as text, so that they travel in an address: `remove:3, replace:5:242,
insert:1:50, move:7:2, mute:4, largest, uniform`. Positions count from 1, the oldest item, and mean
the history as the edits before have left it; items are raw ids, percent-encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote, unquote

from workbench.data.lookup import item_with_id
from workbench.data.sequences import SequenceData
from workbench.data.splits import without_history
from workbench.errors import WorkbenchError

Kind = Literal["remove", "replace", "insert", "move", "mute", "largest", "uniform"]
EXAMPLES = "remove:3, replace:5:ITEM, insert:1:ITEM, move:7:2, mute:4, largest, uniform"
OPERANDS: dict[Kind, int] = {
    "remove": 1,
    "replace": 2,
    "insert": 2,
    "move": 2,
    "mute": 1,
    "largest": 0,
    "uniform": 0,
}


class Change(NamedTuple):
    """One edit of a scenario.

    Attributes
    ----------
    kind : what is done.
    at : the position that it is done to, from 1.
    to : the position that an item moves to, or the item (index) that is put there.
    """

    kind: Kind
    at: int = 0
    to: int = 0


@dataclass(frozen=True)
class Entry:
    """An item of a history.

    Attributes
    ----------
    item : its index.
    place : its position in the real history, from 1; None where it was added.
    muted : whether the prediction gives it no weight.
    """

    item: int
    place: int | None = None
    muted: bool = False


@dataclass(frozen=True)
class Scenario:
    """A history of a user, oldest first, and what is done to the attention of its prediction row.

    Attention is edited in this order: made uniform, then without the muted entries, then without
    the largest weights of what is left.

    Attributes
    ----------
    user : index in the data.
    entries : the items of the history.
    times : [n] seconds of the places, which stay when items move; None if they are not known.
    uniform : whether all weights are made the same.
    largest : how many of the largest weights are removed.
    number : what batches call this user, where that is not `user`; else None.
    data : whose numbers these are; None where nobody knows.
    """

    user: int
    entries: tuple[Entry, ...]
    times: tuple[int, ...] | None
    uniform: bool = False
    largest: int = 0
    number: int | None = None
    data: SequenceData | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, data: SequenceData, user: int) -> "Scenario":
        """All items of a user before the held-out one.

        A model is asked about it if it numbers items as the data do: `workbench.matching.matched`
        gives the data as a model numbers them.

        Raises
        ------
        WorkbenchError
            If the user has no item before it.
        """
        first, last = int(data.offsets[user]), int(data.offsets[user + 1]) - 1
        if last <= first:
            raise without_history(data, user, "a single item")
        entries = tuple(Entry(int(item), n) for n, item in enumerate(data.items[first:last], 1))
        times = None if data.times is None else tuple(data.times[first:last].tolist())
        number = None if data.user_numbers is None else int(data.user_numbers[user])
        return cls(user, entries, times, number=number, data=data)

    def apply(self, change: Change) -> "Scenario":
        """The scenario after one edit.

        Raises
        ------
        WorkbenchError
            If the edit cannot be made.
        """
        kind, at, to = change
        if kind not in OPERANDS:
            raise WorkbenchError(f"{kind!r} is no edit; choose from {', '.join(OPERANDS)}.")
        n, entries, times = len(self.entries), list(self.entries), self.times
        if kind == "largest":
            return replace(self, largest=self.largest + 1)
        if kind == "uniform":
            return replace(self, uniform=True)
        last = n + 1 if kind == "insert" else n
        for position in (at, to) if kind == "move" else (at,):
            if not 1 <= position <= last:
                raise WorkbenchError(f"there is no position {position}; choose from 1 to {last}.")
        if kind == "remove":
            if n == 1:
                raise WorkbenchError("the last item left cannot be removed; nothing would remain.")
            del entries[at - 1]
            times = times and times[: at - 1] + times[at:]
        elif kind == "replace":
            entries[at - 1] = Entry(to)
        elif kind == "insert":
            entries.insert(at - 1, Entry(to))
            # at the time of the item before it, or of the first
            times = times and (*times[: at - 1], times[max(at - 2, 0)], *times[at - 1 :])
        elif kind == "move":
            entries.insert(to - 1, entries.pop(at - 1))
        else:  # mute
            entries[at - 1] = replace(entries[at - 1], muted=True)
        return replace(self, entries=tuple(entries), times=times)


def apply_all(scenario: Scenario, changes: Sequence[Change]) -> Scenario:
    """The scenario after every edit, one after the other.

    Raises
    ------
    WorkbenchError
        If an edit cannot be made; it names which one.
    """
    for number, change in enumerate(changes, 1):
        try:
            scenario = scenario.apply(change)
        except WorkbenchError as error:
            raise WorkbenchError(f"edit {number}, {change.kind}: {error}") from error
    return scenario


def write_changes(data: SequenceData, changes: Sequence[Change]) -> str:
    """Edits as text, which `read_changes` reads."""
    return ", ".join(":".join([c.kind, *_operands(data, c)]) for c in changes)


def _operands(data: SequenceData, change: Change) -> list[str]:
    numbers = [str(change.at), str(change.to)][: OPERANDS[change.kind]]
    if change.kind in ("replace", "insert"):
        numbers[1] = quote(str(data.item_ids[change.to]), safe="")
    return numbers


def read_changes(data: SequenceData, text: str) -> list[Change]:
    """Edits from text, written as the module describes.

    Raises
    ------
    WorkbenchError
        If a part of the text cannot be read.
    """
    changes = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, *operands = part.split(":")
        if kind not in get_args(Kind) or len(operands) != OPERANDS[kind]:  # type: ignore[index]
            raise WorkbenchError(f"{part[:80]!r} is no edit; write such as {EXAMPLES}.")
        numbers = [_number(part, word) for word in operands[:1]]
        if kind in ("replace", "insert"):
            numbers.append(_item(data, unquote(operands[1])))
        elif kind == "move":
            numbers.append(_number(part, operands[1]))
        changes.append(Change(kind, *numbers))  # type: ignore[arg-type]
    return changes


def _number(part: str, word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise WorkbenchError(f"{part[:80]!r}: {word[:20]!r} is no position; give a number from 1.")
    return int(word)


def _item(data: SequenceData, raw: str) -> int:
    item = item_with_id(data, raw)
    if item is None:
        raise WorkbenchError(f"{data.name} has no item {raw[:80]!r}; give the id of one it has.")
    return item
