"""Tables as CSV that a spreadsheet opens without running anything in them."""

import re
from typing import Any

import pandas as pd

FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # full-width ones as well
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV, with all digits of its numbers.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    texts = frame.select_dtypes(["category", "object", "string"])
    safe = frame.assign(**{str(name): texts[name].map(_inert) for name in texts})
    return safe.rename(columns=_inert).to_csv(index=False)


def _inert(value: Any) -> Any:
    risky = isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value)
    return f"'{value}" if risky else value
