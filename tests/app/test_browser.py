"""The app in a real browser: links, two models, edits, downloads; nothing leaves the machine."""

import io

import numpy as np
import pandas as pd
import pytest

from tests.app.browser import query_of, saved, settled, watched
from tests.app.conftest import TITLES
from workbench import load_data, load_model
from workbench.data.batches import make_batch
from workbench.data.lookup import find_user
from workbench.data.splits import held_out_cases
from workbench.explore.inspection import inspect_case
from workbench.explore.prediction import moves, predict
from workbench.explore.scenario import Scenario, apply_all, read_changes

# what can be clicked comes after the script has ended: the history, and each model's ranking and
# small maps
DRAWN = "document.querySelectorAll('.aw-clickable > div').length === 7"


def test_a_link_shows_what_was_seen(page, address):
    page.goto(address("inspect", user="u3"))
    assert "User u3:" in settled(page, "User u3:")

    page.get_by_role("button", name="Random").click()
    page.get_by_text("User u3:").wait_for(state="detached")
    page.get_by_role("combobox", name="Stage").click()
    page.get_by_role("option", name="mask").click()
    page.get_by_text("mean of layers and heads, mask").first.wait_for()
    page.get_by_role("radio", name="Held-out item").click()
    page.get_by_text("Hide seen", exact=True).click()
    page.get_by_text("of 30", exact=False).first.wait_for()  # all items are ranked
    page.wait_for_function(DRAWN)
    seen = settled(page, "mean of layers and heads, mask")
    query = query_of(page)
    assert query["stage2"] == ["mask"]
    assert query["target"] == ["Held-out item"]
    assert query["hide_seen"] == ["false"]
    assert f"User {query['user'][0]}:" in seen

    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function(DRAWN)
    assert settled(page, "mean of layers and heads, mask") == seen

    cell = page.locator(".aw-large td[data-t]").last
    cell.hover()
    said = cell.evaluate("e => getComputedStyle(e, '::after').content")
    assert "Looks at" in said
    assert "rank in the row" in said


def test_pointing_at_the_history_lights_its_column_and_clicks_choose(page, address):
    page.goto(address("inspect", user="u3"))
    settled(page, "User u3:")
    row = page.locator(".aw tr.p20").first
    strips = page.locator(".aw-small .k20")
    assert strips.first.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    rules = "[...document.styleSheets].flatMap(s => [...s.cssRules]).map(r => r.selectorText ?? '')"
    assert not [r for r in page.evaluate(rules) if ".aw tr" in r and ":has" in r]  # tried each time
    row.hover()
    lit = strips.evaluate_all("all => all.map(e => getComputedStyle(e).visibility)")
    assert lit == ["visible"] * 8  # two layers and heads of both models
    assert (
        page.locator(".aw-large .k20").first.evaluate("e => getComputedStyle(e).outlineStyle")
        == "solid"
    )

    page.get_by_role("button", name="Open layer 2, head 1").first.click()
    settled(page, "opened: layer 2, head 1")
    assert query_of(page)["view1"] == ["Layer 2, head 1"]
    for table in ("The history", "The items SASRec ranks first"):
        second = page.get_by_label(table).get_by_role("button").nth(1)
        title = second.inner_text()
        second.click()
        settled(page, f"What speaks for {title}?")
        query = query_of(page)
        assert (query["target"], query["words"]) == (["Another item"], [title])


def test_a_saved_user_opens_offline(page, browser, address, films, models, tmp_path):
    page.goto(address("inspect", user="u5", target="Held-out item"))
    settled(page, "User u5:")
    page.get_by_role("button", name="Share").click()
    file = tmp_path / "user.html"
    file.write_bytes(saved(page, "Save this user"))
    data = load_data(films)
    user = find_user(data, "u5")
    offline = watched(browser.new_page())
    offline.goto(file.as_uri())
    text = offline.locator("body").inner_text()
    batch = make_batch(data, held_out_cases(data, 24, [user]))
    for path in models:
        found = inspect_case(load_model(path), batch, int(data.history(user)[-1]))
        score = float(found.scores[found.target])
        assert f"a score of {score:.2f}".replace("-", "\N{MINUS SIGN}") in text
    assert TITLES[0] in text  # the hostile one, as it is
    assert (offline.errors, offline.left) == ([], [])
    offline.close()


def test_a_downloaded_table_holds_the_librarys_numbers(page, address, films, models):
    page.goto(address("inspect", user="u5", target="Held-out item"))
    settled(page, "User u5:")
    table = pd.read_csv(io.BytesIO(saved(page, "CSV")))
    data = load_data(films)
    user = find_user(data, "u5")
    assert table["title"].tolist() == [data.title(int(i)) for i in data.history(user)[-2::-1]]
    for name, path in zip(("SASRec", "AC-SASRec"), models, strict=True):
        batch = make_batch(data, held_out_cases(data, 24, [user]))
        inspection = inspect_case(
            load_model(path), batch, int(data.history(user)[-1]), methods=["saliency"]
        )
        for column, values in (
            ("attention", inspection.matrix("attention")[-1]),
            ("saliency", inspection.importance["saliency"]),
            ("replacement", inspection.effects),
        ):
            expected = values.numpy()[::-1]
            assert table[f"{name} {column}"].to_numpy() == pytest.approx(
                expected, rel=1e-3, abs=1e-5 * float(np.abs(expected).max())
            )
    assert saved(page, "PNG").startswith(b"\x89PNG")
    assert b"<svg" in saved(page, "SVG", 1)


def test_the_buttons_of_one_user_stay_and_save_the_next_one(page, address, films):
    page.goto(address("inspect", user="u5"))
    settled(page, "User u5:")
    page.wait_for_function(DRAWN)
    buttons = page.get_by_test_id("stDownloadButton").element_handles()
    assert len(buttons) == 9  # the history, each model's ranking, and its maps in three ways
    page.get_by_label("User", exact=True).fill("u6")
    page.keyboard.press("Enter")
    settled(page, "User u6:")
    assert all(button.evaluate("e => e.isConnected") for button in buttons)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    assert waiting.value.suggested_filename == "history-u6.csv"
    data = load_data(films)
    titles = [data.title(int(i)) for i in data.history(find_user(data, "u6"))[-2::-1]]
    assert pd.read_csv(waiting.value.path())["title"].tolist() == titles


def test_an_edit_is_made_undone_and_opened_again(page, address, films, models):
    page.goto(address("what-if", user="u2", target="Held-out item", hide_seen="false"))
    before = settled(page, "Nothing is edited yet")
    page.get_by_role("button", name="Remove", exact=True).click()
    settled(page, "removed")
    page.get_by_role("button", name="Remove the largest weight").click()
    edited = settled(page, "largest weight removed")
    assert query_of(page)["edits"] == ["remove:24, largest"]
    table = pd.read_csv(io.BytesIO(saved(page, "CSV")))

    data = load_data(films)
    user = find_user(data, "u2")
    start = Scenario.of(data, user)
    model = load_model(models[0])
    scenario = apply_all(start, read_changes(data, "remove:24, largest"))
    after = predict(model, scenario)
    expected = moves(predict(model, start), after, [int(data.history(user)[-1])])
    assert table["title"].tolist() == [data.title(item) for item in expected["item"]]
    for column in ("rank_before", "rank_after", "score_before", "score_after"):
        assert table[column].tolist() == pytest.approx(expected[column].tolist(), rel=1e-4)

    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert settled(page, "largest weight removed") == edited
    for label in ("Undo", "Undo"):
        page.get_by_role("button", name=label).click()
        settled(page, "User u2:")
    # the item that was chosen last stays chosen
    assert settled(page, "Nothing is edited yet") == before.replace("place of 24", "place of 23")
    assert "edits" not in query_of(page)


def test_choices_go_along_to_the_other_page(page, address):
    page.goto(address("inspect", user="u4"))
    settled(page, "User u4:")
    page.get_by_role("link", name="What if").click()
    text = settled(page, "Nothing is edited yet")
    assert "User u4:" in text
    assert "AC-SASRec" in text
    assert query_of(page)["user"] == ["u4"]


def test_a_list_leads_to_its_users(page, address):
    listing = "Attention and gradients disagree most · SASRec"
    page.goto(address("inspect", user="u4", list=listing))
    settled(page, "Users measured: 12")
    page.get_by_role("button", name="Next").click()
    page.get_by_text("User u4:").wait_for(state="detached")
    shown = settled(page, "Users measured: 12")
    assert f"User {query_of(page)['user'][0]}:" in shown


def test_the_item_shown_is_the_one_explained(page, address, films, tmp_path):
    """Other data, whose items have other titles under the same numbers."""
    other = tmp_path / "books"
    other.mkdir()
    for kind in ("inter", "item"):
        text = (films / f"films.{kind}").read_text()
        (other / f"books.{kind}").write_text(text.replace("Film", "Book"))
    page.goto(address("inspect", user="u4", target="Another item"))
    settled(page, "User u4:")

    def consistent(begin: str) -> None:
        text = settled(page, f"Target: {begin}")
        shown = page.get_by_role("combobox", name="Item", exact=True).input_value()
        assert f"Target: {shown.split(' · ')[0]}" in text

    page.get_by_role("combobox", name="Item", exact=True).fill("Film 6")
    page.get_by_role("option", name="Film 6 (1999) · i7", exact=True).click()
    consistent("Film 6")
    page.get_by_role("combobox", name="Data").fill(str(other))
    page.get_by_role("combobox", name="Data").press("Enter")
    consistent("Book")
    page.get_by_role("button", name="Random").click()
    page.get_by_text("User u4:").wait_for(state="detached")
    consistent("Book")


def test_the_keyboard_is_enough(page, address):
    page.goto(address("inspect", user="u4"))
    settled(page, "User u4:")
    page.get_by_label("User", exact=True).focus()
    for key in ("Control+a", "u", "6", "Enter"):
        page.keyboard.press(key)
    settled(page, "User u6:")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").endswith("Random"):
            break
    page.keyboard.press("Enter")
    page.get_by_text("User u6:").wait_for(state="detached")
    settled(page, "User u")


@pytest.mark.parametrize("path", ["inspect", "what-if"])
def test_a_narrow_screen_scrolls_down_alone(page, address, path):
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(address(path, user="u4"))
    settled(page, "User u4:")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    inner = page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth - e.clientWidth")
    assert inner <= 0
