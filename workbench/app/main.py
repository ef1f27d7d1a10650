"""The frame around the pages."""

import streamlit as st
import torch

from workbench.app import html_table, in_browser, page_address, places
from workbench.app.failures import errors_shown
from workbench.app.first import first_page
from workbench.app.links import INSPECT
from workbench.app.page_address import CASE, EDITS
from workbench.app.what_if import what_if_page

PAGES = (
    st.Page(first_page.page, title="Start", default=True),
    INSPECT,
    st.Page(what_if_page.page, title="What if", url_path="what-if"),
    first_page.DATASET,
    first_page.BRING,
)
# keys of the address that a page takes over from the pages that were left, by its path
TAKEN_OVER = {"inspect": CASE, "what-if": (*CASE, *EDITS), "dataset": ("run", "saved")}


def main() -> None:
    """Show the page that the address names."""
    # a pass over one history is too small to share between threads; sessions share the cores
    torch.set_num_threads(1)
    st.set_page_config(page_title="Attention workbench", layout="wide")
    chosen = st.navigation(list(PAGES), position="top")
    st.html(html_table.STYLE)
    in_browser.show()
    taken_over = TAKEN_OVER.get(chosen.url_path, ())
    page_address.enter(chosen, taken_over)
    in_browser.name_pages(PAGES)
    above = st.container()
    try:
        with errors_shown("This page"):
            places.folders()  # raises if a folder named at the start cannot be used
            chosen.run()
            page_address.tell_ignored()
    finally:
        page_address.keep(taken_over)
    with above:
        page_address.show_ignored()
