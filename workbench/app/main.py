"""The frame around the pages."""

import streamlit as st
import torch

from workbench.app.failures import told
from workbench.app.pages import dataset, inspect

INSPECT = st.Page(inspect.page, title="Inspect", default=True)
PAGES = (INSPECT, st.Page(dataset.page, title="Whole data set", url_path="dataset"))


def main() -> None:
    """Show the page the address names."""
    # a pass over one history is too small to share between threads; sessions share the cores
    torch.set_num_threads(1)
    st.set_page_config(page_title="Attention workbench", layout="wide")
    chosen = st.navigation(list(PAGES), position="top" if len(PAGES) > 1 else "hidden")
    with told("This page"):
        chosen.run()
