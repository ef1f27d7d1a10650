"""The app in a checkout: `streamlit run app.py`. Its pages live in workbench/app/."""

import sys
from pathlib import Path

import streamlit as st

SERVED = Path(__file__).parent / "workbench" / "app" / "served"
sys.path.append(str(SERVED))  # not from workbench.app, which takes seconds to import
from attention_workbench import VISIT, getting_ready  # noqa: E402

app = st.App(VISIT, lifespan=getting_ready)
