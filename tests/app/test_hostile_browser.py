"""Outside text is shown as it is, on every page, and asks no other host for anything."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.app.browser import saved, settled, watched
from tests.app.hostile import TEXT, seen, write_data, write_model, write_run, write_table
from workbench import load_data
from workbench.app import words

# what Markdown would have made of it: a link, a picture, a formula, an icon, an emoji, a colour ...
MADE = """() => [...document.querySelectorAll(`
    a[href*="other.example"], a[href*="mailto"], img[src*="other"], img[alt="Streamlit logo"],
    .katex, [role=img][aria-label="home icon"], .stMarkdownColoredText, .stMarkdownBadge,
    [data-testid=stMarkdownContainer] :is(del, table, blockquote, b, img, ol)`
)].map(e => e.outerHTML.slice(0, 200))"""
# characters that are not seen or turn others around; a field holds what the address holds
TURNED = """() => [...document.querySelectorAll('body *')]
    .filter(e => e.children.length === 0 && !e.closest('[data-testid=stMultiSelect]'))
    .filter(e => /[\\u0007\\u200b\\u202a-\\u202e\\u2066-\\u2069]/.test(e.textContent))
    .map(e => e.outerHTML.slice(0, 200))"""

# what could run or ask for anything; pictures are in the page
ACTIVE = """() => [...document.querySelectorAll('*')]
    .flatMap(e => e.getAttributeNames().map(name => `${name}=${e.getAttribute(name)}`))
    .filter(a => /^(on|href|src)/.test(a) && !a.startsWith('src=data:image/png;'))
    .map(a => a.slice(0, 200))"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, stored_run) -> dict[str, str]:
    """The paths of hostile data, model, run and table."""
    folder = tmp_path_factory.mktemp("hostile")
    data = write_data(folder)
    return {
        "data": str(data),
        "model": str(write_model(folder, data)),
        "run": str(write_run(folder, stored_run)),
        "table": str(write_table(folder)),
    }


def shown(page: Any) -> str:
    """The text of the page and of its sidebar."""
    text = page.locator("body").inner_text()  # lists open outside the app
    return str(text).replace(words.APART, "")


def is_read(page: Any) -> bool:
    """Whether the text can be read on the page, as it is, as a path, or in quotes."""
    texts = (seen(TEXT), seen(str(Path(TEXT))), repr(TEXT)[1:-1])
    return any(text in shown(page) for text in texts)


CASES = {
    "inspect": ("inspect", {"user": f"0 {TEXT}"}, "Layers and heads"),
    "another item": (
        "inspect",
        {"target": "Another item", "words": "title 3", "list": "Longest history"},
        "Layers and heads",
    ),
    "no such user": ("inspect", {"user": f"x{TEXT}"}, "has no user"),
    "no such words": ("inspect", {"target": "Another item", "words": f"zzz {TEXT}"}, "No title in"),
    "no such data": ("inspect", {"data": TEXT}, "is neither a file nor a known data set"),
    "no such model": ("inspect", {"models": TEXT}, "no model here"),
    "data outside": ("inspect", {"data": f"/{TEXT}"}, "by itself"),
    "no model": ("inspect", {"models": ""}, "No model is chosen"),
    "what if": ("what-if", {"edits": "remove:3, largest"}, "largest weight removed"),
    "no such edit": ("what-if", {"edits": TEXT}, "is no edit"),
    "no such item": ("what-if", {"edits": "replace:1:http%3A%2F%2Fother.example"}, "has no item"),
    "findings": ("dataset", {}, "Findings"),
    "figures": ("dataset", {"diagnostic": "Max-attention removal"}, "Effect by layer"),
    "tables": ("dataset", {"show": "Tables"}, "rows)"),
    "users": ("dataset", {"show": "Users"}, "selecting a row opens"),
    "no such run": ("dataset", {"run": TEXT}, "no report here"),
    "run outside": ("dataset", {"run": f"/{TEXT}"}, "by itself"),
    "nothing to bring": ("bring", {"interactions": TEXT, "checkpoint": TEXT}, "does not exist"),
    "bring outside": ("bring", {"interactions": f"/{TEXT}", "checkpoint": f"/{TEXT}"}, "by itself"),
}


def test_a_saved_user_of_hostile_data_is_only_text(page, server, browser, hostile, tmp_path):
    parts = {"data": hostile["data"], "models": hostile["model"], "target": "Held-out item"}
    page.goto(f"{server}/inspect?{urlencode(parts)}")
    settled(page, "Layers and heads")
    page.get_by_role("button", name="Share").click()
    file = tmp_path / "user.html"
    file.write_bytes(saved(page, "Save this user"))

    context = browser.new_context()
    context.set_offline(True)
    offline = watched(context.new_page())
    asked = []
    offline.on("request", lambda request: asked.append(request.url))
    offline.goto(file.as_uri())
    offline.locator(".aw td.t").first.hover()
    text = offline.locator("body").inner_text()
    data = load_data(hostile["data"])
    history = data.history(0)
    for item in history[-5:]:  # the four that the model reads, and the one held out
        assert seen(data.title(int(item))) in text
    for part in (f"User {seen(str(data.user_ids[0]))} of", "History", "Top 10", "Layers and heads"):
        assert part in text
    assert offline.locator(".aw-large td[data-t], .aw-small .aw-map").count() > 1
    assert offline.evaluate("[window.ran, document.scripts.length]") == [None, 0]
    assert offline.evaluate(ACTIVE) == []
    assert offline.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert offline.evaluate(TURNED) == []
    pictures = [url for url in asked if url.startswith("data:image/png;")]
    assert [url for url in asked if url not in pictures] == [file.as_uri()]
    assert offline.errors == []
    context.close()


@pytest.mark.parametrize("case", CASES)
def test_outside_text_is_only_text(page, server, hostile, case):
    path, query, awaited = CASES[case]
    parts = {"data": hostile["data"], "models": hostile["model"], "run": hostile["run"], **query}
    page.goto(f"{server}/{path}?{urlencode(parts)}")
    settled(page, awaited)
    assert page.evaluate(MADE) == []
    assert page.evaluate(TURNED) == []
    assert is_read(page) or case in ("no such item", "no model")


def test_what_is_brought_is_only_text(page, server, hostile):
    page.goto(f"{server}/bring?{urlencode({'interactions': hostile['table']})}")
    settled(page, "Choose the columns")
    page.get_by_role("combobox", name="Users in").click()
    page.get_by_role("option").first.wait_for()
    assert is_read(page)
    assert page.evaluate(MADE) == []
    assert page.evaluate(TURNED) == []
    page.keyboard.press("Escape")
    page.get_by_text("The file has no header").click()
    settled(page, "#0")
    assert seen(TEXT)[:100] in shown(page)
    assert page.evaluate(MADE) == []
    query = {"interactions": hostile["data"], "checkpoint": hostile["model"]}
    page.goto(f"{server}/bring?{urlencode(query)}")
    settled(page, "Open in Inspect")
    assert is_read(page)
    assert page.evaluate(MADE) == []
    assert page.evaluate(TURNED) == []
