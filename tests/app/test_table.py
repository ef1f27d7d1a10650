"""Tables as HTML: nothing from the data is taken for markup."""

from streamlit.testing.v1 import AppTest

from tests.app.shown import tables

SCRIPT = """
from workbench.app.table import Cell, Head, show_table
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


def test_text_is_text_and_the_whole_is_told_on_hover():
    page = AppTest.from_string(SCRIPT, default_timeout=60).run()
    html = page.get("html")[0].proto.body
    assert "<script>" not in html
    assert "<i>" not in html
    found = tables(page)[0]
    assert found.label == "A & B"
    assert found.heads == ["<i>x</i>", "Title"]
    assert found.rows == [["1", "<script>cut</script>"], ["2", ""]]
    assert 'the "whole" <b>' in found.hovers
    assert "rgba(213, 94, 0, .38) 50.0%" in html
    assert html.count('<tr class="m">') == 1
