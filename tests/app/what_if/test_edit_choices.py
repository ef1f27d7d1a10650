"""What is said of an edit, and that one which changes nothing says so."""

from dataclasses import replace

import pytest

from workbench import load_data
from workbench.app.what_if.edit_choices import describe_edits
from workbench.explore.scenario import read_changes

UNREAD = "(changes nothing: only the latest 5 items are read)"
EQUAL = "(changes nothing: all weights are equal)"
EQUAL_IN_ONE = "(changes nothing in b: all its weights are equal)"
LAST = "(changes nothing: the last weight stays)"
NEITHER, ONE, BOTH = ({"a": a, "b": b} for a, b in ((False, False), (False, True), (True, True)))


def test_long_titles_are_cut_where_it_is_asked_for(films):
    data = load_data(films)
    data = replace(data, titles=[title and title + 320 * "x" for title in data.titles])
    for edit in ("remove:24", "replace:24:i1", "insert:24:i1", "move:24:23", "mute:24"):
        changes = read_changes(data, edit)
        (whole,) = describe_edits(data, 0, changes, 24, NEITHER)
        (told,) = describe_edits(data, 0, changes, 24, NEITHER, 80)
        assert len(whole) > 320
        assert len(told) < 200
        assert "\N{HORIZONTAL ELLIPSIS}" in told


@pytest.mark.parametrize(
    ("edits", "uniform", "ends"),
    [
        ("remove:3", NEITHER, [UNREAD]),
        ("mute:19", NEITHER, [UNREAD]),
        ("remove:20", NEITHER, [None]),  # of 24, an older item comes into the five
        ("mute:20", NEITHER, [None]),
        ("move:1:2, move:1:24", NEITHER, [UNREAD, None]),
        ("remove:24, remove:3", NEITHER, [None, UNREAD]),
        ("largest", NEITHER, [None]),
        ("largest", ONE, [EQUAL_IN_ONE]),
        ("largest", BOTH, [EQUAL]),
        ("uniform", BOTH, [EQUAL]),
        ("largest, uniform, largest", NEITHER, [None, None, EQUAL]),
        ("mute:20, mute:21, largest, largest, largest", NEITHER, [None] * 4 + [LAST]),  # of three
    ],
)
def test_an_edit_that_changes_nothing_says_so(films, edits, uniform, ends):
    data = load_data(films)
    texts = describe_edits(data, 0, read_changes(data, edits), 5, uniform)
    assert len(texts) == len(ends)
    for text, end in zip(texts, ends, strict=True):
        assert text.endswith(end) if end else "nothing" not in text
