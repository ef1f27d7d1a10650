"""Edits of a history, and their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.tiny import data_of
from workbench.errors import WorkbenchError
from workbench.explore.scenario import (
    Change,
    Entry,
    Scenario,
    apply_all,
    read_changes,
    write_changes,
)

DATA = data_of([1, 2, 3, 4, 9], [5], times=[10, 20, 30, 40, 50, 7])


def after(*changes: Change) -> Scenario:
    return apply_all(Scenario.of(DATA, 0), changes)


def items(scenario: Scenario) -> list[int]:
    return [entry.item for entry in scenario.entries]


def test_a_scenario_starts_as_the_history_before_the_held_out_item():
    start = after()
    assert start.entries == (Entry(1, 1), Entry(2, 2), Entry(3, 3), Entry(4, 4))
    assert start.times == (10, 20, 30, 40)
    assert (start.uniform, start.largest) == (False, 0)
    with pytest.raises(WorkbenchError, match="user u1 of tiny has a single item"):
        Scenario.of(DATA, 1)


@pytest.mark.parametrize(
    ("change", "left", "times"),
    [
        (Change("remove", 2), [1, 3, 4], (10, 30, 40)),
        (Change("replace", 3, 7), [1, 2, 7, 4], (10, 20, 30, 40)),
        (Change("insert", 1, 7), [7, 1, 2, 3, 4], (10, 10, 20, 30, 40)),
        (Change("insert", 3, 7), [1, 2, 7, 3, 4], (10, 20, 20, 30, 40)),
        (Change("insert", 5, 7), [1, 2, 3, 4, 7], (10, 20, 30, 40, 40)),
        (Change("move", 4, 1), [4, 1, 2, 3], (10, 20, 30, 40)),
        (Change("move", 1, 3), [2, 3, 1, 4], (10, 20, 30, 40)),
        (Change("mute", 2), [1, 2, 3, 4], (10, 20, 30, 40)),
    ],
)
def test_each_edit_of_the_history(change, left, times):
    edited = after(change)
    assert items(edited) == left
    assert edited.times == times


def test_places_and_muting_go_along_with_their_item():
    edited = after(Change("mute", 2), Change("move", 2, 4), Change("remove", 1))
    assert edited.entries == (Entry(3, 3), Entry(4, 4), Entry(2, 2, muted=True))
    assert after(Change("mute", 2), Change("replace", 2, 8)).entries[1] == Entry(8)


def test_edits_of_attention_add_up():
    edited = after(Change("largest"), Change("uniform"), Change("largest"))
    assert (edited.uniform, edited.largest, items(edited)) == (True, 2, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([Change("remove", 5)], r"edit 1, remove: there is no position 5; choose from 1 to 4\."),
        ([Change("remove", 1), Change("mute", 4)], r"edit 2, mute: there is no position 4"),
        ([Change("insert", 6, 1)], r"no position 6; choose from 1 to 5\."),
        ([Change("move", 1, 5)], r"no position 5; choose from 1 to 4\."),
        ([Change("remove", 1)] * 4, r"edit 4, remove: the last item left cannot be removed"),
    ],
)
def test_edits_that_cannot_be_made_say_which_and_why(changes, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        after(*changes)


def test_edits_as_text():
    text = "remove:3, replace:5:i7, insert:1:i12, move:7:2, mute:4, largest, uniform"
    changes = read_changes(DATA, text)
    assert changes == [
        Change("remove", 3),
        Change("replace", 5, 7),
        Change("insert", 1, 12),
        Change("move", 7, 2),
        Change("mute", 4),
        Change("largest"),
        Change("uniform"),
    ]
    assert write_changes(DATA, changes) == text
    assert read_changes(DATA, " ") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("delete:3", "'delete:3' is no edit; write such as remove:3"),
        ("remove", "'remove' is no edit"),
        ("remove:3:4", "is no edit"),
        ("remove:-1", "'-1' is no position"),
        ("remove:\N{SUPERSCRIPT TWO}", "is no position"),
        ("move:1:x", "'x' is no position"),
        ("replace:1:zzz", "tiny has no item 'zzz'"),
        ("replace:1:[pad]", r"tiny has no item '\[pad\]'"),
    ],
)
def test_text_that_means_nothing_is_told(text, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        read_changes(DATA, text)


CHANGES = st.lists(
    st.one_of(
        st.builds(Change, st.sampled_from(["remove", "mute"]), st.integers(1, 999), st.just(0)),
        st.builds(Change, st.sampled_from(["replace", "insert", "move"]), *[st.integers(1, 9)] * 2),
        st.builds(Change, st.sampled_from(["largest", "uniform"]), st.just(0), st.just(0)),
    ),
    max_size=6,
)


@given(CHANGES, st.lists(st.text(min_size=1, max_size=4), min_size=9, max_size=9, unique=True))
def test_any_raw_id_survives_the_text(changes, names):
    data = data_of([1, 2], n_items=9)
    data.item_ids[1:] = names
    assert read_changes(data, write_changes(data, changes)) == changes


def test_an_edit_that_is_none_is_told():
    with pytest.raises(WorkbenchError, match="'remov' is no edit; choose from remove, replace"):
        after(Change("remov", 1))
