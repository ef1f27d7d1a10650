"""The file that Streamlit runs, in a folder of its own.

Streamlit lets imports begin in this folder, where no module may hide one of Python's, and reads its
settings from `.streamlit/config.toml` here. `python -m workbench app` starts it.
"""

import streamlit as st

with st.spinner("Loading the workbench; the first visit takes some seconds ..."):
    from workbench.app.main import main

main()
