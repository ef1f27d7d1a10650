"""Categories of items: lists that files write as one text."""

from collections.abc import Mapping

NAMES = ("categories", "category", "genres", "genre", "class")  # of columns that hold them
NONE = "(no genres listed)"  # as MovieLens writes it


def split(texts: Mapping[str, str], *, words: bool = False) -> dict[str, tuple[str, ...]]:
    """Item token -> its categories, without quotes and brackets around them.

    Bars separate them where any text has one, or else commas.

    Parameters
    ----------
    texts : item token -> categories as one text.
    words : whether blanks separate them where no text has a bar or a comma.
    """
    present = [mark for mark in "|," if any(mark in text for text in texts.values())]
    mark = present[0] if present else None if words else "\n"
    made = {}
    for item, text in texts.items():
        parts = (part.strip().strip("[]'\"").strip() for part in text.strip().split(mark))
        made[item.strip()] = tuple(dict.fromkeys(p for p in parts if p and p != NONE))
    return {item: names for item, names in made.items() if names}
