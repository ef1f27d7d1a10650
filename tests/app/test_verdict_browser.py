"""A verdict in a real browser: read on a telephone, and what Inspect shows of it in its address."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from analyses.report.stored import open_run
from tests.app.browser import LOADED, query_of, served, settled, watched
from workbench.app.inspect.view_choices import of_reduction

TABLES = {"": "Whether the attention of each model", "dataset": "Six questions"}
GROUND = """e => [e, document.querySelector(".stApp")].map((e, i) => {
  const probe = e.appendChild(document.createElement("i"));
  probe.style.background = i ? "" : "var(--aw-page)";
  return getComputedStyle(i ? e : probe).backgroundColor; })"""


@pytest.fixture(scope="module")
def judged(stored_run, tmp_path_factory) -> Iterator[str]:
    """The address of an app that knows a report."""
    with served(tmp_path_factory.getbasetemp(), stored_run) as (address, _):
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_are_read_whole_on_a_telephone(browser, judged, stored_run, scheme):
    page = watched(browser.new_page(viewport={"width": 400, "height": 900}, color_scheme=scheme))
    for path, label in TABLES.items():
        query = urlencode({"run": str(stored_run)} if path else {})
        page.goto(f"{judged}/{path}?{query}")
        table = page.locator(f"{LOADED} .aw[aria-label^='{label}']")
        table.wait_for()
        cells = table.locator("td.w")
        assert cells.count() >= 2
        for cell in cells.all():
            whole = "e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight"
            assert cell.evaluate(whole)
        assert table.evaluate("e => e.scrollHeight <= e.clientHeight")
        assert len(set(table.evaluate(GROUND))) == 1  # as the page, so that the shadow is covered
    assert page.errors == []
    page.close()


def test_the_address_holds_what_was_chosen_instead_of_what_was_judged(
    page, judged, stored_run, films, models
):
    told = {verdict.model: verdict for verdict in open_run(stored_run).verdicts()}["SASRec"]
    part = of_reduction(told.reduction)
    other = next(p for p in ("Layer 2, head 1", "Layer 1, head 1") if p != part)

    def shown() -> tuple[str, Any]:
        settled(page, "Layers and heads")
        value = page.get_by_role("combobox", name="Layer and head").input_value()
        return value, query_of(page).get("view1")

    query = urlencode({"data": str(films), "models": models[0], "user": "u3"})
    page.goto(f"{judged}/inspect?{query}")
    assert shown() == (part, None)
    assert told.method in page.get_by_test_id("stMultiSelectTagsContainer").nth(1).inner_text()
    page.get_by_role("combobox", name="Layer and head").click()
    page.get_by_role("option", name=other).click()
    page.wait_for_url("**view1=**")
    assert shown() == (other, [other])
    page.reload()
    assert shown() == (other, [other])
    page.get_by_role("button", name="See what the verdict is about").click()
    page.wait_for_function("!location.search.includes('view1')")
    assert shown() == (part, None)
    page.go_back()
    page.wait_for_url("**view1=**")
    assert shown() == (other, [other])
