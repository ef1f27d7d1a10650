"""What is said of an edit, and that one which changes nothing says so."""

import pytest

from workbench import load_data
from workbench.app.what_if.edit_choices import describe_edits
from workbench.explore.scenario import read_changes

UNREAD = "(changes nothing: only the latest 5 items are read)"
EQUAL = "(changes nothing: all weights are equal)"


@pytest.mark.parametrize(
    ("edits", "uniform", "ends"),
    [
        ("remove:3", False, [UNREAD]),
        ("mute:19", False, [UNREAD]),
        ("remove:20", False, [None]),  # of 24, an older item comes into the five
        ("mute:20", False, [None]),
        ("move:1:2, move:1:24", False, [UNREAD, None]),
        ("remove:24, remove:3", False, [None, UNREAD]),
        ("largest", False, [None]),
        ("largest", True, [EQUAL]),
        ("largest, uniform, largest", False, [None, None, EQUAL]),
    ],
)
def test_an_edit_that_changes_nothing_says_so(films, edits, uniform, ends):
    data = load_data(films)
    texts = describe_edits(data, 0, read_changes(data, edits), 5, uniform=uniform)
    assert len(texts) == len(ends)
    for text, end in zip(texts, ends, strict=True):
        assert text.endswith(end) if end else "nothing" not in text
