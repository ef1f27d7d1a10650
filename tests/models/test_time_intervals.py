"""Intervals counted by hand: clipped, in a user's smallest positive gap or in seconds."""

import pytest
import torch

from models import Batch
from models.time_intervals import interval_index
from tests.models.variants import build

TIMES = torch.tensor(
    [
        [100, 103, 110, 110, 130],  # smallest gap 3
        [0, 10, 30, 40, 40],  # 10
        [50, 60, 64, 0, 0],  # 10, then 4; and padding
    ]
)


def test_in_the_smallest_gap_up_to_each_row():
    found = interval_index(TIMES, 9, smallest=True)
    assert found.shape == (3, 1, 5, 5)
    rows = found[:, 0].tolist()
    assert rows[0][1][:2] == [1, 0]
    assert rows[0][2][:3] == [3, 2, 0]  # 10 / 3 and 7 / 3, rounded down
    assert rows[0][3][:4] == [3, 2, 0, 0]
    assert rows[0][4] == [9, 9, 6, 6, 0]  # 30 / 3 is clipped
    assert rows[1][4] == [4, 3, 1, 0, 0]  # each user has a unit of their own
    assert rows[2][1][:2] == [1, 0]  # 4 is not known yet
    assert rows[2][2][:3] == [3, 1, 0]


def test_a_later_item_changes_no_earlier_row():
    later = TIMES.clone()
    later[:, 3:] += 1
    one, other = (interval_index(t, 50, smallest=True)[:, 0, :3, :3] for t in (TIMES, later))
    past = torch.ones(3, 3, dtype=torch.bool).tril()
    assert torch.equal(one * past, other * past)


def test_where_no_time_passes_there_is_no_interval():
    assert not interval_index(torch.tensor([[7, 7, 7]]), 9, smallest=True).any()
    assert not interval_index(torch.tensor([[7]]), 9, smallest=True).any()


def test_in_seconds():
    found = interval_index(TIMES, 15, smallest=False)[:, 0].tolist()
    assert found[0][4] == [15, 15, 15, 15, 0]
    assert found[0][2] == [10, 7, 0, 0, 15]
    assert found[2][2][:3] == [14, 4, 0]


@torch.no_grad()
@pytest.mark.parametrize("unit", ["smallest", "second"])
def test_a_clock_twice_as_fast_is_the_same_only_in_own_gaps(unit):
    model = build("SASRec", backbone="TiSASRec", time_unit=unit, time_span=30)
    items, lengths = torch.tensor([[3, 1, 4, 1, 5]]), torch.tensor([5])
    slow, fast = (model.scores(Batch(items, lengths, TIMES[:1] * k))[:, 1:] for k in (1, 2))
    assert torch.equal(slow, fast) == (unit == "smallest")


def test_a_batch_without_times_is_told():
    model = build("SASRec", backbone="TiSASRec")
    with pytest.raises(ValueError, match="needs the time of every item"):
        model.scores(Batch(torch.tensor([[3]]), torch.tensor([1])))


def test_times_that_are_no_whole_seconds_are_told():
    model = build("SASRec", backbone="TiSASRec")
    with pytest.raises(ValueError, match=r"whole seconds; convert them by \.long\(\)"):
        model.scores(Batch(torch.tensor([[3]]), torch.tensor([1]), torch.tensor([[0.5]])))
