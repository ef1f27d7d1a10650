"""Long names in lines."""

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from analyses.telling.style import wrapped


def test_the_last_line_is_not_a_word_by_itself():
    title = "SASRec: without the 5 items named, the item loses 0.9 nats; without the last 5, 2.2"
    assert wrapped(title, 80).splitlines() == [
        "SASRec: without the 5 items named, the item",
        "loses 0.9 nats; without the last 5, 2.2",
    ]


def test_words_stay_whole():
    name = "model: AC-SASRec normalization=renormalize"
    assert wrapped(name).splitlines() == ["model: AC-SASRec", "normalization=renormalize"]
    assert wrapped("a " + 8 * "b", 6).splitlines() == ["a bbbb", "bbbb"]  # longer than a line


@given(st.text("ab -/", max_size=60), st.integers(1, 30))
def test_lines_are_as_few_as_they_can_be(name: str, width: int):
    lines = wrapped(name, width).splitlines()
    greedy = textwrap.wrap(name, width, break_on_hyphens=False)
    assert len(lines) == len(greedy)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert all(len(line) <= width for line in lines)
