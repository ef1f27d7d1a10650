"""Buttons that save tables and pictures, which are made when a button is pressed."""

import re
from collections.abc import Callable

import streamlit as st

CSV, PNG, SVG = "text/csv", "image/png", "image/svg+xml"


def file_name(name: str) -> str:
    """`name` in small letters, without characters that a file name must not hold."""
    return re.sub(r"[^\w.-]+", "-", name).lower()


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
