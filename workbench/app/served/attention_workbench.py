"""What Streamlit starts: the app, which gets ready before the first visit.

In a folder of its own, since Streamlit lets imports begin in this folder, where no module may hide
one of Python's, and reads its settings from `.streamlit/config.toml` here. It is started by
`python -m workbench app`; in a checkout, `app.py` does the same.
"""

import gc
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st

VISIT = Path(__file__).resolve().with_name("visit.py")
# what the pages import and takes long; not the pages themselves, which are made during a visit
NEEDED = (
    *("workbench.app.inspect.inspect_page", "workbench.app.what_if.what_if_page"),
    *("workbench.app.dataset.figures", "workbench.app.bring.brought_model"),
)
LATER = ("matplotlib.image", "workbench.app.dataset.charts")  # not for the first page


@asynccontextmanager
async def getting_ready(_: Any) -> AsyncIterator[None]:
    """Begin to get ready while a browser loads Streamlit's own files."""
    Thread(target=get_ready, daemon=True).start()
    yield


def get_ready() -> None:
    """Import what the pages need, and keep it out of the collection of garbage.

    Streamlit collects after each run of a page. Looking through all that PyTorch and pandas bring
    would take 0.2 s each time, in which nothing else is answered.
    """
    gc.disable()  # which is a fifth of the time
    try:
        for name in (*NEEDED, *LATER):
            importlib.import_module(name)
            gc.freeze()
    finally:
        gc.enable()


app = st.App(VISIT, lifespan=getting_ready)
