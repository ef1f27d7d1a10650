"""The page that other pages link to."""

import streamlit as st

from workbench.app.inspect import inspect_page as inspect

INSPECT = st.Page(inspect.page, title="Inspect", url_path="inspect")
