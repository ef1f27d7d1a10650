"""Select boxes whose labels change while the page is used."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from workbench.app import words

T = TypeVar("T")
USUAL = "usual"  # in the session: key of a widget -> the value it had where nobody chose


def select(label: str, options: Mapping[str, T], *, key: str, **layout: Any) -> T | None:
    """The value of the chosen label; None if none is chosen.

    A browser keeps a box by its key and sends back the label it shows, which may be a label of an
    earlier run. So Streamlit is given the labels only: a label that does not exist any more counts
    as the first one, never as a value that happens to be equal.

    Parameters
    ----------
    label : the heading of the box.
    options : label -> value.
    key : under which the session keeps the choice.
    layout : other arguments of `st.selectbox`.
    """
    values = {words.plain(text): value for text, value in options.items()}
    chosen = st.selectbox(label, list(values), key=key, **layout)
    return None if chosen is None else values[chosen]


def keep_usual(key: str, usual: T) -> T:
    """Give a widget the value that is usual now, where it still has what was usual before.

    A value that was chosen, or that the address holds, stays.

    Parameters
    ----------
    key : of the widget, which is shown after this.
    usual : its default now; it may change with what else is chosen.
    """
    known = st.session_state.setdefault(USUAL, {})
    now = st.session_state.get(key)
    if now is not None and now == known.get(key) and now != usual:
        st.session_state[key] = usual
    known[key] = usual
    return usual


def put_in(key: str, value: str) -> None:
    """Give a widget a value, and the address too, where no widget does it yet."""
    st.session_state[key] = value
    with suppress(StreamlitAPIException):  # a widget holds it, and follows its own value
        st.query_params[key] = value


def leave_out(key: str) -> None:
    """Take a choice from the address, where no widget does it."""
    with suppress(StreamlitAPIException):  # a widget holds it, and follows its own value
        st.query_params.pop(key, None)


def follow(
    label: str,
    options: Mapping[str, T],
    now: T | None,
    take: Callable[[T], object],
    *,
    key: str,
    **layout: Any,
) -> None:
    """Show a select box with the value `now`, whatever it showed before.

    Parameters
    ----------
    label, options, key, layout : as in `select`.
    now : the value to show; None shows no value.
    take : called with the value that a person chooses, before the page runs again.
    """
    values = {words.plain(text): value for text, value in options.items()}
    st.session_state[key] = next((text for text, value in values.items() if value == now), None)

    def changed() -> None:
        chosen = st.session_state[key]
        if chosen in values:  # not a label of an earlier run
            take(values[chosen])

    st.selectbox(label, list(values), key=key, on_change=changed, **layout)
