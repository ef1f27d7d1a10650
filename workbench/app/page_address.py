"""The address of a page: what goes along to another page, and what of it means nothing.

Each widget of a page holds its value in the address, under its key. Streamlit drops a value that
the widget cannot have, and says nothing; keys that no widget has stay for ever.
"""

from collections.abc import Collection
from typing import Any

import streamlit as st
from streamlit.navigation.page import Page
from streamlit.runtime.scriptrunner import get_script_run_ctx

from workbench.app import words
from workbench.phrases import cut, listing

CASE = (
    "data",
    "models",
    "user",
    "list",
    "watched",
    "saved",
    "target",
    "hide_seen",
    "words",
    "item",
)
EDITS = ("edits", "place")
LEFT = "left"  # in the session: the choices of the pages that were left
GIVEN = "given"  # in the session, until the page has run: what the address held at first
IGNORED = "ignored"  # in the session, while its page is shown: what was ignored, in a sentence


def enter(chosen: Page, taken_over: Collection[str]) -> None:
    """Note what the address holds when a session begins, and carry choices over from other pages.

    Parameters
    ----------
    chosen : the page that the address names.
    taken_over : the keys that the page takes over from those that were left.
    """
    before = st.session_state.setdefault("path", chosen.url_path)
    if LEFT not in st.session_state:
        st.session_state[LEFT] = {}
        st.session_state[GIVEN] = _held()
    if before == chosen.url_path:
        return
    st.session_state["path"] = chosen.url_path
    st.session_state.pop(IGNORED, None)
    left = {key: st.session_state[LEFT][key] for key in taken_over if key in st.session_state[LEFT]}
    if left.keys() - st.query_params.keys():
        st.switch_page(chosen, query_params={**left, **_held()})


def keep(taken_over: Collection[str]) -> None:
    """Keep the choices that another page may take over; edits belong to one user of some data."""
    held, left = _held(), dict(st.session_state[LEFT])
    if "user" in taken_over and any(held.get(key) != left.get(key) for key in ("data", "user")):
        left.pop("edits", None)
    for key in taken_over:
        left.pop(key, None)
        if key in held:
            left[key] = held[key]
    st.session_state[LEFT] = left


def read(key: str) -> list[str]:
    """What the address holds under a key that no widget of the page has."""
    st.session_state.get(GIVEN, {}).pop(key, None)
    return st.query_params.get_all(key)


def tell_ignored() -> None:
    """Find out, once the page has run, what of the first address was ignored."""
    given = st.session_state.pop(GIVEN, None)
    if given is not None and (told := ignored(given, st.session_state)):
        st.session_state[IGNORED] = told


def ignored(given: dict[str, list[str]], now: Any) -> str:
    """A sentence that names what an address held in vain; empty if it is all there.

    Parameters
    ----------
    given : key -> values of the address.
    now : key -> value of the widget, for those that the page has.
    """
    reasons = []
    for key, values in given.items():
        held = f"{key}={cut(', '.join(values), 60)}"
        if key not in now:
            reasons.append(f"{held}, which nothing on this page takes")
            continue
        lost = [value for value in values if not _is_among(value, _texts(now[key]))]
        if lost and values != [""]:
            part = "" if lost == values else f"{listing(lost, 3)} of "
            reasons.append(f"{part}{held}, which is no possible choice here")
    return f"Ignored in the address: {'; '.join(reasons)}." if reasons else ""


def _texts(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in _texts(part)]
    return [] if value is None else [str(value)]


def _is_among(value: str, texts: list[str]) -> bool:
    """Whether a value is there, as text or as the same number, true or false."""
    return any(value == text or _plain(value) == _plain(text) for text in texts)


def _plain(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text.strip().lower()


def shown() -> dict[str, list[str]]:
    """What the address holds, but for choices that the page does not offer any more.

    Streamlit takes those from it once the page has run. Asked for after all others are shown.
    """
    run = get_script_run_ctx()
    assert run is not None
    gone = st.session_state.keys() - run.shared.widget_user_keys_this_run.snapshot()
    return {key: values for key, values in _held().items() if key not in gone}


def _held() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def show_ignored() -> None:
    """Show what was ignored, until another page is opened."""
    if IGNORED in st.session_state:
        st.warning(words.literal(st.session_state[IGNORED]), icon=":material/link_off:")
