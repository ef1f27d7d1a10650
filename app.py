"""The app in a checkout: `streamlit run app.py`. Its pages live in workbench/app/."""

import streamlit as st

with st.spinner("Loading the workbench; the first visit takes some seconds ..."):
    from workbench.app.main import main

main()
