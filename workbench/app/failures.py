"""What a user reads when something fails: a sentence, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from workbench.app import words
from workbench.errors import WorkbenchError

log = logging.getLogger(__name__)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors within end in a sentence on the page, and the page goes on after the block.

    what: what failed, as the subject of that sentence. A traceback goes to the log alone.
    """
    try:
        yield
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
