"""What runs for each visit of the app, and again whenever something is chosen."""

import streamlit as st

with st.spinner("Loading the workbench; the first visit takes some seconds ..."):
    from workbench.app.main import main

main()
