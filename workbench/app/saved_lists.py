"""Lists of users under names that a person gave. The address keeps them, and nothing else does.

So a bookmark or a link has them, and no other session sees them. Each is a value of one key of the
address, `NAME:id,id,id`, with name and ids percent-encoded.
"""

import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

import streamlit as st

from workbench import SequenceData
from workbench.app import page_address, words
from workbench.data.lookup import find_users
from workbench.phrases import listing

ALL = "All users"  # what is chosen where no list is
KEY = "saved"
BEGIN = "Saved: "  # of the name of a saved list among others
TOLD = "saving_told"  # in the session, until it is shown: why nothing was saved
LONGEST_NAME = 60  # letters
MOST_LETTERS = 20_000  # of all lists in the address
MOST_AT_FIRST = 1_000  # users that the form holds at first
MOST_NAMED = 5  # of the ids that nobody has


def saved() -> dict[str, list[str]]:
    """The lists in the address: `BEGIN` and the name -> raw ids."""
    values = st.query_params.get_all(KEY)
    if not all(value.partition(":")[0] and value.partition(":")[2] for value in values):
        return {}  # which the page tells, as nothing takes it
    lists = {}
    for value in page_address.read(KEY):
        name, _, ids = value.partition(":")
        lists[f"{BEGIN}{unquote(name)}"] = [unquote(raw) for raw in ids.split(",")]
    return lists


def show_form(data: SequenceData, box: str, users: Sequence[str]) -> None:
    """Show a form that saves users under a name, and removes a saved list.

    Parameters
    ----------
    data : to which the users belong.
    box : the key of the box that chooses among lists, in which a new one is then chosen.
    users : raw ids that the form holds at first.
    """
    known, chosen = saved(), str(st.session_state.get(box))
    text = "\n".join(users[:MOST_AT_FIRST])
    at_first = zlib.crc32(f"{chosen}\n{text}".encode())  # another form where another list is shown
    name_key, ids_key = f"list name {at_first}", f"list ids {at_first}"
    old = next((name for name in known if words.plain(name) == chosen), None)

    def save() -> None:
        name = words.typed(st.session_state[name_key]).strip()
        found, others = find_users(data, words.typed(st.session_state[ids_key]))
        if others:
            st.session_state[TOLD] = f"Nobody is called {listing(others, MOST_NAMED)}."
        elif not name or not len(found):
            st.session_state[TOLD] = "A list needs a name and a user."
        elif _keep({**known, f"{BEGIN}{name}": [str(raw) for raw in data.user_ids[found]]}):
            st.session_state[box] = words.plain(f"{BEGIN}{name}")

    def remove() -> None:
        _keep({name: ids for name, ids in known.items() if name != old})
        st.session_state[box] = ALL

    st.caption(words.SAVED)
    with st.form(f"list {at_first}", border=False):
        name = "" if old is None else old.removeprefix(BEGIN)
        st.text_input("Name of the list", name, key=name_key, max_chars=LONGEST_NAME)
        st.text_area("Ids of its users", text, key=ids_key, help=words.IDS)
        with st.container(horizontal=True):
            st.form_submit_button("Save the list", icon=":material/bookmark_add:", on_click=save)
            if old is not None:
                st.form_submit_button("Remove the list", icon=":material/delete:", on_click=remove)
    if told := st.session_state.pop(TOLD, None):
        st.warning(words.literal(told))


def _keep(lists: Mapping[str, Sequence[str]]) -> bool:
    """Put the lists in the address, unless they are too long for one."""
    values = [
        quote(name.removeprefix(BEGIN), safe=" ") + ":" + ",".join(quote(i, safe="") for i in ids)
        for name, ids in lists.items()
    ]
    if (letters := sum(map(len, values))) > MOST_LETTERS:
        st.session_state[TOLD] = (
            f"The lists have {letters:,} letters, and an address holds {MOST_LETTERS:,}; save "
            "fewer users, or remove a list."
        )
        return False
    st.query_params[KEY] = values
    return True
