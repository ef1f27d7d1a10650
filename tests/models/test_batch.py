"""Rows taken from a batch, and items taken from its histories."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models import Batch


def test_rows_are_taken_in_the_order_given():
    items = torch.tensor([[1, 2], [3, 0], [4, 5]])
    batch = Batch(items, torch.tensor([2, 1, 2]), users=torch.tensor([7, 8, 9]))
    taken = batch.take(torch.tensor([2, 0]))
    assert taken.items.tolist() == [[4, 5], [1, 2]]
    assert taken.lengths.tolist() == [2, 2]
    assert taken.users is not None
    assert taken.users.tolist() == [9, 7]
    assert taken.times is None


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_without_deletes_one_item_and_nothing_else(history, draw):
    place = draw.draw(st.integers(0, len(history) - 1))
    padded = torch.tensor([[*history, 0, 0], [1, *[0] * (len(history) + 1)]])
    times = torch.arange(padded.numel()).view_as(padded)
    batch = Batch(padded, torch.tensor([len(history), 1]), times, torch.tensor([0, 1]))
    left = batch.without(torch.tensor([place, 0]))
    expected = history[:place] + history[place + 1 :] if len(history) > 1 else history
    kept = int(left.lengths[0])
    assert left.items[0, :kept].tolist() == expected
    assert left.items[0, kept:].eq(0).all()
    assert left.items[1].tolist() == [1, *[0] * (left.items.shape[1] - 1)]
    assert left.items.shape[1] == max(left.lengths)
    where = [p for p in range(len(history)) if p != place or len(history) == 1]
    assert left.times is not None
    assert left.times[0, :kept].tolist() == where
