"""Small pieces of sentences that many places need."""

import difflib
from collections.abc import Iterable, Sequence

MARK = "\N{BLACK CIRCLE} "  # before the title of what is known to have caused the held-out item


def in_order(names: Iterable[object]) -> tuple[str, ...]:
    """Distinct names as text, in the order in which they first come."""
    return tuple(dict.fromkeys(map(str, names)))


def listing(names: Sequence[str], most: int | None = None) -> str:
    """The names as `a, b and c`; of more than `most`, the first ones and how many more follow."""
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def without(words: Sequence[str], *names: str) -> list[str]:
    """The words of a command without the options of these names and their values."""
    kept, given = [], iter(words)
    for word in given:
        name, equals, _ = word.partition("=")
        if name not in names:
            kept.append(word)
        elif not equals:
            next(given)  # its value
    return kept


def counted(n: int, thing: str, things: str = "") -> str:
    """How many things: `1 item`, `1,682 items`; `things` where it is not `thing` with an s."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def cut(text: str, width: int) -> str:
    """Text of at most `width` characters, with an ellipsis where something was left out."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def choices(given: str, known: Iterable[str]) -> str:
    """The choices as `choose from a, b, c (did you mean b?)`, with the hint if a name is close."""
    names = tuple(known)
    close = difflib.get_close_matches(given, names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"choose from {', '.join(names)}{hint}"
