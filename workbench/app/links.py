"""The page that other pages lead to."""

import streamlit as st

from workbench.app.pages import inspect

INSPECT = st.Page(inspect.page, title="Inspect", url_path="inspect")
