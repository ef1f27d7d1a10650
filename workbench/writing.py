"""How numbers and outside text are written where a person reads them."""

import math
import unicodedata
from collections.abc import Callable, Iterable

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, directions, halves of a pair, line ends
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # needed by scripts and emoji
MINUS = "\N{MINUS SIGN}"
PERCENT = "\N{NO-BREAK SPACE}%"
SPANS = (("y", 365.25 * 86400), ("mo", 30.44 * 86400), ("d", 86400.0), ("h", 3600.0), ("min", 60.0))


def ago(seconds: float) -> str:
    """`3 d`, `5 min`: a span in the largest unit that fits."""
    if math.isnan(seconds):
        return ""
    for unit, size in SPANS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def number(value: float, digits: int = 4, *, sign: bool = False) -> str:
    """A number with a minus sign instead of a hyphen; never a negative zero.

    Parameters
    ----------
    value : the number.
    digits : how many decimals it gets.
    sign : whether to write a plus before a positive number.
    """
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", MINUS)


def numbers(values: Iterable[float], *, sign: bool = False) -> Callable[[float], str]:
    """A function that writes the numbers of one column.

    They get three digits of the largest, each written by `number`; a NaN gives an empty text.

    Parameters
    ----------
    values : the numbers of the column.
    sign : whether to write a plus before positive numbers.
    """
    largest = max((abs(v) for v in values if not math.isnan(v)), default=0.0)
    digits = min(max(2 - math.floor(math.log10(largest or 1.0)), 0), 9)

    def write(value: float) -> str:
        return "" if math.isnan(value) else number(value, digits, sign=sign)

    return write


def figure(value: float) -> str:
    """A number with two digits, however small: `0.012`, `1.3`, `14`."""
    return numbers([10 * value])(value)


def decimal(value: float, *, sign: bool = False) -> str:
    """A number with two decimals, as `numbers` writes it."""
    return numbers([1.0], sign=sign)(value)


def plain(text: str) -> str:
    """Outside text (of a file, an address, a card) in one line, for places without Markdown.

    Characters that cannot be seen, or that turn the direction of others, become their escapes
    (`\\n`, `\\u202e`). Outside text is only shown through this function or `literal`.
    """
    if text.isprintable():  # which most is, and has none of these
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in UNSEEN and c not in JOINERS
        else c
        for c in text
    )
