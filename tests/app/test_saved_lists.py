"""Lists of users that are saved under names: in the address, and nowhere else."""

from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.browser import query_of, settled, watched
from tests.app.shown import read
from workbench.app import saved_lists, words

NAME = "Fans: of *3* & <b>"
SCRIPT = """
import streamlit as st
from workbench.app import page_address, resources, saved_lists
st.session_state[page_address.GIVEN] = {"saved": st.query_params.get_all("saved")}
data = resources.data(st.query_params["data"])
st.selectbox("List", ["All users", *saved_lists.saved()], key="list")
saved_lists.show_form(data, "list", ["u1", "u2"])
page_address.tell_ignored()
page_address.show_ignored()
"""


def form(films, *saved: str) -> AppTest:
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    shown.query_params["data"] = str(films)
    shown.query_params["saved"] = saved
    return shown.run()


def held(shown: AppTest) -> list[str]:
    """The lists in the address."""
    found = shown.query_params.get("saved", [])
    return [found] if isinstance(found, str) else list(found)


def press(shown: AppTest, label: str, name: str, ids: str) -> list[str]:
    """Fill in the form and press a button; what is told."""
    shown.text_input[0].set_value(name)
    shown.text_area[0].set_value(ids)
    next(button for button in shown.button if button.label == label).click()
    shown.run()
    return [read(warning.value) for warning in shown.warning]


def test_a_list_is_saved_changed_and_removed(films):
    shown = form(films)
    assert shown.text_area[0].value == "u1\nu2"
    copied = f"{NAME[0]}{words.APART}{NAME[1:]}"
    assert press(shown, "Save the list", copied, f"u{words.APART}3, u1 u2\nu3") == []
    kept = {f"Saved: {NAME}": ["u3", "u1", "u2"]}
    assert held(shown) == ["Fans%3A of %2A3%2A %26 %3Cb%3E:u3,u1,u2"]
    assert shown.selectbox[0].value == f"Saved: {NAME}"
    assert shown.text_input[0].value == NAME
    assert press(shown, "Save the list", "b", "u4") == []
    assert len(held(shown)) == 2
    shown.selectbox[0].set_value(next(iter(kept))).run()
    assert press(shown, "Remove the list", NAME, "") == []
    assert held(shown) == ["b:u4"]
    assert shown.selectbox[0].value == "All users"


@pytest.mark.parametrize(
    ("name", "ids", "told"),
    [
        ("a", "u1, nobody, u2", "Nobody is called nobody."),
        ("", "u1", "A list needs a name and a user."),
        (" ", "u1", "A list needs a name and a user."),
        ("a", "", "A list needs a name and a user."),
        ("a", "u1, u2", "The lists have 7 letters, and an address holds 5"),
    ],
)
def test_what_cannot_be_saved_is_told(films, monkeypatch, name, ids, told):
    monkeypatch.setattr(saved_lists, "MOST_LETTERS", 5)
    shown = form(films)
    [said] = press(shown, "Save the list", name, ids)
    assert said.startswith(told)
    assert held(shown) == []


def test_an_address_that_holds_no_list_is_told(films):
    [said] = [read(warning.value) for warning in form(films, "a:u1", "b").warning]
    assert said == "Ignored in the address: saved=a:u1, b, which nothing on this page takes."


def test_a_link_takes_lists_along_and_another_session_has_none(
    page, browser, server, address, stored_run
):
    page.goto(address("inspect", user="u3", list="By items they have", watched="film 3 (1999)"))
    settled(page, "in this list")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("textbox", name="Name of the list").fill(NAME)
    page.get_by_role("textbox", name="Ids of its users").fill("u5, u7, u2")
    page.get_by_role("button", name="Save the list").click()
    settled(page, "The first 3 of 3 users in this list")
    query = query_of(page)
    assert query["list"] == [f"Saved: {NAME}"]
    assert "watched" not in query

    other = watched(browser.new_page())
    other.goto(address("inspect", user="u3"))
    settled(other, "Layers and heads")
    other.get_by_role("combobox", name="List of users").click()
    other.get_by_role("option", name="Longest history").wait_for()
    assert other.get_by_role("option", name="Saved").count() == 0
    link = {"run": str(stored_run), "saved": query["saved"], "slice": query["list"]}
    other.goto(f"{server}/dataset?{urlencode(link, doseq=True)}")
    assert "n = 3" in settled(other, "They are on the list")
    assert "Ignored" not in settled(other, "What holds over all users?")
    box = other.get_by_role("combobox", name="Users", exact=True)
    assert box.input_value() == f"Saved: {NAME}"
    other.close()
