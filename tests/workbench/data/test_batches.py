"""Batches: padding on the right, each case once, like lengths together."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.tiny import data_of
from workbench import WorkbenchError
from workbench.data.batches import (
    POOL,
    held_out_batch,
    iterate,
    make_batch,
    shifted_targets,
    shuffled,
)
from workbench.data.splits import Cases, cases, windows

DATA = data_of([1, 2, 3, 4, 5, 6], [7, 8], [9, 10, 11, 12], times=range(100, 112))


def of_lengths(lengths):
    """Cases that have these lengths, and nothing else."""
    ends = np.array(lengths)
    return Cases(np.arange(len(ends)), np.zeros_like(ends), ends, np.ones_like(ends))


def test_a_batch_by_hand():
    batch = make_batch(DATA, cases(DATA, "test", 4))
    assert batch.items.tolist() == [[2, 3, 4, 5], [7, 0, 0, 0], [9, 10, 11, 0]]
    assert batch.lengths.tolist() == [4, 1, 3]
    assert batch.rows.tolist() == [3, 0, 2]
    assert batch.users is not None
    assert batch.users.tolist() == [0, 1, 2]
    assert batch.times is not None
    assert batch.times.tolist() == [[101, 102, 103, 104], [106, 0, 0, 0], [108, 109, 110, 0]]
    assert batch.valid.tolist() == [[True] * 4, [True, False, False, False], [True] * 3 + [False]]


def test_data_without_times_make_batches_without():
    data = data_of([1, 2, 3])
    assert make_batch(data, cases(data, "test", 4)).times is None


def test_a_batch_is_as_wide_as_its_longest_history():
    every = cases(DATA, "test", 4)
    assert make_batch(DATA, every.take(np.array([1]))).items.shape == (1, 1)
    assert make_batch(DATA, every.take(np.array([2, 1]))).items.tolist() == [[9, 10, 11], [7, 0, 0]]


@given(
    sequences=st.lists(
        st.lists(st.integers(1, 12), min_size=2, max_size=6), min_size=1, max_size=7
    ),
    size=st.integers(1, 8),
)
def test_iterate_yields_each_case_once(sequences, size):
    data = data_of(*sequences)
    every, indices, widths = cases(data, "test", 4), [], []
    for index, batch, targets in iterate(data, every, size):
        assert 1 <= len(index) <= size
        widths.append(batch.items.shape[1])
        for row, case in enumerate(index):
            history = sequences[case][:-1][-4:]
            assert batch.items[row].tolist() == history + [0] * (widths[-1] - len(history))
            assert targets[row] == sequences[case][-1]
        indices += index.tolist()
    assert sorted(indices) == list(range(len(every)))
    assert widths == sorted(widths)
    # histories of one length keep their order
    assert indices == sorted(indices, key=lambda case: min(len(sequences[case]) - 1, 4))


def test_shuffled_batches_hold_each_case_once_and_like_lengths():
    lengths = np.random.default_rng(0).integers(1, 50, 2 * POOL * 4 + 13)
    batches = shuffled(of_lengths(lengths), 4, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert [len(b) for b in batches[: 2 * POOL]] == [4] * (2 * POOL)
    assert len(batches) == 2 * POOL + 4  # the rest is shared by as few as can be
    for pool in (batches[:POOL], batches[POOL : 2 * POOL], batches[2 * POOL :]):
        spans = [(int(lengths[b].min()), int(lengths[b].max())) for b in pool]
        assert spans != sorted(spans)  # batches are not in the order of length
        assert all(a[1] <= b[0] for a, b in pairwise(sorted(spans)))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 30))
def test_batches_of_windows_hold_as_many_targets_whatever_their_length(lengths, size):
    targets = np.array(lengths)
    batches = shuffled(of_lengths(lengths), size, np.random.default_rng(0), targets)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    held = [int(targets[b].sum()) for b in batches]
    assert all(len(b) for b in batches)
    assert max(held) < size + targets.max()
    # one window more or less beside the mean
    if targets.max() <= size and sum(held) <= POOL * size:
        share = sum(held) / -(-sum(held) // size)
        assert all(abs(h - share) < targets.max() for h in held)


def test_shuffled_follows_the_seed():
    every = of_lengths(np.arange(1, 41))
    one, same, other = (
        [b.tolist() for b in shuffled(every, 4, np.random.default_rng(seed))] for seed in (5, 5, 6)
    )
    assert one == same
    assert one != other


def test_pools_are_drawn_at_random():
    """Equal lengths: which cases share a batch is chance, not their order in the data."""
    batches = shuffled(of_lengths(np.full(64, 7)), 8, np.random.default_rng(0))
    assert all(np.ptp(b) > 8 for b in batches)


def test_shifted_targets_by_hand():
    data = data_of([1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11])
    some = windows(data, 3)
    batch = make_batch(data, some)
    found = dict(
        zip(map(tuple, batch.items.tolist()), shifted_targets(data, some, 3).tolist(), strict=True)
    )
    assert found == {(1, 0, 0): [2, 0, 0], (2, 3, 4): [3, 4, 5], (8, 0, 0): [9, 0, 0]}


def test_to_another_device_moves_all_there_is():
    moved = make_batch(DATA, cases(DATA, "test", 4)).to("meta")
    parts = (moved.items, moved.lengths, moved.times, moved.users)
    assert all(part is not None and part.device.type == "meta" for part in parts)
    data = data_of([1, 2])
    assert make_batch(data, cases(data, "test", 4)).to("meta").times is None


def test_held_out_gives_the_histories_of_the_users_asked_for_in_that_order():
    data = data_of([1, 2, 3], [4], [5, 6, 7, 8])
    batch, targets = held_out_batch(data, [2, 0], max_length=2)
    assert batch.items.tolist() == [[6, 7], [1, 2]]
    assert targets.tolist() == [8, 3]
    assert batch.users.tolist() == [2, 0]


def test_a_user_without_a_test_case_is_told():
    data = data_of([1, 2, 3], [4], [5, 6])
    said = f"user {data.user_ids[1]} of .* has no item before the held-out"
    with pytest.raises(WorkbenchError, match=said):
        held_out_batch(data, [0, 1], 50)


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ([], "no user is given; give the index of one or more."),
        ([0.5], "users must be a list of whole numbers, and not [0.5]."),
        (["7"], "users must be a list of whole numbers, and not ['7']."),
        ([[0, 1], [2]], "users must be a list of whole numbers, and not [[0, 1], [2]]."),
        ([[0]], "users must be a list of whole numbers, and not [[0]]."),
        ([-1], "there is no user with the index -1; those of tiny run from 0 to 1."),
        ([0, 2], "there is no user with the index 2; those of tiny run from 0 to 1."),
    ],
)
def test_what_is_no_list_of_users_is_told(users, said):
    with pytest.raises(WorkbenchError) as caught:
        held_out_batch(data_of([1, 2, 3], [2, 3, 4]), users, 50)
    assert str(caught.value) == said
