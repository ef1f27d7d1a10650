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
    removed = torch.zeros_like(padded, dtype=torch.bool)
    removed[0, place] = removed[1, 0] = True
    left = batch.without(removed)
    expected = history[:place] + history[place + 1 :] if len(history) > 1 else history
    kept = int(left.lengths[0])
    assert left.items[0, :kept].tolist() == expected
    assert left.items[0, kept:].eq(0).all()
    assert left.items[1].tolist() == [1, *[0] * (left.items.shape[1] - 1)]
    assert left.items.shape[1] == max(left.lengths)
    where = [p for p in range(len(history)) if p != place or len(history) == 1]
    assert left.times is not None
    assert left.times[0, :kept].tolist() == where


def test_several_items_leave_at_once_and_a_history_never_empties():
    items = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
    batch = Batch(items, torch.tensor([4, 2]))
    removed = torch.tensor([[True, False, True, False], [True, True, False, False]])
    left = batch.without(removed)
    assert left.items.tolist() == [[2, 4], [5, 6]]
    assert left.lengths.tolist() == [2, 2]


def test_hidden_items_keep_their_places_and_the_last_one_shown_predicts():
    items = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
    batch = Batch(items, torch.tensor([4, 2]))
    hidden = batch.hiding(torch.tensor([[True, False, False, True], [True, True, False, False]]))
    assert hidden.items.equal(items)
    assert hidden.valid.tolist() == [[False, True, True, False], [True, True, False, False]]
    assert hidden.rows.tolist() == [2, 1]
    assert hidden.take(torch.tensor([1])).valid.tolist() == [[True, True, False, False]]
