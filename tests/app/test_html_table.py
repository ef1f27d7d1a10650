"""Tables as HTML: text from the data is never markup; bars and marks of numbers."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.app.shown import tables
from workbench.explore.markup import HIGHEST, STYLE, Cell, Head, bar_cells, highest, table

SCRIPT = """
from workbench.app.html_table import show_table
from workbench.explore.markup import Cell, Head
show_table(
    "A & B",
    [Head("<i>x</i>", 'say "why"'), Head("Title", kind="title", starts_group=True)],
    [
        [Cell("1", bar=-0.5), Cell("<script>cut</script>", hover='the "whole" <b>')],
        [Cell("2"), Cell("")],
    ],
    groups=[("", 1), ("G", 1)],
    marked=[1],
)
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
    assert highest(pd.Series([None, 2.0, 1.0])).tolist() == [False, True, False]


def test_bars_are_as_long_as_the_magnitude_beside_the_largest():
    cells = bar_cells(pd.Series([0.25, 0.0, -1.0, 0.5]), sign=True)
    assert [cell.bar for cell in cells] == pytest.approx([0.25, 0.0, -1.0, 0.5])
    cells = bar_cells(pd.Series([0.4, 0.6, None, None]), sign=False)
    assert [cell.bar for cell in cells][2:] == [0, 0]


def test_a_title_that_can_be_clicked_is_cut_where_its_room_ends(browser):
    title = Cell("First Wives Club, The (1996)", pick="476")
    made = table("Items", [Head("Item", kind="title"), Head("Note")], [[title, Cell("target")]])
    page = browser.new_page(viewport={"width": 1280, "height": 400})
    page.set_content(f"{STYLE}<div style='width: 200px'>{made}</div>")
    button, cell, style = page.locator("button").evaluate(
        "e => [e.offsetWidth, e.parentElement.clientWidth, getComputedStyle(e).textOverflow]"
    )
    page.close()
    assert 0 < button <= cell
    assert style == "ellipsis"
