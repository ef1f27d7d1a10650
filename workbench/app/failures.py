"""What a user reads if something fails: a sentence, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from workbench.app import words
from workbench.app.places import Outside, open_outside
from workbench.errors import WorkbenchError

log = logging.getLogger(__name__)


@contextmanager
def errors_shown(what: str) -> Iterator[None]:
    """Show errors raised inside as a sentence on the page, which goes on after the block.

    A traceback only goes to the log. A path outside the folders of `places` gets a button that
    opens it.

    Parameters
    ----------
    what : the part that failed, as the subject of that sentence.
    """
    try:
        yield
    except Outside as outside:
        name = words.literal(outside.name)
        st.warning(
            f"{name} is in none of the folders that this app opens by itself. A link may have put "
            "this path here: open it only if you chose it yourself.",
            icon=":material/lock:",
        )
        st.button(
            f"Open {name}",
            key=f"open {what} {outside.name}",
            icon=":material/lock_open:",
            on_click=open_outside,
            args=[outside],
        )
    except WorkbenchError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
    except Exception as error:
        log.exception("%s failed", what)
        reason = str(error).strip().partition("\n")[0] or "no reason given"
        st.error(
            words.literal(
                f"{what} cannot be shown: {type(error).__name__}, {reason[:200]}. "
                "Details are in the log of the server."
            ),
            icon=":material/error:",
        )
