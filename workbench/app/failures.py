"""What a user reads when something fails: a sentence, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from workbench.app import words
from workbench.app.places import Outside, open_outside
from workbench.errors import WorkbenchError

log = logging.getLogger(__name__)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors within end in a sentence on the page, and the page goes on after the block.

    what: what failed, as the subject of that sentence. A traceback goes to the log alone. A path
    outside the folders of `places` gets a button to open it.
    """
    try:
        yield
    except Outside as asked:
        name = words.literal(asked.name)
        st.warning(
            f"{name} is in none of the folders that this app opens by itself. A link may have "
            "brought it here: open it only if it was you who wanted it.",
            icon=":material/lock:",
        )
        st.button(
            f"Open {name}",
            key=f"open {what} {asked.name}",
            icon=":material/lock_open:",
            on_click=open_outside,
            args=[asked],
        )
    except WorkbenchError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
    except Exception as error:
        log.exception("%s failed", what)
        reason = str(error).strip().partition("\n")[0] or "no reason given"
        st.error(
            words.literal(
                f"{what} cannot be shown: {type(error).__name__}, {reason[:200]}. "
                "The log of the server tells more."
            ),
            icon=":material/error:",
        )
