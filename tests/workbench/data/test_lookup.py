"""Users by id, items by title, and test cases."""

import numpy as np
import pytest

from tests.workbench.tiny import data_of
from workbench.data.lookup import (
    drawn_users,
    find_item,
    find_user,
    find_users,
    item_with_id,
    search_items,
    search_users,
    users_with_case,
)
from workbench.data.sequences import SequenceData, from_interactions
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError

TITLES = {"a": "Star Wars", "b": "The Star", "c": "Wars of the Star", "d": "Dune", "e": "star wars"}


@pytest.fixture
def data() -> SequenceData:
    users = ["7", "7", "7", "7", "42", "42", "9"]
    return from_interactions(users, [*"abcdbea"], titles=TITLES, min_user=1, name="films")


def test_users_are_found_by_their_raw_id(data):
    assert [find_user(data, name) for name in ("7", " 42 ", "9")] == [0, 1, 2]
    with pytest.raises(WorkbenchError, match=r"films has no user '4'; its 3 users .* such as 42\."):
        find_user(data, "4")
    with pytest.raises(WorkbenchError, match=r"no user 'x'; its 3 users .* such as 7, 9\."):
        find_user(data, "x")


def test_ids_of_a_text_may_hold_blanks_and_commas():
    names = ["a", "b c", "d, e", "f"]
    data = from_interactions([*names, *names], [1] * 8, name="films")
    found, others = find_users(data, "f, a g\n d, e \nb c\na\n")
    assert (data.user_ids[found].tolist(), others) == (["f", "a", "d, e", "b c"], ["g"])


def test_a_case_is_the_last_item_after_the_others(data):
    case = held_out_cases(data, 2, [0])
    assert (case.starts.tolist(), case.ends.tolist()) == ([1], [3])
    assert data.title(int(case.targets[0])) == "Dune"
    with pytest.raises(WorkbenchError, match="user 9 of films has no item before the held-out"):
        held_out_cases(data, 2, [2])


def test_users_without_a_case_are_left_out(data):
    assert users_with_case(data).tolist() == [0, 1]
    single = from_interactions(["1", "2"], ["a", "b"], min_user=1, name="lone")
    with pytest.raises(WorkbenchError, match="lone: no user has two"):
        users_with_case(single)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("star wars", ["Star Wars", "star wars", "Wars of the Star"]),
        ("STAR", ["The Star", "Star Wars", "star wars", "Wars of the Star"]),
        ("wars the", ["Wars of the Star"]),
        ("d", ["Dune"]),
        ("matrix", []),
    ],
)
def test_every_word_must_be_in_the_title(data, text, found):
    assert [data.title(item) for item in search_items(data, text)] == found


def test_raw_ids_are_searched_too(data):
    untitled = SequenceData("raw", data.items, None, data.offsets, data.item_ids, data.user_ids)
    assert search_items(untitled, "c") == [int(np.flatnonzero(data.item_ids == "c")[0])]


def test_a_search_is_cut_to_its_limit(data):
    assert search_items(data, "star", limit=2) == search_items(data, "star")[:2]
    assert search_items(data, " ", limit=3) == [1, 2, 3]


def test_users_are_found_by_what_they_have(data):
    # 7 has a b c d, 42 has b e, 9 has a; a and e are Star Wars, c has both words as well
    assert search_users(data, "star wars").tolist() == [1, 2, 0]  # by how long ago the latest is
    assert search_users(data, "the star, DUNE").tolist() == [0]
    with pytest.raises(WorkbenchError, match="No title in films contains 'alien'; try fewer"):
        search_users(data, "dune, alien")
    apart = from_interactions([*"1122"], [*"dabc"], titles=TITLES, min_user=1, name="films")
    with pytest.raises(WorkbenchError, match="Nobody in films has an item of each"):
        search_users(apart, "dune, of the")


def test_users_are_drawn_where_they_are_many():
    data = data_of(*[[1, 2]] * 30, [3])
    assert drawn_users(data, 30).tolist() == list(range(30))
    some = drawn_users(data, 10)
    assert len(set(some.tolist())) == 10
    assert (np.diff(some) > 0).all()
    assert drawn_users(data, 10, seed=1).tolist() != some.tolist()


def test_an_item_is_found_by_its_id_alone():
    data = data_of([3, 1, 2])
    assert item_with_id(data, str(data.item_ids[2])) == 2
    assert item_with_id(data, str(data.item_ids[0])) is None  # padding


def test_ids_that_are_numbers_are_found_as_numbers():
    numbered = from_interactions([7, 7, 5, 5], [30, 10, 10, 20])
    assert find_user(numbered, 5) == find_user(numbered, np.int64(5)) == 1
    assert find_item(numbered, 20) == find_item(numbered, "20") == 3
