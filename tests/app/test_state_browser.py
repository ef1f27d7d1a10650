"""The state of a page in a real browser: its address, Back, other pages, and a lost server."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.app.browser import LOADED, PATIENCE, query_of, served, settled

# the address changes first, and drops the edits of another user when the server has answered
AGREE = """() => {
  const [held, value] = [new URLSearchParams(location.search), name => {
    const field = document.querySelector(`input[aria-label="${name}"]`);
    return field && field.value;
  }];
  const [user, edits] = [held.get("user"), value("Edits, in order")];
  return user && user === value("User") && document.body.innerText.includes(`User ${user}:`) &&
    (edits === null || edits === (held.get("edits") || "")) &&
    [location.pathname.split("/").pop(), user, held.get("edits") || ""];
}"""
MOVED = "before => location.href !== before"


def shown(page: Any) -> tuple[str, str, str]:
    """The page, its user and its edits, once what it tells is what the address says."""
    page.wait_for_function(AGREE)
    settled(page, "User ")
    path, user, edits = page.wait_for_function(AGREE).json_value()  # in one: it may yet change
    return path, user, edits


def test_what_is_not_shown_any_more_leaves_the_address_and_the_link(page, address):
    there = {"view2": "Layer 2, head 1", "stage2": "mask", "against": "The held-out item"}
    page.goto(address("inspect", user="u3", closer="Why this and not another?", **there))
    settled(page, "User u3:")

    def held_without(name: str) -> tuple[set[str], set[str]]:
        page.wait_for_function("name => !location.search.includes(name)", arg=name)
        page.get_by_role("button", name="Share").click()
        settled(page, "User u3:")
        link = page.locator("[data-testid=stPopoverBody] code").first.inner_text()
        page.keyboard.press("Escape")
        return set(query_of(page)), set(parse_qs(urlsplit(link).query)) - {"pins"}

    whole = {"data", "models", "user", "closer", *there}
    assert held_without("other_item") == (whole, whole)
    page.get_by_role("radio", name="Deletion curve").click()
    assert held_without("against") == (whole - {"against"},) * 2
    page.get_by_test_id("stMultiSelectTagsContainer").first.get_by_role("button").nth(1).click()
    assert held_without("view2") == (whole - there.keys(),) * 2


def test_back_leads_to_what_was_seen_and_nowhere_else(page, address):
    def type_user(user: str) -> None:
        drawn = query_of(page)["user"][0] == user  # by chance: then another one
        page.get_by_role("textbox", name="User").fill("u6" if drawn else user)
        page.keyboard.press("Enter")

    def press(label: str) -> None:
        page.get_by_role("button", name=label, exact=True).click()

    page.goto(address("inspect", user="u5"))
    seen = [shown(page)]
    for act, argument in (
        (press, "Random"),
        (type_user, "u3"),
        (lambda name: page.get_by_role("link", name=name).click(), "What if"),
        (press, "Remove"),
        (press, "Earlier"),
        (type_user, "u4"),
        (press, "Earlier"),
        (press, "Random"),
        (press, "Remove"),
        (press, "Undo"),
    ):
        before = page.url
        act(argument)
        page.wait_for_function(MOVED, arg=before)
        seen.append(shown(page))
        assert seen[-1] != seen[-2]
    for expected in seen[-2::-1]:
        before = page.url
        page.go_back()
        page.wait_for_function(MOVED, arg=before)
        assert shown(page) == expected
    for expected in seen[1:]:
        before = page.url
        page.go_forward()
        page.wait_for_function(MOVED, arg=before)
        assert shown(page) == expected


def test_edits_stay_with_their_user_over_pages(page, address):
    page.goto(address("what-if", user="u5", edits="remove:3"))
    settled(page, "removed")
    page.get_by_role("link", name="Inspect").click()
    settled(page, "Layers and heads")
    page.get_by_role("link", name="What if").click()
    settled(page, "removed")
    page.get_by_role("link", name="Inspect").click()
    settled(page, "Layers and heads")
    page.get_by_role("textbox", name="User").fill("u6")
    page.keyboard.press("Enter")
    settled(page, "User u6:")
    page.get_by_role("link", name="What if").click()
    settled(page, "Nothing is edited yet")
    assert "edits" not in query_of(page)


def test_a_page_has_its_own_state_in_its_address(page, address, stored_run):
    page.goto(address("dataset", run=str(stored_run), diagnostic="Gradient agreement"))
    settled(page, "Findings")
    page.goto(address("inspect", user="u5", target="Another item", words="Film 3"))
    settled(page, "Layers and heads")
    page.get_by_role("link", name="Whole data set").click()
    settled(page, "What holds over all users?")
    assert not {"data", "models", "user", "item", "words", "target"} & set(query_of(page))
    page.get_by_role("link", name="Inspect").click()
    assert "User u5:" in settled(page, "Layers and heads")
    assert query_of(page)["words"] == ["Film 3"]


@pytest.mark.parametrize(
    ("path", "query", "told"),
    [
        ("inspect", {"view1": "Layer 9", "user": "u3"}, "view1=Layer 9, which is no possible"),
        ("inspect", {"colour": "red"}, "colour=red, which nothing on this page takes"),
        ("what-if", {"place": "Layer 7"}, "place=Layer 7, which is no possible choice here"),
    ],
)
def test_what_an_address_holds_in_vain_is_told(page, address, path, query, told):
    page.goto(address(path, **query))
    settled(page, "Ignored in the address")
    assert told in page.get_by_role("alert").filter(has_text="Ignored").inner_text()


def test_a_good_address_is_taken_without_a_word(page, address):
    page.goto(
        address(
            "inspect",
            **{
                "user": "u3",
                "view1": "Layer 1, head 2",
                "hide_seen": "false",
                "scale": "Per panel",
            },
        )
    )
    assert "Ignored" not in settled(page, "Layers and heads")


def test_a_good_address_of_a_report_is_taken_without_a_word(page, server, stored_run):
    title = "Max-attention removal"
    parts = {"run": str(stored_run), "diagnostic": title, "layers": "1", "show": "Tables"}
    page.goto(f"{server}/dataset?{urlencode(parts)}")
    page.get_by_role("heading", name=title, exact=True).wait_for()
    assert "Ignored" not in settled(page, "What holds over all users?")
    assert query_of(page)["diagnostic"] == [title]


def test_a_lost_server_is_told_in_words(browser, address):
    word = "getComputedStyle(document.querySelector('[data-testid=stApp]'), '::after')"
    page = browser.new_page()
    with served() as (place, _):
        page.goto(f"{place}/bring", timeout=PATIENCE)
        page.locator(LOADED).wait_for(timeout=PATIENCE)
        assert page.evaluate(f"{word}.content") in ("none", "normal")
    page.wait_for_function(f"{word}.visibility === 'visible'", timeout=PATIENCE)
    assert "The server does not answer" in page.evaluate(f"{word}.content")
    page.close()


def test_a_narrow_screen_names_the_pages_and_keeps_titles(page, address):
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(address("inspect", user="u4"))
    settled(page, "Layers and heads")
    for name in ("Start", "Inspect", "What if", "Whole data set", "Bring your own"):
        assert page.get_by_role("link", name=name, exact=True).first.is_visible()
    table = page.locator(".aw").first
    letters = "c => 20 * parseFloat(getComputedStyle(c).fontSize) / 2"  # half an em each
    cell = table.locator("td.t").first
    assert cell.evaluate("c => c.clientWidth") >= cell.evaluate(letters)
    table.evaluate("t => { t.scrollLeft = t.scrollWidth; }")
    last = table.locator("tbody tr").first.locator("td").last.bounding_box()
    assert last["x"] + last["width"] <= 400


# the contrast of each text with what is below it, by WCAG 2.2, where it is less than 4.5; icons are
# pictures, and what cannot be used may be faint but not gone
FAINT = """() => {
  const channels = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(srgb") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
  };
  const over = (top, below, a) => [0, 1, 2].map(i => top[i] * a + below[i] * (1 - a));
  const luminance = colour => {
    const [r, g, b] = colour.map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const faint = [];
  for (const e of document.querySelectorAll("[data-testid=stMain] *, [data-testid=stSidebar] *")) {
    const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent).join("");
    const skipped = "svg, style, script, [class*=Icon], [data-testid=stIconMaterial]";
    const least = e.closest("[disabled], [aria-disabled=true]") ? 1.5 : 4.5;
    if (!text.trim() || e.closest(skipped) || !e.checkVisibility({visibilityProperty: true}))
      continue;
    let below = [255, 255, 255], opacity = 1;
    const chain = [];
    for (let p = e; p; p = p.parentElement) chain.unshift(getComputedStyle(p));
    for (const style of chain) {
      const colour = channels(style.backgroundColor);
      below = over(colour, below, colour[3]);
      opacity *= style.opacity;
    }
    const colour = channels(getComputedStyle(e).color);
    const [a, b] = [luminance(over(colour, below, colour[3] * opacity)), luminance(below)];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < least) faint.push([contrast.toFixed(2), text.trim().slice(0, 60)]);
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address("what-if", user="u4", edits="remove:3"))
    settled(page, "The model predicts again")
    assert page.evaluate(FAINT) == []
    page.get_by_role("button", name="Undo").click()
    settled(page, "Nothing is edited yet")
    assert page.evaluate(FAINT) == []
