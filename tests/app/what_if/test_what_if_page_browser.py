"""Edits in a real browser, which sends back the labels that it shows."""

import re

import pytest

from tests.app.browser import query_of, settled
from workbench import load_data
from workbench.data.lookup import find_user

START = 12  # of 24 items
SEQUENCES = [
    ["Remove", "Remove", "Undo", "Remove its weight", "Undo"],
    ["Earlier", "Earlier", "Remove", "Undo", "Undo", "Later", "Start over"],
    ["Put in place of", "Earlier", "Undo", "Undo", "Earlier"],
    ["Add before", "Later", "Add as the latest", "Earlier", "Put in place of", "Later", "Undo"],
    ["Remove its weight", "Later", "Remove the largest weight", "Later", "Undo", "Remove"],
]


class Shadow:
    """The history as a list of things, and the one that is chosen, by hand."""

    def __init__(self, titles: list[str], at: int) -> None:
        self.things = [[title] for title in titles]  # lists, because these differ by identity
        self.at = at - 1
        self.before: list[list[list[str]]] = []
        self.first = list(self.things)

    def press(self, label: str, other: str) -> None:
        things, at, chosen = list(self.things), self.at, self.things[self.at]
        if label == "Undo":
            things = self.before.pop()
        elif label == "Start over":
            things, self.before = self.first, []
        else:
            self.before.append(self.things)
        if label == "Remove":
            del things[at]
        elif label in ("Earlier", "Later"):
            to = at + (1 if label == "Later" else -1)
            things.insert(to, things.pop(at))
        elif label == "Put in place of":
            things[at] = [other]
        elif label == "Add before":
            things.insert(at, [other])
        elif label == "Add as the latest":
            things.append([other])
        self.things = things
        same = [n for n, thing in enumerate(things) if thing is chosen]
        self.at = same[0] if same else min(at, len(things) - 1)

    def label(self) -> str:
        return f"{self.at + 1}. {self.things[self.at][0]}"


def wait_for_choice(page, label: str | re.Pattern[str]) -> None:
    """Wait until the box shows this item, and the page has followed it."""
    from playwright.sync_api import expect

    expect(page.get_by_role("combobox", name="Item of the history")).to_have_value(label)
    settled(page, "User u10:")


def test_items_are_clicked_to_be_followed_put_and_chosen(page, address):
    page.goto(address("what-if", user="u10"))
    settled(page, "Nothing is edited yet")
    fits = "all => all.every(e => e.scrollWidth <= e.clientWidth)"
    assert page.locator(".aw").evaluate_all(fits)
    inside = "all => all.every(e => e.offsetWidth <= e.parentElement.clientWidth)"
    assert page.locator(".aw td > button").evaluate_all(inside)
    page.get_by_label("The edited history").get_by_role("button").nth(2).click()
    wait_for_choice(page, re.compile(r"^22\. "))
    ranking = page.get_by_label("The items SASRec ranks first").locator("tbody tr")
    titles = ranking.get_by_role("button").all_inner_texts()
    for title, label, told in (
        (titles[3], "Put it in place of 22", f"replaced by {titles[3]}"),
        (titles[1], "Add it as the latest", f"{titles[1]} added as 25."),
    ):
        ranking.get_by_role("button", name=title, exact=True).click()
        settled(page, f"Target: {title}.")
        assert query_of(page)["words"] == [title]
        page.get_by_role("button", name=label).first.click()
        settled(page, told)
    edits = query_of(page)["edits"][0].split(", ")
    assert [edit.rpartition(":")[0] for edit in edits] == ["replace:22", "insert:25"]


@pytest.mark.parametrize("labels", SEQUENCES, ids=", ".join)
def test_edits_in_the_middle_of_a_history(page, address, films, labels):
    data = load_data(films)
    user = find_user(data, "u10")

    def name(item: int) -> str:
        return f"{data.title(item)} · {data.item_ids[item]}"

    shadow = Shadow([name(int(item)) for item in data.history(user)[:-1]], START)
    page.goto(address("what-if", user="u10"))
    settled(page, "Nothing is edited yet")
    page.get_by_role("combobox", name="Item of the history").click()
    page.get_by_role("option", name=shadow.label(), exact=True).click()
    page.wait_for_timeout(300)
    wait_for_choice(page, shadow.label())
    for label in labels:
        if label.startswith(("Put", "Add")):
            page.get_by_role("button", name="Replace or add").click()
            # with the place of the item where the label has one: not the button of a run before
            place = "" if label.endswith("latest") else f" {shadow.at + 1}$"
            pressed = page.get_by_role("button", name=re.compile(f"{label}{place}"))
        else:
            pressed = page.get_by_role("button", name=label, exact=True)
        pressed.click()
        page.mouse.move(0, 0)  # the button's help would lie over the next one
        shadow.press(label, name(1))
        page.wait_for_timeout(300)
        page.keyboard.press("Escape")
        wait_for_choice(page, shadow.label())
        assert page.get_by_role("alert").count() == 0
        made = query_of(page).get("edits", [""])[0]
        assert len([edit for edit in made.split(",") if edit]) == len(shadow.before)
