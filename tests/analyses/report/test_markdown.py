import html
import re

import markdown as python_markdown
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analyses.report.exports import as_markdown
from analyses.report.markdown import code, listed, literal, table
from tests.analyses.report.invented import report

TEXT = st.text(st.sampled_from(r"ab1 \`*_{}[]()<>#+-.!|~&;:=" + '"'), min_size=1, max_size=24).map(
    lambda text: " ".join(text.split()) or "a"
)
commonmark = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render


def pages(text):
    """Text as readers of report.md and the documentation's own see it, as HTML."""
    return commonmark(text), python_markdown.markdown(text, extensions=["tables"])


def words(page):
    return html.unescape(re.sub(r"<[^>]*>", "", page)).strip()


@given(TEXT)
@example("# One")
@example("1. One")
@example("- One")
@example("[x](javascript:0)")
@example("![x](y)")
@example("a&lt;b <b>c</b>")
@example("**very** _good_ ~~model~~")
@example("\\")
@example("- - -")
@example("--")
@example("> #")
@example("a | b")
@example("[x] done")
@example("[x]: y")
@example("+0.5 [+0.25, +0.75]")
def test_outside_text_is_shown_as_it_is(text):
    for page in pages(listed([text])):
        assert words(page) == text
        assert set(re.findall(r"<(\w+)", page)) == {"ul", "li"}


@given(TEXT)
@example("|")
@example("a\\|b")
def test_outside_text_ends_no_cell_of_a_table(text):
    for page in pages(table(pd.DataFrame({"model": [text], "n": ["1"]}))):
        assert [words(cell) for cell in re.findall("<td[^>]*>(.*?)</td>", page)] == [text, "1"]


@pytest.mark.parametrize("text", ["a = 1", "```\n# One\n```", "a ```` b"])
def test_a_command_is_shown_as_it_was_typed(text):
    page = commonmark(code(text))
    assert words(page) == text
    assert set(re.findall(r"<(\w+)", page)) == {"pre", "code"}


def test_the_report_as_text_shows_names_as_they_are():
    page = commonmark(as_markdown(report()))
    assert "<td>a|b</td>" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_control_characters_are_seen():
    assert literal("a\nb\u202ec") == r"a\\nb\\u202ec"
