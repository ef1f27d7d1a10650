"""The frame around the pages."""

import streamlit as st
import torch

from workbench.app import table
from workbench.app.failures import told
from workbench.app.pages import inspect, what_if

INSPECT = st.Page(inspect.page, title="Inspect", url_path="inspect")


def start() -> None:
    """The root of the app leads to Inspect, with what its address says."""
    st.switch_page(
        INSPECT, query_params={key: st.query_params.get_all(key) for key in st.query_params}
    )


PAGES = (
    st.Page(start, title="Start", default=True, visibility="hidden"),
    INSPECT,
    st.Page(what_if.page, title="What if", url_path="what-if"),
)


def main() -> None:
    """Show the page the address names."""
    # a pass over one history is too small to share between threads; sessions share the cores
    torch.set_num_threads(1)
    st.set_page_config(page_title="Attention workbench", layout="wide")
    chosen = st.navigation(list(PAGES), position="top")
    st.html(table.STYLE)
    with told("This page"):
        chosen.run()
