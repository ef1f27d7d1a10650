"""Which batches of an epoch are timed, and that they are trained on as in any epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.epochs import TimedEpoch, evenly
from workbench import SequenceData
from workbench.data import from_interactions
from workbench.training.settings import Objective


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40, unique=True), st.integers(1, 50))
def test_one_batch_of_every_stratum(widths: list[int], count: int) -> None:
    batches = [np.array([i]) for i in range(len(widths))]  # a case each, of that length
    chosen = evenly(batches, np.array(widths), count)
    count = min(count, len(widths))
    numbers = [int(index[0]) for index in chosen]
    assert numbers == sorted(set(numbers))  # in the epoch's order, none twice
    rank = {width: place for place, width in enumerate(sorted(widths))}
    strata = sorted(int(rank[widths[i]] * count // len(widths)) for i in numbers)
    assert strata == list(range(count))


def test_positions_count_the_padding() -> None:
    batches = [np.array([0, 1]), np.array([2]), np.array([3])]
    lengths = np.array([1, 5, 9, 7])  # padded: 10, 9 and 7 positions
    (middle,) = evenly(batches, lengths, 1)
    assert middle.tolist() == [2]


@pytest.fixture
def data() -> SequenceData:
    """60 users of 13 items: each has 10 training targets."""
    users, steps = np.repeat(np.arange(60), 13), np.tile(np.arange(13), 60)
    return from_interactions(users, (users + steps) % 29, steps, name="ring")


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
def test_a_share_of_an_epoch(data: SequenceData, objective: Objective) -> None:
    torch.manual_seed(0)
    whole = TimedEpoch("SASRec", data, objective, None)
    whole.seconds()
    assert len(whole.chosen) == 3  # 600 targets, at most 256 in a batch
    assert whole.scale == 1
    share = TimedEpoch("SASRec", data, objective, 2)
    before = share.model.item_embedding.weight.detach().clone()
    share.seconds()
    assert len(share.chosen) == 2
    assert share.scale == 1.5
    assert not torch.equal(share.model.item_embedding.weight, before)
    share.products()
