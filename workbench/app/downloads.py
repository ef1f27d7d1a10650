"""Buttons that save tables and pictures, which are made when a button is pressed."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

CSV, PNG, SVG = "text/csv", "image/png", "image/svg+xml"


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


def file_name(name: str) -> str:
    """`name` without characters that a file name must not hold."""
    return re.sub(r"[^\w.-]+", "-", name)


def button(label: str, content: Callable[[], str | bytes], name: str, mime: str) -> None:
    """Show a button that saves `content()` under a file name."""
    st.download_button(
        label,
        content,
        file_name(name),
        mime,
        key=f"save {name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
