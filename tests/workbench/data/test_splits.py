"""Leave-one-out and a global time split against Python lists, cut user by user."""

import math
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.tiny import data_of
from workbench.data.splits import cases, cases_at, split_seconds, windows, written_time
from workbench.errors import WorkbenchError

SEQUENCES = st.lists(st.lists(st.integers(1, 12), max_size=9), min_size=1, max_size=5)


def listed(data, some):
    """[(user, history, target)]."""
    spans = zip(some.users, some.starts, some.ends, some.targets, strict=True)
    return [(int(u), data.items[s:e].tolist(), int(t)) for u, s, e, t in spans]


@given(SEQUENCES, st.integers(1, 10))
def test_cases_are_cut_as_by_hand(sequences, max_length):
    data = data_of(*sequences)
    test = [(u, s[:-1][-max_length:], s[-1]) for u, s in enumerate(sequences) if len(s) >= 2]
    valid = [(u, s[:-2][-max_length:], s[-2]) for u, s in enumerate(sequences) if len(s) >= 3]
    train = [
        (u, s[:at][-max_length:], s[at])
        for u, s in enumerate(sequences)
        for at in range(1, len(s) - 2)
    ]
    assert listed(data, cases(data, "test", max_length)) == test
    assert listed(data, cases(data, "valid", max_length)) == valid
    assert listed(data, cases(data, "train", max_length)) == train


@given(SEQUENCES, st.integers(1, 10))
def test_windows_cover_every_training_target_once(sequences, max_length):
    data = data_of(*sequences)
    every = windows(data, max_length)
    covered = []
    for user, start, end in zip(every.users, every.starts, every.ends, strict=True):
        assert 1 <= end - start <= max_length
        assert data.offsets[user] <= start
        covered += [(int(user), int(at)) for at in range(start + 1, end + 1)]
    wanted = [
        (user, int(data.offsets[user]) + at)
        for user, s in enumerate(sequences)
        for at in range(1, len(s) - 2)
    ]
    assert sorted(covered) == wanted
    assert every.targets.tolist() == data.items[every.ends].tolist()


def test_windows_by_hand():
    data = data_of([1, 2, 3, 4, 5, 6, 7, 8])  # 7 and 8 are held out
    every = windows(data, 2)
    spans = sorted(zip(every.starts.tolist(), every.ends.tolist(), strict=True))
    # inputs 1; 2 3; 4 5, the short one at the beginning
    assert spans == [(0, 1), (1, 3), (3, 5)]


def test_held_out_items_teach_nothing():
    data = data_of([1, 2, 3, 4, 11, 12], [5, 6, 7, 9, 10])
    for some in (cases(data, "train", 50), windows(data, 50)):
        last = data.offsets[some.users + 1] - 2
        assert (some.ends < last).all()
        assert not {9, 10, 11, 12} & set(some.targets.tolist())


def test_what_short_sequences_are_good_for():
    data = data_of([1], [1, 2], [1, 2, 3], [1, 2, 3, 4])
    assert cases(data, "test", 5).users.tolist() == [1, 2, 3]
    assert cases(data, "valid", 5).users.tolist() == [2, 3]
    assert cases(data, "train", 5).users.tolist() == [3]
    assert windows(data, 5).users.tolist() == [3]
    assert len(cases(data_of([1], [2]), "test", 5)) == 0


TIMED = st.lists(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(1, 12)), max_size=7), min_size=1, max_size=5
)


@given(TIMED, st.integers(-5, 5), st.integers(1, 8))
def test_cases_at_a_time_are_cut_as_by_hand(rows, time, max_length):
    rows = [sorted(user, key=lambda row: row[0]) for user in rows]
    data = data_of(
        *([item for _, item in user] for user in rows), times=[t for user in rows for t, _ in user]
    )
    wanted = []
    for user, of_user in enumerate(rows):
        before = [item for t, item in of_user if t < time]
        later = [item for t, item in of_user if t >= time]
        if before and later:
            wanted.append((user, before[-max_length:], later[0]))
    assert listed(data, cases_at(data, time, max_length)) == wanted


def test_an_interaction_at_the_time_itself_is_the_target():
    data = data_of([1, 2, 3], [4, 5], [6, 7], [8, 9], times=[1, 5, 5, 1, 4, 5, 6, 4, 6])
    # user 1 has nothing from 5 on, user 2 nothing before
    assert listed(data, cases_at(data, 5, 9)) == [(0, [1], 2), (3, [8], 9)]


def test_data_without_times_are_not_split_at_one():
    with pytest.raises(WorkbenchError, match="tiny has no times to split at; give data with a"):
        cases_at(data_of([1, 2, 3]), 0, 5)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2020-01-01", 1577836800),
        ("2020-01-01T00:00:01", 1577836801),
        ("2020-01-01 01:00:00+01:00", 1577836800),
        (datetime(2020, 1, 1, 12), 1577880000),
        (date(2020, 1, 1), 1577836800),
        ("1577836800", 1577836800),
        (1577836799.5, 1577836800),
        (20200101, 20200101),  # seconds, not a date
        (-1, -1),
    ],
)
def test_times_of_a_split(time, seconds):
    assert split_seconds(time) == seconds


def test_a_time_is_written_in_utc():
    assert written_time(1577836801) == "2020-01-01T00:00:01Z"


@pytest.mark.parametrize("time", ["", "soon", "2020-13-01", "nan", math.inf, "3/4/2020"])
def test_what_is_no_time_of_a_split(time):
    with pytest.raises(WorkbenchError, match="which is no time; give a date such as 2020-01-01"):
        split_seconds(time)


def test_take_keeps_the_order_asked_for():
    data = data_of([1, 2, 3, 4, 5, 6])
    every = cases(data, "train", 2)
    wanted = [listed(data, every)[i] for i in (2, 0)]
    assert listed(data, every.take(np.array([2, 0]))) == wanted


def test_an_unknown_split_is_told():
    with pytest.raises(WorkbenchError, match="'dev'; choose train, valid or test"):
        cases(data_of([1, 2, 3]), "dev", 5)
