import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.running.repeats import Repeats, count_repeats
from tests.analyses.handmade import data_of


def test_repeats_are_those_counted_by_hand():
    data = data_of([1, 2, 1, 1], [3, 3], [1, 2, 3], [4], [2, 2, 2, 5])
    assert count_repeats(data, np.arange(3)) == Repeats(5, 2)
    assert count_repeats(data, np.array([0, 2, 4])) == Repeats(5, 1)
    assert count_repeats(data, np.array([2])) == Repeats(5, 0)


@pytest.mark.parametrize("measured", ["all", "some"])
@given(st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=9), min_size=1, max_size=6))
def test_repeats_are_those_of_python(measured, sequences):
    users = np.arange(len(sequences))[:: 1 if measured == "all" else 2]
    assert count_repeats(data_of(*sequences), users) == Repeats(
        sum(len(s) - len(set(s)) for s in sequences),
        sum(sequences[user][-1] in sequences[user][:-1] for user in users),
    )
