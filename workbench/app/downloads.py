"""Buttons that save tables and pictures, which are made when a button is pressed."""

from collections.abc import Callable

import streamlit as st

from workbench.files import file_name

KINDS = {"csv": "text/csv", "png": "image/png", "svg": "image/svg+xml", "html": "text/html"}


def button(
    label: str, content: Callable[[], str | bytes], what: str, user: str, kind: str = "csv"
) -> None:
    """Show a button that saves what is shown of a user, and stays when another user is shown.

    Parameters
    ----------
    label : of the button.
    content : makes what is saved.
    what, user : give the file its name.
    kind : a key of `KINDS`.
    """
    st.download_button(
        label,
        content,
        file_name(f"{what}-{user}.{kind}").lower(),
        KINDS[kind],
        key=f"save {what}.{kind}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
