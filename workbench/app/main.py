"""The frame around the pages."""

import streamlit as st
import torch
from streamlit.navigation.page import Page

from workbench.app import html_table, places
from workbench.app.failures import errors_shown
from workbench.app.first import first_page
from workbench.app.links import INSPECT
from workbench.app.what_if import what_if_page

PAGES = (
    st.Page(first_page.page, title="Start", default=True),
    INSPECT,
    st.Page(what_if_page.page, title="What if", url_path="what-if"),
    first_page.DATASET,
    first_page.BRING,
)


# keys that pages share; a click on the name of another page clears them from the address
CARRIED = (
    "data",
    "models",
    "user",
    "list",
    "target",
    "hide_seen",
    "words",
    "item",
    "edits",
    "place",
)


def main() -> None:
    """Show the page that the address names."""
    # a pass over one history is too small to share between threads; sessions share the cores
    torch.set_num_threads(1)
    st.set_page_config(page_title="Attention workbench", layout="wide")
    chosen = st.navigation(list(PAGES), position="top")
    st.html(html_table.STYLE)
    _carry(chosen)
    try:
        with errors_shown("This page"):
            places.folders()  # raises if a folder named at the start cannot be used
            chosen.run()
    finally:
        st.session_state["carried"] = {k: v for k, v in _address().items() if k in CARRIED}


def _address() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _carry(chosen: Page) -> None:
    """Carry the choices over to another page, except those that its address makes itself."""
    before = st.session_state.setdefault("path", chosen.url_path)
    st.session_state["path"] = chosen.url_path
    missing = st.session_state.get("carried", {}).keys() - st.query_params.keys()
    if before != chosen.url_path and missing:
        st.switch_page(chosen, query_params={**st.session_state["carried"], **_address()})
