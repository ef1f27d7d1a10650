"""Numbers and measures in words."""

import ast
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app import words
from workbench.explore.inspection import RowAgreement
from workbench.phrases import cut

MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3 * 3600, "3 h"),
        (86_400 * 12.4, "12 d"),
        (86_400 * 61, "2 mo"),
        (86_400 * 731, "2 y"),
        (math.nan, ""),
    ],
)
def test_how_long_ago(seconds, text):
    assert words.ago(seconds) == text


@pytest.mark.parametrize(
    ("column", "sign", "written"),
    [
        ([0.5, -0.25, 0.0], True, ["+0.500", f"{MINUS}0.250", "0.000"]),
        ([123.4, -0.4], False, ["123", "0"]),
        ([0.0000456, 0.0000001], False, ["0.0000456", "0.0000001"]),
        ([math.nan, 2.0], False, ["", "2.00"]),
        ([0.0, 0.0], True, ["0.00", "0.00"]),
        ([], False, []),
    ],
)
def test_three_digits_of_the_largest_number(column, sign, written):
    assert [words.numbers(column, sign=sign)(value) for value in column] == written


def test_two_decimals():
    assert words.decimal(-0.256) == f"{MINUS}0.26"
    assert words.decimal(0.3, sign=True) == "+0.30"
    assert words.decimal(math.nan) == ""


@given(st.text(max_size=60), st.integers(1, 40))
def test_cut_titles_are_no_longer_than_allowed(title, width):
    short = cut(title, width)
    assert len(short) <= width
    assert short == title or short.endswith("\N{HORIZONTAL ELLIPSIS}")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("abc\u202edef", r"abc\u202edef"),
        ("a\nb\tc\x00", r"a\nb\tc\x00"),
        ("half \ud83d", r"half \ud83d"),
        ("a\u2028b\u200bc\ufeff", r"a\u2028b\u200bc\ufeff"),
        (
            "\u0645\u06cc\u200c\u062e \u00e9 \U0001f468\u200d\U0001f469 5\u00a0%",
            None,
        ),  # ordinary text
        ("C:\\new *a*", None),
    ],
)
def test_what_is_not_seen_is_written_as_its_escape(text, written):
    assert words.plain(text) == (written or text)


def test_markdown_is_written_literally():
    assert words.literal("*a* $b$ [c](d) <e> 1. &") == (
        r"\*a\* \$b\$ \[c\]\(d\) \<e\> 1\. \&"
    )  # fmt: skip
    assert words.literal("    code") == "\N{NO-BREAK SPACE}" * 4 + "code"


# what GitHub's Markdown and Streamlit replace in text, even where it is escaped
REPLACED_IN_TEXT = re.compile(
    r"https?://|www\.|[-.\w+]@[-\w]|:[\w+-]+:|:material/|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
    re.IGNORECASE | re.ASCII,
)
PIECES = st.sampled_from(
    [
        "http://",
        "WWW.",
        "a@b.c",
        ":",
        "x",
        "-",
        "<",
        ">",
        "~",
        "=",
        " ",
        "\\",
        "material/",
        "\n",
        "*",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_nothing_is_replaced_in_literal_text(text):
    literal = words.literal(text)
    assert "\n" not in literal
    unescaped = re.sub(r"\\([^\w\s])", r"\1", literal, flags=re.ASCII)
    assert not REPLACED_IN_TEXT.search(unescaped)
    assert unescaped.replace(words.APART, "").replace("\u00a0", " ") == text.replace("\n", r"\n")


def test_tau_is_the_share_of_pairs_in_the_same_order():
    """Three of four pairs concordant: tau = (3 - 1) / 4."""
    sentence = words.agreement(RowAgreement(0.5, 0.234, 20), "saliency")
    assert f"about 75{SPACE}% of all pairs" in sentence
    assert f"in 23{SPACE}% of cases" in sentence
    assert sentence.endswith(words.CAUTION)
    assert f"in less than 1{SPACE}% of cases" in words.agreement(
        RowAgreement(0.9, 0.0001, 20), "saliency"
    )


def test_no_tau_says_why():
    assert "a history of 2 items is too short" in words.agreement(
        RowAgreement(math.nan, math.nan, 2), "saliency"
    )
    assert "are equal" in words.agreement(RowAgreement(math.nan, math.nan, 9), "saliency")


def test_whatever_is_typed_is_read_without_what_the_app_puts_in_its_messages():
    """A text that is copied from a message and typed into any field is what it was."""
    asking = 0
    for file in Path(words.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            source = ast.unparse(node)
            if re.search(r"st\.text_(input|area)\(|accept_new_options=True", source):
                asking += 1
                assert "words.typed" in source, f"{file.name}: {node.name}"
    assert asking > 10
    assert words.typed(f"planted:{words.APART}distance") == "planted:distance"
