"""Tables of the app: HTML of `workbench.explore.markup`, and frames for `st.dataframe`."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from workbench.explore.markup import STYLE as TABLES
from workbench.explore.markup import Cell, Head, table
from workbench.writing import plain

STYLE = f"""<style>
.stApp {{ --aw-page: light-dark(#fff, #171614); }} /* Streamlit's grounds, which it names nowhere */
[data-testid=stMainBlockContainer] {{ padding: 4rem clamp(1rem, 3vw, 5rem) 10rem; }}
@media (max-width: 640px) {{  /* where columns stand one below the other */
  [data-testid=stHorizontalBlock]:has(> [data-testid=stColumn]) {{ row-gap: 1rem; }} }}
</style>{TABLES}"""


def show_table(label: str, heads: Sequence[Head], rows: Sequence[Sequence[Cell]]) -> None:
    """Show a table of `markup.table`."""
    st.html(table(label, heads, rows))


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame for `st.dataframe`, with headings and texts written by `plain`."""
    texts = frame.select_dtypes(["category", "object", "string"])
    shown = frame.assign(**{str(name): texts[name].map(_plain_cell) for name in texts})
    return shown.rename(columns=_plain_cell)


def _plain_cell(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value
