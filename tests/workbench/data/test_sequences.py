"""`from_interactions` against a plain reimplementation, one row at a time."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import SequenceData, from_interactions
from workbench.errors import WorkbenchError

ROWS = st.lists(
    st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.integers(0, 4)), max_size=30
)


def by_hand(rows, min_user, min_item, duplicates):
    """[(user, [(item, time), ...])] in the order of numbering, and items in theirs."""
    kept = sorted(enumerate(rows), key=lambda pair: pair[1][2])  # stable: ties in file order
    while True:
        before = len(kept)
        seen, last, unique = Counter(), {}, []
        for number, row in kept if duplicates != "last" else kept[::-1]:
            user, item, _ = row
            repeated = seen[user, item] if duplicates in ("first", "last") else (
                last.get(user) == item and duplicates == "consecutive"
            )  # fmt: skip
            seen[user, item] += 1
            last[user] = item
            if not repeated:
                unique.append((number, row))
        kept = unique if duplicates != "last" else unique[::-1]
        users = Counter(row[0] for _, row in kept)
        kept = [pair for pair in kept if users[pair[1][0]] >= min_user]
        items = Counter(row[1] for _, row in kept)
        kept = [pair for pair in kept if items[pair[1][1]] >= min_item]
        if len(kept) == before:
            break
    in_file = [row for _, row in sorted(kept)]
    histories = {user: [] for user, _, _ in in_file}
    for _, (user, item, time) in kept:
        histories[user].append((item, time))
    return list(histories.items()), list(dict.fromkeys(item for _, item, _ in in_file))


@settings(max_examples=300, deadline=None)
@given(
    ROWS,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["keep", "first", "last", "consecutive"]),
    st.booleans(),
)
def test_agrees_with_the_rules_applied_by_hand(rows, min_user, min_item, duplicates, timed):
    if not timed:
        rows = [(user, item, 0) for user, item, _ in rows]
    histories, items = by_hand(rows, min_user, min_item, duplicates)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    arguments = [np.array(columns[0], object), np.array(columns[1], object)]
    if timed:
        arguments.append(np.array(columns[2], np.int64))
    options = {"min_user": min_user, "min_item": min_item, "duplicates": duplicates}
    if not histories:
        with pytest.raises(WorkbenchError, match="none is left"):
            from_interactions(*arguments, **options)
        return
    data = from_interactions(*arguments, **options)
    assert data.user_ids.tolist() == [user for user, _ in histories]
    assert data.item_ids.tolist() == ["[pad]", *items]
    assert data.items.dtype == np.int32
    for user, (_, history) in enumerate(histories):
        assert data.item_ids[data.history(user)].tolist() == [item for item, _ in history]
    times = [time for _, history in histories for _, time in history]
    assert data.times is None if not timed else data.times.tolist() == times
    provenance = json.loads(json.dumps(data.provenance))
    assert provenance["rows_read"] - sum(provenance["rows_dropped"].values()) == len(data.items)


def test_core_is_repeated_until_stable():
    # dropping item b leaves u2 with one interaction, dropping u2 leaves item a with one
    data = from_interactions(
        np.array(["u1", "u1", "u1", "u2", "u2", "u3", "u3"]),
        np.array(["c", "d", "a", "a", "b", "c", "d"]),
        min_user=2,
        min_item=2,
    )
    assert data.user_ids.tolist() == ["u1", "u3"]
    assert data.item_ids.tolist() == ["[pad]", "c", "d"]
    assert data.provenance["rows_dropped"] == {"duplicates": 0, "rare_users": 1, "rare_items": 2}


def test_numbers_follow_the_file_and_not_the_clock():
    data = from_interactions(
        np.array(["u", "v", "u", "v"]), np.array(["x", "y", "z", "x"]), np.array([9, 1, 1, 1])
    )
    assert data.item_ids.tolist() == ["[pad]", "x", "y", "z"]
    assert data.history(0).tolist() == [3, 1]  # z before x in time
    assert data.history(1).tolist() == [2, 1]  # a tie: the order of the file
    assert data.owners.tolist() == [0, 0, 1, 1]
    assert data.provenance["tie_share"] == 0.5


def test_fractions_of_seconds_order_but_are_not_stored():
    data = from_interactions(np.array(["u"] * 2), np.array(["a", "b"]), np.array([7.9, 7.1]))
    assert data.item_ids[data.history(0)].tolist() == ["b", "a"]
    assert data.times.tolist() == [7, 7]
    assert data.provenance["tie_share"] == 0


def test_arrow_pandas_and_numpy_columns_are_the_same_data():
    users, items = ["u", "v", "u", "v"], ["a", "b", "b", "a"]
    made = [
        from_interactions(make(users), make(items))
        for make in (
            np.array,
            pd.Series,
            pa.array,
            lambda column: pa.chunked_array([column[:2], column[2:]]).dictionary_encode(),
        )
    ]
    assert len({data.checksum for data in made}) == 1


def test_checksum_tells_every_array_and_only_those():
    data = from_interactions(np.array(list("uuvv")), np.array(list("abba")), np.arange(4))
    same = replace(data, name="other", titles=["t"] * 3, provenance={})
    assert same.checksum == data.checksum
    for change in (
        {"items": np.roll(data.items, 1)},
        {"times": data.times + 1},
        {"times": None},
        {"offsets": np.array([0, 1, 4])},
        {"item_ids": np.array(["[pad]", "a", "c"], object)},
        {"user_ids": np.array(["u", "w"], object)},
    ):
        assert replace(data, **change).checksum != data.checksum


def test_titles_fall_back_to_tokens():
    columns = np.array(["u", "u"]), np.array(["a", "b"])
    assert from_interactions(*columns).title(2) == "b"
    titled = from_interactions(*columns, titles={"a": "Alpha", "z": "unused"})
    assert isinstance(titled, SequenceData)
    assert titled.titles == ["[pad]", "Alpha", "b"]


@pytest.mark.parametrize(
    ("times", "options"),
    [
        ([1.0, np.nan], {}),
        ([1.0, 1e30], {}),
        ([1.0, np.inf], {}),
        (["a", "b"], {}),
        ([1], {}),
        (None, {"duplicates": "some"}),
        (None, {"min_user": 0}),
        (None, {"min_user": 3}),
    ],
)
def test_what_cannot_be_is_told(times, options):
    with pytest.raises(WorkbenchError):
        from_interactions(
            np.array(["u", "u"]),
            np.array(["a", "b"]),
            None if times is None else np.array(times),
            **options,
        )


def test_one_interaction_is_told_as_one():
    with pytest.raises(WorkbenchError, match="of 1 interaction none is left after"):
        from_interactions(np.array(["u"]), np.array(["a"]), min_user=2)


def test_missing_tokens_are_told():
    with pytest.raises(WorkbenchError, match="no item"):
        from_interactions(np.array(["u", "u"]), np.array(["a", None], object))
    with pytest.raises(WorkbenchError, match="no user"):
        from_interactions(pa.array(["u", None]), pa.array(["a", "b"]))


@pytest.mark.parametrize(
    ("times", "titles", "has"),
    [(None, None, "no times, no titles"), (np.arange(1200), {"0": "A"}, "times, titles")],
)
def test_data_are_shown_in_a_line(times, titles, has):
    data = from_interactions(["u"] * 1200, range(1200), times, name="a\nb", titles=titles)
    assert repr(data) == f"SequenceData('a\\nb': 1 user, 1,200 items, 1,200 interactions, {has})"
    numbered = from_interactions(
        [1, 1, 1], [10, 20, 30], titles={10: "Ten", 20.0: "Twenty", 30: None}
    )
    assert numbered.titles == ["[pad]", "Ten", "Twenty", "30"]


def test_dates_of_every_kind_are_times():
    dates = pd.Series(pd.to_datetime(["2021-07-02 12:00", "2021-07-01 12:00"]))
    seconds = [1625140800, 1625227200]
    zoned = dates.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    for times in (
        dates,
        zoned,
        dates.to_numpy(),
        pa.array(zoned),
        list(zoned),
        [time.to_pydatetime() for time in zoned],
        [time.to_pydatetime() for time in dates],
    ):
        assert from_interactions(["u", "u"], ["a", "b"], times).times.tolist() == seconds
    days = from_interactions(["u", "u"], ["a", "b"], dates.dt.date)
    assert days.times.tolist() == [second - 43200 for second in seconds]
    gaps = from_interactions(["u"] * 3, list("abc"), [*zoned, pd.NaT], missing="drop")
    assert gaps.times.tolist() == seconds


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (["2021-07-01", "2021-07-02"], "times are text; give .* dates"),
        (pd.Series(["2021-07-01", "2021-07-02"]), "times are text"),
        ([1625140800000, 1625227200000], "row 1 is 1625140800000, .* beyond the year 9999"),
        ([1625140800, np.nan], "row 2 is nan; .* leave out rows without"),
    ],
)
def test_what_is_no_time_in_memory_is_told(times, told):
    with pytest.raises(WorkbenchError, match=told):
        from_interactions(["u", "u"], ["a", "b"], times)


@pytest.mark.parametrize("users", ["ab", 3, (user for user in "ab"), [["a"], ["b"]]])
def test_what_is_no_column_is_told(users):
    with pytest.raises(WorkbenchError, match="users: give a list, or a column, with one of them"):
        from_interactions(users, ["x", "y"])


def test_titles_that_name_no_item_are_told():
    with pytest.raises(WorkbenchError, match="titles are a list; give a dict with the title of"):
        from_interactions(["u", "u"], ["x", "y"], titles=["One", "Two"])


def test_columns_of_pandas_that_belong_together_otherwise_are_refused():
    frame = pd.DataFrame({"user": list("uuvv"), "item": list("abab"), "time": [1, 2, 3, 4]})
    turned = frame.iloc[::-1]
    for columns, named in (
        ((frame["user"], turned["item"]), "users and items"),
        ((turned["user"], frame["item"]), "users and items"),
        ((frame["user"], frame["item"], turned["time"]), "users and times"),
        ((frame["user"].tolist(), frame["item"], turned["time"]), "items and times"),
    ):
        with pytest.raises(WorkbenchError, match=f"^{named} have different pandas indices, .*num"):
            from_interactions(*columns)
    wanted = from_interactions(*(turned[column].tolist() for column in turned))
    for columns in (
        [turned[column] for column in turned],
        [turned["user"], *(turned[column].to_numpy() for column in ("item", "time"))],
        [turned["user"], *(turned[column].set_axis(turned.index) for column in ("item", "time"))],
    ):
        assert from_interactions(*columns).checksum == wanted.checksum
