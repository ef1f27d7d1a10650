"""Tables as HTML: text from the data is never markup; bars and marks of numbers."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.app.browser import watched
from tests.app.shown import tables
from workbench.explore.markup import HIGHEST, STYLE, Cell, Head, bar_cells, highest, table


def pixels(png: bytes) -> np.ndarray:
    """The red of each pixel, from 0 to 255."""
    return 255 * matplotlib.image.imread(io.BytesIO(png))[..., 0]


SCRIPT = """
import streamlit as st
from workbench.explore.markup import Cell, Head, table
html = table(
    "A & B",
    [Head("<i>x</i>", 'say "why"'), Head("Title", kind="title", starts_group=True)],
    [
        [Cell("1", bar=-0.5), Cell("<script>cut</script>", hover='the "whole" <b>')],
        [Cell("2"), Cell("")],
    ],
    groups=[("", 1), ("G", 1)],
    marked=[1],
)
st.html(html)
"""


def test_text_is_never_markup_and_hovering_shows_all_of_it():
    page = AppTest.from_string(SCRIPT, default_timeout=60).run()
    html = page.get("html")[0].proto.body
    assert "<script>" not in html
    assert "<i>" not in html
    table = tables(page)[0]
    assert table.label == "A & B"
    assert table.heads == ["<i>x</i>", "Title"]
    assert table.rows == [["1", "<script>cut</script>"], ["2", ""]]
    assert 'the "whole" <b>' in table.hovers
    assert "rgba(213, 94, 0, .38) 50.0%" in html
    assert html.count('<tr class="m">') == 1


def test_only_the_highest_is_marked():
    cells = bar_cells(pd.Series([0.3, 0.4, 0.2, 0.1]), sign=False)
    assert [cell.text for cell in cells] == ["0.300", f"{HIGHEST}0.400", "0.200", "0.100"]
    assert [cell.strong for cell in cells] == [False, True, False, False]
    equal = bar_cells(pd.Series([0.0, 0.0, None, None]), sign=True)
    assert [cell.text for cell in equal] == ["0.00", "0.00", "", ""]
    assert highest(pd.Series([1.0, 1.0])).tolist() == [False, False]
    assert highest(pd.Series([0.2, None, 0.2 + 1e-8])).tolist() == [False, False, False]
    assert highest(pd.Series([None, None], dtype=float)).tolist() == [False, False]
    assert highest(pd.Series([None, 2.0, 1.0])).tolist() == [False, True, False]
    assert highest(pd.Series([0.5, 0.0, 0.5])).tolist() == [False, False, False]  # one was muted
    assert highest(pd.Series([0.4, 0.0, 0.4, 0.2])).tolist() == [True, False, True, False]


def test_bars_are_as_long_as_the_magnitude_beside_the_largest():
    cells = bar_cells(pd.Series([0.25, 0.0, -1.0, 0.5]), sign=True)
    assert [cell.bar for cell in cells] == pytest.approx([0.25, 0.0, -1.0, 0.5])
    cells = bar_cells(pd.Series([0.4, 0.6, None, None]), sign=False)
    assert [cell.bar for cell in cells][2:] == [0, 0]


def test_a_title_that_can_be_clicked_is_cut_where_its_room_ends(browser):
    title = Cell("First Wives Club, The (1996)", pick="476")
    made = table("Items", [Head("Item", kind="title"), Head("Note")], [[title, Cell("target")]])
    page = watched(browser.new_page(viewport={"width": 1280, "height": 400}))
    page.set_content(f"{STYLE}<div style='width: 200px'>{made}</div>")
    button, cell, style = page.locator("button").evaluate(
        "e => [e.offsetWidth, e.parentElement.clientWidth, getComputedStyle(e).textOverflow]"
    )
    page.close()
    assert 0 < button <= cell
    assert style == "ellipsis"


def opened(browser, made, width):
    """A page with a table alone."""
    size = {"width": width, "height": 600}
    page = watched(browser.new_page(viewport=size, color_scheme="light"))
    page.set_content(f"<body style='margin: 8px'>{STYLE}{made}</body>")
    return page


def test_prose_is_read_whole_on_a_telephone_and_its_column_can_stay(browser):
    asked = "Do the largest weights matter more than as much attention elsewhere?"
    models = [Head(f"Model {n}", kind="text") for n in range(6)]
    answers = [Cell("cannot tell", below=("0.062 [0.027, 0.119]",))] * len(models)
    head = Head("Question", kind="prose", stays=True)
    made = table("Questions", [head, *models], [[Cell(asked), *answers]] * 9)
    page = opened(browser, made, 400)
    whole = "e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight"
    first = page.locator("tbody td").first
    assert first.evaluate(whole)
    assert first.evaluate("e => getComputedStyle(e).textOverflow") == "clip"
    frame = page.locator(".aw")
    assert frame.evaluate("e => e.scrollWidth > e.clientWidth")
    assert frame.evaluate("e => e.scrollHeight <= e.clientHeight")  # to the last question
    frame.evaluate("e => { e.scrollLeft = 200; }")
    left = first.evaluate("e => e.getBoundingClientRect().left")
    assert left == frame.evaluate("e => e.getBoundingClientRect().left + e.clientLeft")
    numbers = page.locator("small")
    assert not any(each.is_visible() for each in numbers.all())
    page.set_viewport_size({"width": 1280, "height": 600})
    assert all(each.is_visible() for each in numbers.all())
    page.close()


def test_a_shadow_tells_where_a_table_goes_on(browser):
    heads = [Head("Item", kind="title"), *(Head(f"Column {n}") for n in range(9))]
    made = table("Wide", heads, [[Cell("")] * len(heads)] * 3)

    def greys(page) -> tuple[int, int]:
        """The darkest red at either edge of the second row."""
        box = page.locator("tbody tr").nth(1).bounding_box()
        frame = page.locator(".aw").bounding_box()
        strips = []
        for left in (frame["x"] + 1, frame["x"] + frame["width"] - 5):
            clip = {"x": left, "y": box["y"] + 2, "width": 4, "height": 4}
            strip = pixels(page.screenshot(clip=clip))
            strips.append(int(strip.min()))
        return strips[0], strips[1]

    page = opened(browser, made, 400)
    begin = greys(page)
    assert begin[0] > 250 > 230 > begin[1]
    page.locator(".aw").evaluate("e => { e.scrollLeft = 1e6; }")
    end = greys(page)
    assert end[0] < 230 < 250 < end[1]
    page.set_viewport_size({"width": 1280, "height": 600})
    assert min(greys(page)) > 250
    page.close()


def test_a_long_head_takes_several_lines(browser):
    heads = [Head("Item", kind="title"), Head("Input x gradient, attention and norms held")]
    page = opened(browser, table("Long", heads, [[Cell("a"), Cell("1")]]), 1280)
    wide, high = page.locator("thead th").nth(1).evaluate("e => [e.offsetWidth, e.offsetHeight]")
    page.close()
    assert wide < 200
    assert high > 40
